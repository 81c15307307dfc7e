"""The load client: thousands of viewers in one process on one epoll, with no Python object per connection.

A swarm has *targets* (where to connect, with which request) and *members* (one connection each). A member goes
  WAITING -> CONNECTING -> OPENING (request sent) -> OPEN -> CLOSING (close frames exchanged) -> WAITING or GONE.
It parses server frames (RFC 6455) or an event stream, follows the versions of its one channel, and counts.
Every cdef function is nogil and cannot raise; what goes wrong is a counter in gs_totals.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from native.deflate cimport gs_inflater
from native.histogram cimport gs_histogram
from native.swarm_scan cimport gs_message

# A member's states.
cdef enum:
    MEMBER_FREE = 0
    MEMBER_WAITING = 1
    MEMBER_CONNECTING = 2
    MEMBER_OPENING = 3
    MEMBER_OPEN = 4
    MEMBER_CLOSING = 5
    MEMBER_GONE = 6

cdef enum gs_transport:
    TRANSPORT_WS = 1
    TRANSPORT_SSE = 2

cdef enum:
    HELD_MAX = 64
    STATUS_MAX = 600
    CLOSE_CODES = 5000
    ANSWERS_COUNT = 9

# A growable buffer; data is NULL while there is nothing in it.
cdef struct gs_buffer:
    char *data
    size_t len
    size_t cap

cdef struct gs_target:
    uint32_t address            # IPv4, network order
    uint16_t port               # network order
    uint32_t source             # address to connect from, 0: any
    uint8_t transport
    int receive_buffer_bytes    # SO_RCVBUF, 0: the kernel's choice
    int first_number            # what stands for {n} in path and channel of the first member
    int numbers                 # how many different ones there are
    uint32_t retry_first_ms     # 0: a lost connection is not made again
    uint32_t retry_last_ms
    char *path
    char *channel               # empty: not checked
    char *fields                # further header fields, each with CRLF
    char *host
    char *protocol              # the one subprotocol asked for, or empty
    uint8_t deflate             # permessage-deflate is offered

cdef struct gs_member:
    int fd
    int target
    int ordinal                 # the how-manieth of its target
    uint8_t state
    uint8_t slow                # was ever told not to read: its latencies are kept apart
    uint8_t paused              # does not read now
    uint8_t catching_up         # the first delta after a connect is not live
    uint8_t fragmented          # opcode of the fragmented message under way, 0: none
    uint8_t compressed          # ... which is compressed
    uint8_t deflate             # permessage-deflate was agreed on
    uint8_t chunked
    uint8_t wants_out
    uint16_t close_code
    uint16_t attempts
    uint8_t nonce[16]
    uint8_t held_len
    char held[HELD_MAX]
    uint64_t due_ms             # WAITING: when to connect; CONNECTING, OPENING, CLOSING: when to give up
    uint64_t lost_us            # when the last connection was lost, 0: served since
    uint32_t bye_low_ms
    uint32_t bye_high_ms
    uint32_t connects
    uint32_t snapshots
    uint32_t deltas
    uint32_t duplicates
    uint32_t gaps
    uint32_t others
    uint64_t bytes_in
    gs_buffer raw               # received, not yet a whole frame or chunk
    gs_buffer part              # fragments of a message, or the beginning of an event
    gs_buffer out               # what the socket has not taken yet

cdef struct gs_totals:
    uint64_t messages
    uint64_t bytes_in
    uint64_t snapshots
    uint64_t deltas
    uint64_t duplicates
    uint64_t gaps
    uint64_t ticks
    uint64_t stale_ticks        # a tick that names another version than the one held
    uint64_t statuses
    uint64_t errors
    uint64_t byes
    uint64_t malformed
    uint64_t strays             # messages of another channel
    uint64_t comments           # SSE heartbeats
    uint64_t pings
    uint64_t compressed         # messages that were compressed
    uint64_t inflated_in        # bytes of those
    uint64_t inflated_out       # bytes that they became
    uint64_t resumed            # after a loss: the chain went on from the version held
    uint64_t replaced           # after a loss: a snapshot
    uint64_t connects           # handshakes done
    uint64_t lost               # connections ended by the other side or by a fault
    uint64_t connect_failures
    uint64_t violations         # the server broke RFC 6455 or RFC 9112
    uint64_t unsent             # control frames or messages that the socket did not take
    uint64_t out_of_memory

cdef class Swarm:
    cdef int epoll_fd
    cdef int capacity
    cdef int used
    cdef gs_member *members
    cdef gs_target *targets
    cdef int target_count
    cdef char *scratch
    cdef size_t scratch_size
    cdef gs_inflater *inflater
    cdef size_t max_message_bytes
    cdef int opening_max
    cdef uint64_t open_timeout_ms
    cdef int opening_now
    cdef int timed                 # members in a state with a due time
    cdef int next_waiting
    cdef bint finishing            # close_all was called: nothing connects again
    cdef double rate_per_s
    cdef double allowance
    cdef uint64_t allowance_ms
    cdef uint64_t swept_ms
    cdef gs_totals totals
    cdef gs_histogram live
    cdef gs_histogram slow
    cdef gs_histogram outage
    cdef uint32_t statuses[STATUS_MAX]
    cdef uint32_t close_codes[CLOSE_CODES]
    cdef uint32_t answers[ANSWERS_COUNT]
    cdef uint64_t states[MEMBER_GONE + 1]

    cdef void turn(self, int index, int state) noexcept nogil
    cdef void sweep(self, uint64_t now_ms) noexcept nogil
    cdef void begin(self, int index, uint64_t now_ms) noexcept nogil
    cdef void ready(self, int index, uint32_t events) noexcept nogil
    cdef void ask(self, int index) noexcept nogil
    cdef void receive(self, int index) noexcept nogil
    # The take_ functions return how many bytes they used, -1: the connection is gone.
    cdef ssize_t take(self, int index, char *data, size_t size) noexcept nogil
    cdef ssize_t take_head(self, int index, char *data, size_t size) noexcept nogil
    cdef ssize_t take_frame(self, int index, char *data, size_t size) noexcept nogil
    cdef ssize_t take_chunk(self, int index, char *data, size_t size) noexcept nogil
    cdef bint take_control(self, int index, int opcode, char *data, size_t size) noexcept nogil
    cdef bint take_text(self, int index, const char *data, size_t size) noexcept nogil
    cdef void take_event(self, int index, const char *data, size_t size) noexcept nogil
    # False when the connection is gone.
    cdef bint take_compressed(self, int index, int opcode, const char *data, size_t size) noexcept nogil
    cdef void take_message(self, int index, int opcode, const char *data, size_t size) noexcept nogil
    cdef void served(self, gs_member *member, gs_message *message, uint64_t now_us) noexcept nogil
    cdef bint send_frame(self, int index, int opcode, const char *data, size_t size) noexcept nogil
    cdef bint push(self, int index, const char *data, size_t size) noexcept nogil
    cdef void watch(self, int index) noexcept nogil
    cdef void violated(self, int index) noexcept nogil
    cdef void lose(self, int index) noexcept nogil
    cdef void drop(self, int index, bint hard) noexcept nogil

cdef bint keep(gs_buffer *buffer, const char *data, size_t size) noexcept nogil
cdef void clear(gs_buffer *buffer) noexcept nogil
