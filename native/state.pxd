# The state of the data plane: slots of connections, subscriptions and groups, and how bytes leave them.
# Plain structs, indexes instead of pointers, no Python object. One thread at a time per table.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from native.deflate cimport gs_inflater
from native.frames cimport gs_frame
from native.parser cimport ws_assembly, ws_limits

cdef enum:
    GS_NIL = 0xFFFFFFFF     # no index
    GS_TICK_MS = 64         # unit of deadlines
    GS_BATCH = 128          # epoll events looked at in one go
    GS_LISTENERS = 16
    GS_LOAD_MAX = 128       # load at which a poll ends: 16 heads, 32 catch-ups, 64 messages or 128 ends
    GS_WHEEL = 512          # buckets of the timing wheel, a tick each: 33 s
    GS_SPARE = 256          # slots beside the table's own: who finds it full is answered in one, and waited for until it has read that
    GS_SCRATCH = 4096       # bytes read in one go, and so what one peer can have told of in one poll

cdef enum:
    GS_FREE = 0
    GS_HEAD         # reading a request head
    GS_HELD         # head handed over; not read until upgrade, release or refuse
    GS_WS           # parked
    GS_SSE          # parked
    GS_CLOSING      # our Close (or last bytes) are on their way or sent, the peer's is awaited
    GS_LINGER       # all sent and shut down for writing; what arrives is discarded until the peer closes
    GS_ZOMBIE       # descriptor closed; the slot waits until its "closed" event was delivered

cdef enum:
    GS_WANT_OUT = 1     # EPOLLOUT is armed
    GS_CLOSE_SENT = 2   # a Close is in the control slot or sent
    GS_DISCARD = 4      # nothing is awaited of the peer: shut down once all is sent
    GS_PONG = 8         # the control slot holds a pong
    GS_PINGED = 16      # nothing was received since our ping
    GS_DEFLATE = 32     # permessage-deflate was agreed on
    GS_UNWATCHED = 64   # not yet registered with epoll
    GS_MUTED = 128      # registered, but for its end only

cdef enum:
    GS_CURRENT = 0
    GS_BEHIND       # waits for its socket
    GS_READY        # its socket is writable, a "behind" event is out, waits for serve()

cdef enum:
    GS_EV_HEAD = 1
    GS_EV_MESSAGE
    GS_EV_CLOSED
    GS_EV_BEHIND

# Why a connection ended; names in native.connections.CLOSE_REASONS.
cdef enum:
    GS_R_NONE = 0
    GS_R_PEER
    GS_R_EOF
    GS_R_ERROR
    GS_R_PROTOCOL
    GS_R_PAYLOAD
    GS_R_POLICY
    GS_R_TOO_BIG
    GS_R_SERVER
    GS_R_CLOSE_TIMEOUT
    GS_R_HEAD_TIMEOUT
    GS_R_HEAD_TOO_BIG
    GS_R_IDLE
    GS_R_EXPIRED
    GS_R_REFUSED
    GS_R_ABORTED
    GS_R_NO_MEMORY
    GS_R_RATE

cdef enum:
    GS_TURNED_AWAY = 3

cdef struct gs_head:    # the request head so far, and bytes behind it
    uint32_t len
    uint32_t end        # length of the complete head; 0: not complete
    uint32_t key        # of an opening of a WebSocket: where its key is; else 0
    uint8_t data[1]     # allocated to `len`

cdef struct gs_rx:      # what an incomplete frame or message leaves between two reads; mostly there is none
    ws_assembly assembly
    uint8_t *data       # bytes of an incomplete frame
    uint32_t len
    uint32_t cap
    uint64_t need       # length at which the frame may be complete

cdef struct gs_conn:
    int fd
    uint32_t gen
    uint8_t state
    uint8_t flags
    uint8_t reason      # first cause of the end
    uint8_t kind        # 0, 1 = WebSocket, 2 = event stream, 3 = turned away: in a spare slot
    uint32_t tag
    uint64_t grant
    uint64_t user
    uint32_t expiry_s   # unix time; 0: none
    uint32_t tick       # HEAD, CLOSING, LINGER: deadline; parked: last sign of life
    uint32_t offset     # sent bytes of `pending`
    uint32_t last_sub   # of the ring of subscriptions: its next is the first
    uint32_t subs       # free or zombie: next in its list
    uint32_t behind     # subscriptions that are BEHIND
    uint32_t timer_at   # tick at which the connection is looked at next; GS_NIL: it is not in the wheel
    uint32_t timer_next
    uint32_t timer_prev
    uint16_t second     # of its last ping or pong, in units of 16 ticks
    uint16_t controls   # pings and pongs in it
    int64_t talked_ns   # moments up to which what the viewer sent has used up its rates: messages, bytes
    int64_t poured_ns
    gs_frame *pending   # the frame in the middle of which the connection is
    gs_frame *control   # one message that goes first when there is room
    void *kept          # gs_head while HEAD or HELD, gs_rx while parked; mostly NULL

cdef struct gs_sub:
    uint32_t conn
    uint32_t group
    uint32_t pos        # in the group's members
    uint32_t next       # in the ring of the connection; free: next free
    uint64_t held       # flush that the viewer has
    uint32_t wave_next  # READY: others with the same (group, held)
    uint32_t wave_prev
    uint16_t aux        # last aside message that was offered
    uint8_t state

cdef struct gs_group:
    uint32_t *members
    uint32_t n
    uint32_t cap
    uint32_t behind     # BEHIND and READY
    uint32_t next_free
    uint8_t in_use
    uint8_t queued      # in the list of groups with work
    uint8_t active      # a job is under way
    uint8_t aux         # ... that moves no version
    uint8_t dirty       # members came or went since the scan began
    uint8_t small       # nobody waits for the end of the job: whoever begins another ends it
    uint8_t touched     # in the list of groups whose members came or went
    uint16_t aux_number
    uint32_t cursor
    uint32_t left       # members still to visit in this scan
    uint32_t rotation
    uint64_t from_seq
    uint64_t to_seq
    gs_frame *frame

cdef struct gs_wave:    # the READY subscriptions of one (group, held)
    uint64_t held
    uint32_t group
    uint32_t first
    uint32_t next       # in its bucket; free: next free

cdef struct gs_event:
    uint64_t conn       # BEHIND: group
    uint64_t number     # HEAD: tag; MESSAGE: opcode; CLOSED: reason; BEHIND: held
    uint8_t *data       # MESSAGE: owned
    uint32_t size
    uint8_t type

cdef struct gs_listener:
    int fd              # -1: unused
    uint32_t tag
    bint paused         # no descriptor was to be had; tried again by the next sweep

cdef struct gs_stats:
    uint64_t accepts, accept_failures, refused_full, refused_late
    uint64_t bytes_in, messages_in, pings_in
    uint64_t inflated_in, inflated_out, inflate_failures
    uint64_t bytes_out, frames_out, blocked, partial
    uint64_t dropped_controls, closed, lost_events

cdef struct gs_rate:    # a token bucket, as the moment up to which it is used up
    double each_ns      # what one unit takes; 0: no limit
    int64_t burst_ns    # how far that moment may lie ahead

cdef struct gs_table:
    int epoll
    int signal          # eventfd: events wait that epoll does not know of
    bint signalled
    bint polling        # the caller drains the events itself
    bint openings       # plain openings are told of as such
    uint32_t wait_ms    # an opening that waited longer to be accepted is refused; 0: none is
    uint32_t max_conns
    uint32_t max_subs   # of one connection
    uint32_t max_head
    uint32_t close_ticks, head_ticks, idle_ticks
    uint32_t sndbuf
    ws_limits limits
    int64_t base_ms     # CLOCK_MONOTONIC at tick 0
    gs_conn *conns
    uint32_t high       # slots ever used
    uint32_t free_conn
    uint32_t used       # slots in use, zombies and spare ones included
    uint32_t turned     # spare ones in use
    uint32_t zombies    # closed, event not delivered
    uint32_t buried     # closed, event delivered by the call before
    uint32_t states[8]
    gs_sub *subs
    uint32_t sub_cap, sub_high, free_sub, sub_count
    gs_group *groups
    uint32_t group_cap, group_high, free_group, group_count
    uint32_t *work      # ring of groups with a job, capacity work_cap (a power of two)
    uint32_t work_cap, work_at, work_n
    uint32_t *touched   # groups whose members came or went since they were last asked for; capacity group_cap
    uint32_t touched_n
    gs_wave *waves
    uint32_t wave_cap, wave_high, free_wave
    uint32_t buckets[1024]
    uint64_t behind
    gs_event *events
    uint32_t event_n, event_cap
    uint32_t load       # of the events of this poll on their receiver; see GS_LOAD_MAX
    gs_stats stats
    gs_listener listeners[16]
    uint8_t *scratch
    gs_inflater *inflater   # made for the first compressed message
    uint32_t now_tick       # of this poll or sweep
    int64_t now_ns
    uint32_t wheel[512]     # first connection of each bucket
    uint32_t wheel_at       # tick up to which the wheel has turned
    gs_rate messages, poured    # what a viewer may send
    uint32_t free_tag       # connections with this tag have no such rates
    uint32_t gens           # generations given out
    uint32_t peak           # most slots in use since memory was last given back

# NULL with errno set when there is no memory or no descriptor.
cdef gs_table *gs_table_new(uint32_t max_conns) noexcept nogil
cdef void gs_table_free(gs_table *t) noexcept nogil
cdef int64_t gs_now_ms() noexcept nogil
cdef uint32_t gs_tick(gs_table *t, int64_t now_ms) noexcept nogil

cdef uint64_t gs_id(gs_table *t, uint32_t slot) noexcept nogil
# The slot of a live connection, GS_NIL for a stale id; with `dead` also zombies.
cdef uint32_t gs_slot(gs_table *t, uint64_t conn, bint dead) noexcept nogil
# A new slot in state HEAD, not yet registered with epoll; GS_NIL when full. Takes `fd` only on success.
cdef uint32_t gs_conn_new(gs_table *t, int fd, uint32_t tag) noexcept nogil
# The same in a spare slot, for a connection that is only told that there is no room.
cdef uint32_t gs_conn_spare(gs_table *t, int fd, uint32_t tag) noexcept nogil
# The connection is looked at by the first sweep at or after `tick`; GS_NIL: by none.
cdef void gs_timer(gs_table *t, uint32_t slot, uint32_t tick) noexcept nogil
# Takes `units` out of a bucket whose state is `used`; False when there are not so many.
cdef bint gs_take(const gs_rate *rate, int64_t *used, int64_t now_ns, uint32_t units) noexcept nogil
# Gives the memory of slots and subscriptions back that a crowd has left behind.
cdef void gs_give_back(gs_table *t) noexcept nogil
cdef int64_t gs_now_ns() noexcept nogil
cdef void gs_set_state(gs_table *t, uint32_t slot, uint8_t state) noexcept nogil
# Frees a kept head or kept frames; before the state changes from HEAD or HELD to another.
cdef void gs_drop_input(gs_conn *c) noexcept nogil
# Sets what epoll watches from state and flags; False when epoll takes no more descriptors.
cdef bint gs_watch(gs_table *t, uint32_t slot) noexcept nogil
cdef void gs_arm(gs_table *t, uint32_t slot) noexcept nogil
cdef void gs_disarm(gs_table *t, uint32_t slot) noexcept nogil
# Ends the connection now; the first cause given stays the reason.
cdef void gs_kill(gs_table *t, uint32_t slot, uint8_t reason) noexcept nogil
# Takes the connection out without an event; the descriptor is the caller's afterwards.
cdef int gs_detach(gs_table *t, uint32_t slot) noexcept nogil
cdef void gs_push(gs_table *t, uint8_t type, uint64_t conn, uint64_t number, uint8_t *data, uint32_t size) noexcept nogil
# Frees the slots whose "closed" events were delivered by the call before; to be called first, then gs_delivered at the end.
cdef void gs_bury(gs_table *t) noexcept nogil
cdef void gs_delivered(gs_table *t) noexcept nogil
cdef void gs_event_drop(gs_event *event) noexcept nogil

# Sends the start of `frame`; the connection is not mid-frame. 1: all or a part went (the rest is pending), 0: the socket
# is full, -1: the socket is dead (the caller ends the connection).
cdef int gs_emit(gs_table *t, uint32_t slot, gs_frame *frame) noexcept nogil
# Sends `head` with `first` (or NULL) behind it by one call; the connection is fresh, and what does not go out at once is
# kept. 1: all went or is kept, -1: the socket is dead or there is no memory (the caller ends the connection).
cdef int gs_emit_first(gs_table *t, uint32_t slot, gs_frame *head, gs_frame *first) noexcept nogil
# Sends pending and control. 1: nothing is left, 0: the socket is full, -1: dead.
cdef int gs_flush(gs_table *t, uint32_t slot) noexcept nogil

# GS_NIL when there is no memory.
cdef uint32_t gs_sub_new(gs_table *t, uint32_t slot, uint32_t group) noexcept nogil
cdef uint32_t gs_sub_find(gs_table *t, uint32_t slot, uint32_t group) noexcept nogil
# Others of the connection that are behind get their turn.
cdef void gs_sub_free(gs_table *t, uint32_t sub) noexcept nogil
cdef void gs_subs_free(gs_table *t, uint32_t slot) noexcept nogil
cdef void gs_to_current(gs_table *t, uint32_t sub, uint64_t held) noexcept nogil
# Waits for its socket, which is armed.
cdef void gs_to_behind(gs_table *t, uint32_t sub) noexcept nogil
# Makes one BEHIND subscription of the connection READY and tells of it, once for each (group, held). The search
# begins behind the one that was served last, so that under lasting pressure each has its turn.
cdef void gs_next_ready(gs_table *t, uint32_t slot) noexcept nogil
cdef uint32_t gs_wave_find(gs_table *t, uint32_t group, uint64_t held) noexcept nogil

cdef uint32_t gs_group_new(gs_table *t) noexcept nogil
# Takes up to `most` groups whose members came or went into `out`; how many they are.
cdef uint32_t gs_touched(gs_table *t, uint32_t *out, uint32_t most) noexcept nogil
cdef void gs_group_free(gs_table *t, uint32_t group) noexcept nogil
cdef void gs_job_end(gs_group *g) noexcept nogil
# Enters the group into the list of work; False when there is no memory.
cdef bint gs_work_add(gs_table *t, uint32_t group) noexcept nogil
