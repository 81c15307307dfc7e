# What comes in from sockets, and how connections end: accept, request heads, frames, closing, time-outs. No Python object.

from libc.stdint cimport int64_t, uint8_t, uint32_t
from native.frames cimport gs_frame
from native.state cimport gs_table

# Looks at one batch of ready descriptors and queues what is to be told; returns the size of the batch, -1 on an error
# of epoll itself (errno).
cdef int gs_poll_once(gs_table *t) noexcept nogil
# Turns the wheel to `now_ms`: looks at connections whose time has come, at most `most` of them.
cdef void gs_sweep(gs_table *t, int64_t now_ms, int64_t unix_s, uint32_t most) noexcept nogil
# Puts a connection whose state has changed where the wheel looks at it in time.
cdef void gs_await(gs_table *t, uint32_t slot, int64_t unix_s) noexcept nogil
# A connection for a descriptor of ours, which is closed when there is no slot (GS_NIL).
cdef uint32_t gs_admit(gs_table *t, int fd, uint32_t tag) noexcept nogil
# No delay, and a send buffer of that size (0: the system's).
cdef void gs_tune_socket(int fd, uint32_t sndbuf) noexcept nogil
# Bytes of a connection in HEAD, of a parked WebSocket; `data` is changed. The connection may be gone afterwards.
cdef void gs_feed_head(gs_table *t, uint32_t slot, const uint8_t *data, size_t size) noexcept nogil
cdef void gs_feed_frames(gs_table *t, uint32_t slot, uint8_t *data, size_t size) noexcept nogil
# Sends now, or keeps in the control slot: 1. 0: the slot was taken (dropped). -1: the connection was dead and is gone.
cdef int gs_say(gs_table *t, uint32_t slot, gs_frame *frame, bint pong) noexcept nogil
# Begins the close handshake of a parked connection, which leaves its groups; an event stream gets its last chunk.
cdef void gs_begin_close(
    gs_table *t, uint32_t slot, int code, const uint8_t *text, size_t size, uint8_t why, bint discard
) noexcept nogil
# Sends the last bytes of a connection that is not parked and ends it; takes over the reference (NULL: no memory).
cdef void gs_last_words(gs_table *t, uint32_t slot, gs_frame *frame, uint8_t why) noexcept nogil
