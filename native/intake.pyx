"""What comes in from sockets, and how connections end: accept, request heads, frames, closing, time-outs.

Phases: HEAD -> HELD -> parked -> CLOSING -> LINGER -> closed; each step is one function here. Never touches Python objects,
never calls back: what is to be told goes into the table's events.
"""

from libc.errno cimport (
    EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
)
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset, strlen
from posix.unistd cimport close, read

from native.deflate cimport gs_inflater_new
from native.frames cimport (
    CONTROL_FRAME_MAX, OP_PING, OP_PONG, close_bytes, control_frame, frame_copy, frame_release, gs_frame, gs_frame_retain
)
from native.ledger cimport LIVE_BUFFERS, live
from native.parser cimport (
    CLOSE_INVALID_PAYLOAD, CLOSE_INTERNAL, CLOSE_NO_STATUS, CLOSE_POLICY, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG, RSV1,
    STEP_CLOSE, STEP_FAIL, STEP_MESSAGE, STEP_MORE, STEP_NO_MEMORY, STEP_PING, STEP_PONG, ws_assembly, ws_inflate, ws_next,
    ws_reset, ws_step
)
from native.state cimport *


cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <string.h>
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    static int gs_accept4(int fd) { return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }
    static void gs_tune(int fd, unsigned int sndbuf) {
        int one = 1, size = (int)sndbuf;
        /* Not possible on a Unix socket, and not needed there. */
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (size) (void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    /* How long ago a peer's last bytes came, in ms; 0 where the kernel does not say (a Unix socket). */
    static unsigned int gs_waited_ms(int fd) {
        struct tcp_info info;
        socklen_t size = sizeof info;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
        return info.tcpi_last_data_recv;
    }
    /* Where the empty line that ends a request head ends, or 0; glibc's memmem needs a feature macro set too early. */
    static size_t gs_head_end(const unsigned char *data, size_t size, size_t from) {
        while (from + 4 <= size) {
            const unsigned char *hit = memchr(data + from, '\\r', size - from - 3);
            if (hit == NULL) return 0;
            if (memcmp(hit, "\\r\\n\\r\\n", 4) == 0) return (size_t)(hit - data) + 4;
            from = (size_t)(hit - data) + 1;
        }
        return 0;
    }
    """
    int gs_accept4(int fd) nogil
    void gs_tune(int fd, unsigned int sndbuf) nogil
    uint32_t gs_waited_ms(int fd) nogil
    size_t gs_head_end(const uint8_t *data, size_t size, size_t start) nogil


cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    enum: SHUT_WR
    ssize_t send(int fd, const void *data, size_t size, int flags)
    ssize_t recv(int fd, void *data, size_t size, int flags)
    int shutdown(int fd, int how)


cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CTL_MOD
    enum: EPOLLIN
    enum: EPOLLOUT
    enum: EPOLLRDHUP
    enum: EPOLLERR
    enum: EPOLLHUP
    ctypedef union epoll_data_t:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_wait(int epoll, epoll_event *events, int size, int timeout_ms)
    int epoll_ctl(int epoll, int op, int fd, epoll_event *event)


cdef enum:
    ACCEPT_BATCH = 64
    READ_AWAY = 4           # times GS_SCRATCH of a request that nobody reads
    GIVE_BACK_MIN = 1024    # slots that must have been in use for giving memory back to be worth it
    INFLATED_LOAD = 8192    # inflated bytes that count as one event's load

# The form of every refusal (RFC 9457), made once.
cdef const char *TOO_LARGE = (
    b"HTTP/1.1 431 Request header fields too large\r\ncontent-type: application/problem+json\r\ncontent-length: 117\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n\r\n"
    b'{"title":"Request header fields too large","status":431,"detail":"the request head is too long","code":"bad_request"}'
)
# What waited too long is answered without more work.
cdef const char *TOO_LATE = (
    b"HTTP/1.1 503 Service unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 108\r\n"
    b"cache-control: no-store\r\nconnection: close\r\nretry-after: 2\r\n\r\n"
    b'{"title":"Service unavailable","status":503,"detail":"too many viewers arrive at once","code":"unavailable"}'
)
# Who finds the table full.
cdef const char *NO_ROOM = (
    b"HTTP/1.1 503 Service unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 118\r\n"
    b"cache-control: no-store\r\nconnection: close\r\nretry-after: 2\r\n\r\n"
    b'{"title":"Service unavailable","status":503,"detail":"this worker has as many viewers as it may","code":"unavailable"}'
)
cdef const char *LAST_CHUNK = b"0\r\n\r\n"


# -- arriving ---------------------------------------------------------------------------------------------------------

cdef void gs_tune_socket(int fd, uint32_t sndbuf) noexcept nogil:
    gs_tune(fd, sndbuf)


cdef uint32_t gs_admit(gs_table *t, int fd, uint32_t tag) noexcept nogil:
    cdef uint32_t slot = gs_conn_new(t, fd, tag)
    if slot == GS_NIL:
        _turn_away(t, fd, tag)
        return GS_NIL
    gs_tune(fd, t.sndbuf)
    if not gs_watch(t, slot):
        close(gs_detach(t, slot))
        return GS_NIL
    return slot


cdef void _turn_away(gs_table *t, int fd, uint32_t tag) noexcept nogil:
    """There is no room: the answer goes out from a spare slot, whose lingering end keeps it from being lost in a reset."""
    cdef uint32_t slot = gs_conn_spare(t, fd, tag)
    cdef int i
    t.stats.refused_full += 1
    if slot != GS_NIL:
        gs_last_words(t, slot, frame_copy(<const uint8_t *>NO_ROOM, strlen(NO_ROOM)), GS_R_REFUSED)
        return
    # Of these there are as many already as may be: it is told as well as it can be without waiting for it.
    if send(fd, NO_ROOM, strlen(NO_ROOM), MSG_DONTWAIT | MSG_NOSIGNAL) > 0:
        shutdown(fd, SHUT_WR)
        for i in range(READ_AWAY):
            if recv(fd, t.scratch, GS_SCRATCH, MSG_DONTWAIT) < GS_SCRATCH:
                break
    close(fd)


cdef void _arrive(gs_table *t, int fd, uint32_t tag, bint late) noexcept nogil:
    """One accepted connection, whose request is there already most often."""
    cdef uint32_t slot = gs_conn_new(t, fd, tag)
    cdef uint64_t id
    if slot == GS_NIL:
        _turn_away(t, fd, tag)
        return
    if late and gs_waited_ms(fd) > t.wait_ms:
        t.stats.refused_late += 1
        gs_last_words(t, slot, frame_copy(<const uint8_t *>TOO_LATE, strlen(TOO_LATE)), GS_R_REFUSED)
        return
    id = gs_id(t, slot)
    _readable(t, slot)
    if gs_slot(t, id, False) != GS_NIL and t.conns[slot].state == GS_HEAD and not gs_watch(t, slot):
        gs_kill(t, slot, GS_R_ERROR)


cdef void _accept(gs_table *t, gs_listener *listener, uint64_t number) noexcept nogil:
    cdef int i, fd
    cdef bint late = False
    cdef epoll_event event
    for i in range(ACCEPT_BATCH):
        if t.load >= GS_LOAD_MAX:
            return    # level-triggered: the others are told of again
        fd = gs_accept4(listener.fd)
        if fd >= 0:
            t.stats.accepts += 1
            if i == 0:
                # The queue is first in, first out: the first one has waited longest.
                late = t.wait_ms and gs_waited_ms(fd) > t.wait_ms
            _arrive(t, fd, listener.tag, late)
        elif errno == EAGAIN:
            return
        elif errno != EINTR and errno != ECONNABORTED:
            # No descriptors or no memory, mostly: without a pause the listener would be reported again and again.
            t.stats.accept_failures += 1
            event.events = 0
            event.data.u64 = number
            epoll_ctl(t.epoll, EPOLL_CTL_MOD, listener.fd, &event)
            listener.paused = True
            return


cdef void gs_feed_head(gs_table *t, uint32_t slot, const uint8_t *data, size_t size) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef gs_head *head = <gs_head *>c.kept
    cdef uint32_t before = head.len if head != NULL else 0
    head = <gs_head *>realloc(head, sizeof(gs_head) + before + size)
    if head == NULL:
        gs_kill(t, slot, GS_R_NO_MEMORY)
        return
    if c.kept == NULL:
        live(LIVE_BUFFERS, 1)
        head.key = 0
    c.kept = head
    memcpy(head.data + before, data, size)
    head.len = before + <uint32_t>size
    head.end = <uint32_t>gs_head_end(head.data, head.len, before - 3 if before > 3 else 0)
    if head.end > t.max_head or (head.end == 0 and head.len > t.max_head):
        gs_last_words(t, slot, frame_copy(<const uint8_t *>TOO_LARGE, strlen(TOO_LARGE)), GS_R_HEAD_TOO_BIG)
    elif head.end:
        # What epoll watches is left as it is: most heads are answered before it could tell of anything.
        gs_set_state(t, slot, GS_HELD)
        gs_push(t, GS_EV_HEAD, gs_id(t, slot), c.tag, NULL, 0)


# -- what a parked viewer sends ---------------------------------------------------------------------------------------

cdef void gs_feed_frames(gs_table *t, uint32_t slot, uint8_t *data, size_t size) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef gs_rx *rx = <gs_rx *>c.kept
    cdef ws_assembly fresh
    cdef ws_assembly *assembly = &fresh
    cdef ws_step step
    cdef size_t take
    cdef int reserved = RSV1 if c.flags & GS_DEFLATE else 0
    memset(&fresh, 0, sizeof(ws_assembly))
    if rx != NULL:
        assembly = &rx.assembly
    while size:
        if rx != NULL and rx.len:
            take = size
            if take > rx.need - rx.len:
                take = <size_t>(rx.need - rx.len)
            if not _rx_add(rx, data, take):
                break
            data += take
            size -= take
            ws_next(assembly, &t.limits, reserved, rx.data, rx.len, &step)
            rx.need = step.need
            if step.kind != STEP_MORE:
                # A frame is asked for to its last byte, so the buffer held nothing else.
                rx.len = 0
        else:
            ws_next(assembly, &t.limits, reserved, data, size, &step)
            if step.kind == STEP_MORE:
                if rx == NULL:
                    rx = _rx_new(c, assembly)
                if rx == NULL or not _rx_add(rx, data, size):
                    break
                assembly = &rx.assembly
                rx.need = step.need
                size = 0
            else:
                data += step.consumed
                size -= step.consumed
        if step.kind != STEP_MORE and _step(t, slot, &step, assembly, size):
            ws_reset(&fresh)
            return
    if size == 0 and (assembly.fragments == 0 or rx != NULL or _rx_new(c, assembly) != NULL):
        rx = <gs_rx *>c.kept
        if rx != NULL and rx.len == 0 and rx.assembly.fragments == 0:
            gs_drop_input(c)
        return
    if assembly == &fresh:
        ws_reset(&fresh)
    gs_kill(t, slot, GS_R_NO_MEMORY)


cdef gs_rx *_rx_new(gs_conn *c, ws_assembly *assembly) noexcept nogil:
    """Moves the assembly into a new gs_rx of the connection."""
    cdef gs_rx *rx = <gs_rx *>calloc(1, sizeof(gs_rx))
    if rx != NULL:
        live(LIVE_BUFFERS, 1)
        rx.assembly = assembly[0]
        memset(assembly, 0, sizeof(ws_assembly))
        c.kept = rx
    return rx


cdef bint _rx_add(gs_rx *rx, const uint8_t *data, size_t size) noexcept nogil:
    cdef uint64_t cap = rx.cap
    cdef uint8_t *grown
    if rx.len + size > cap:
        cap = cap * 2 if cap * 2 > rx.len + size else rx.len + size
        grown = <uint8_t *>realloc(rx.data, cap)
        if grown == NULL:
            return False
        if rx.data == NULL:
            live(LIVE_BUFFERS, 1)
        rx.data = grown
        rx.cap = <uint32_t>cap
    memcpy(rx.data + rx.len, data, size)
    rx.len += <uint32_t>size
    return True


cdef bint _step(gs_table *t, uint32_t slot, ws_step *step, ws_assembly *assembly, size_t more) noexcept nogil:
    """What a frame means; True when the rest of the bytes is not to be looked at (the connection may be gone)."""
    cdef gs_conn *c = &t.conns[slot]
    cdef uint8_t out[CONTROL_FRAME_MAX]
    cdef gs_frame *frame
    cdef uint8_t *copy
    cdef int said
    if step.kind == STEP_MESSAGE and step.compressed and c.state == GS_WS:
        _inflate(t, step)
    if step.kind == STEP_MESSAGE:
        if c.state == GS_WS and c.tag != t.free_tag and not gs_take(&t.messages, &c.talked_ns, t.now_ns, 1):
            gs_begin_close(t, slot, CLOSE_POLICY, <const uint8_t *>b"too many messages", 17, GS_R_RATE, True)
            return True
        if c.state == GS_WS:
            copy = <uint8_t *>malloc(step.len if step.len else 1)
            if copy == NULL:
                gs_begin_close(t, slot, CLOSE_INTERNAL, NULL, 0, GS_R_NO_MEMORY, True)
                return True
            live(LIVE_BUFFERS, 1)
            if step.len:
                memcpy(copy, step.data, step.len)
            t.stats.messages_in += 1
            gs_push(t, GS_EV_MESSAGE, gs_id(t, slot), <uint64_t>step.opcode, copy, <uint32_t>step.len)
        if assembly.opcode:
            ws_reset(assembly)
    elif (step.kind == STEP_PING or step.kind == STEP_PONG) and _too_many_controls(t, c):
        _fail(t, slot, CLOSE_POLICY)
        return True
    elif step.kind == STEP_PING:
        t.stats.pings_in += 1
        if c.state == GS_WS:
            frame = frame_copy(out, control_frame(out, OP_PONG, step.data, step.len))
            if frame != NULL:
                said = gs_say(t, slot, frame, True)
                frame_release(frame)
                return said < 0
    elif step.kind == STEP_CLOSE:
        if c.state == GS_CLOSING:
            gs_kill(t, slot, GS_R_SERVER)
            return True
        gs_begin_close(t, slot, 0 if step.code == CLOSE_NO_STATUS else step.code, NULL, 0, GS_R_PEER, True)
        if c.state == GS_LINGER and more == 0:
            # Both Closes are through and nothing lies unread, so the server ends the connection first (section 7.1.1).
            gs_kill(t, slot, GS_R_PEER)
        return True
    elif step.kind == STEP_FAIL or step.kind == STEP_NO_MEMORY:
        if c.state == GS_CLOSING:
            gs_kill(t, slot, GS_R_PROTOCOL)
        else:
            _fail(t, slot, step.code if step.kind == STEP_FAIL else CLOSE_INTERNAL)
        return True
    return False


cdef void _inflate(gs_table *t, ws_step *step) noexcept nogil:
    """The message as it was before it was compressed, or a failure."""
    cdef size_t size = step.len
    if t.inflater == NULL:
        t.inflater = gs_inflater_new()
        if t.inflater == NULL:
            step.kind = STEP_NO_MEMORY
            return
    ws_inflate(t.inflater, &t.limits, step)
    if step.kind != STEP_MESSAGE:
        t.stats.inflate_failures += 1
        t.load += 1
        return
    t.stats.inflated_in += size
    t.stats.inflated_out += step.len
    # Work, too: a poll ends after so much of it.
    t.load += <uint32_t>(step.len // INFLATED_LOAD)


cdef bint _too_many_controls(gs_table *t, gs_conn *c) noexcept nogil:
    """Counts a ping or pong of a parked viewer in spans of 1024 ms."""
    cdef uint16_t second = <uint16_t>(t.now_tick >> 4)
    if c.state != GS_WS:
        return False
    if c.second != second:
        c.second = second
        c.controls = 0
    c.controls += 1
    return c.controls > t.limits.max_controls


cdef void _fail(gs_table *t, uint32_t slot, int code) noexcept nogil:
    cdef uint8_t why = GS_R_PROTOCOL
    if code == CLOSE_INVALID_PAYLOAD:
        why = GS_R_PAYLOAD
    elif code == CLOSE_POLICY:
        why = GS_R_POLICY
    elif code == CLOSE_TOO_BIG:
        why = GS_R_TOO_BIG
    elif code == CLOSE_INTERNAL:
        why = GS_R_NO_MEMORY
    gs_begin_close(t, slot, code, NULL, 0, why, True)


cdef int gs_say(gs_table *t, uint32_t slot, gs_frame *frame, bint pong) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef int sent = 0
    if c.pending == NULL and c.control == NULL:
        sent = gs_emit(t, slot, frame)
        if sent < 0:
            gs_kill(t, slot, GS_R_ERROR)
        if sent:
            return sent
    if c.control != NULL and not (pong and c.flags & GS_PONG):
        t.stats.dropped_controls += 1
        return 0
    frame_release(c.control)
    c.control = gs_frame_retain(frame)
    c.flags = c.flags | GS_PONG if pong else c.flags & ~GS_PONG
    gs_arm(t, slot)
    return 1


# -- ending -----------------------------------------------------------------------------------------------------------

cdef void gs_begin_close(
    gs_table *t, uint32_t slot, int code, const uint8_t *text, size_t size, uint8_t why, bint discard
) noexcept nogil:
    cdef uint8_t out[CONTROL_FRAME_MAX]
    cdef gs_frame *frame
    if t.conns[slot].state == GS_SSE:
        frame = frame_copy(<const uint8_t *>LAST_CHUNK, 5)
        discard = True
    else:
        frame = frame_copy(out, close_bytes(out, code, text, size))
    gs_subs_free(t, slot)
    _end(t, slot, frame, why, discard)


cdef void gs_last_words(gs_table *t, uint32_t slot, gs_frame *frame, uint8_t why) noexcept nogil:
    _end(t, slot, frame, why, True)


cdef void _end(gs_table *t, uint32_t slot, gs_frame *frame, uint8_t why, bint discard) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    if frame == NULL:
        gs_kill(t, slot, GS_R_NO_MEMORY)
        return
    if c.reason == 0:
        c.reason = why
    if discard:
        gs_drop_input(c)
        c.flags |= GS_DISCARD
    frame_release(c.control)
    c.control = frame
    c.flags = (c.flags | GS_CLOSE_SENT) & ~GS_PONG
    c.tick = t.close_ticks + gs_tick(t, gs_now_ms())
    gs_timer(t, slot, c.tick + 1)
    gs_set_state(t, slot, GS_CLOSING)
    gs_watch(t, slot)
    _settle(t, slot, gs_flush(t, slot))


cdef void _settle(gs_table *t, uint32_t slot, int flushed) noexcept nogil:
    """After a flush in CLOSING: once all is sent, waits for the peer's Close, or shuts down and lingers."""
    cdef gs_conn *c = &t.conns[slot]
    if flushed < 0:
        gs_kill(t, slot, GS_R_ERROR)
    elif flushed:
        c.flags &= ~GS_WANT_OUT
        if c.flags & GS_DISCARD:
            # Fails when the peer is gone; then the next read says so.
            shutdown(c.fd, SHUT_WR)
            gs_set_state(t, slot, GS_LINGER)
        gs_watch(t, slot)


# -- sockets that are ready -------------------------------------------------------------------------------------------

cdef void _readable(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef ssize_t got
    while True:
        got = recv(c.fd, t.scratch, GS_SCRATCH, MSG_DONTWAIT)
        if got >= 0 or errno != EINTR:
            break
    if got < 0:
        if errno != EAGAIN:
            gs_kill(t, slot, GS_R_ERROR)
        return
    if got == 0:
        gs_kill(t, slot, GS_R_EOF)
        return
    t.stats.bytes_in += <uint64_t>got
    if c.state == GS_HEAD:
        gs_feed_head(t, slot, t.scratch, <size_t>got)
    elif c.state == GS_WS or (c.state == GS_CLOSING and not c.flags & GS_DISCARD):
        if c.state == GS_WS:
            c.tick = t.now_tick
            c.flags &= ~GS_PINGED
            if c.tag != t.free_tag and not gs_take(&t.poured, &c.poured_ns, t.now_ns, <uint32_t>got):
                gs_begin_close(t, slot, CLOSE_POLICY, <const uint8_t *>b"too many bytes", 14, GS_R_RATE, True)
                return
        gs_feed_frames(t, slot, t.scratch, <size_t>got)


cdef void _writable(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef int flushed = gs_flush(t, slot)
    if c.state == GS_CLOSING:
        _settle(t, slot, flushed)
        return
    if flushed < 0:
        gs_kill(t, slot, GS_R_ERROR)
        return
    if c.state == GS_SSE:
        c.tick = t.now_tick
    if flushed:
        if c.behind:
            gs_next_ready(t, slot)
        gs_disarm(t, slot)


cdef int gs_poll_once(gs_table *t) noexcept nogil:
    cdef epoll_event ready[GS_BATCH]
    cdef uint64_t id, signals
    cdef uint32_t slot, what
    cdef int n, i
    n = epoll_wait(t.epoll, ready, GS_BATCH, 0)
    if n < 0:
        return 0 if errno == EINTR else -1
    t.now_ns = gs_now_ns()
    t.now_tick = gs_tick(t, t.now_ns // 1000000)
    for i in range(n):
        id = ready[i].data.u64
        what = ready[i].events
        if id == <uint64_t>-1:
            # Only says that events wait; they are taken anyway.
            void_read(t.signal, &signals)
            t.signalled = False
            continue
        if t.load >= GS_LOAD_MAX:
            continue    # level-triggered: told of again
        if id >> 63:
            if t.listeners[id & 0xFF].fd >= 0:
                _accept(t, &t.listeners[id & 0xFF], id)
            continue
        slot = gs_slot(t, id, False)
        if slot == GS_NIL:
            continue
        if what & EPOLLOUT:
            _writable(t, slot)
            if gs_slot(t, id, False) == GS_NIL:
                continue
        if t.conns[slot].state == GS_HELD:
            if what & (EPOLLERR | EPOLLHUP):
                gs_kill(t, slot, GS_R_EOF)
            else:
                gs_watch(t, slot)
        elif what & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP):
            _readable(t, slot)
    return n


cdef void void_read(int fd, uint64_t *into) noexcept nogil:
    """Resets the eventfd; it is non-blocking, and empty is as good as read."""
    if read(fd, into, 8) < 0:
        into[0] = 0


# -- time-outs --------------------------------------------------------------------------------------------------------

cdef void gs_sweep(gs_table *t, int64_t now_ms, int64_t unix_s, uint32_t most) noexcept nogil:
    cdef uint32_t i, at, slot, following
    cdef uint64_t id
    cdef epoll_event event
    t.now_ns = gs_now_ns()
    t.now_tick = gs_tick(t, now_ms)
    for i in range(<uint32_t>GS_LISTENERS):
        if t.listeners[i].fd >= 0 and t.listeners[i].paused:
            event.events = EPOLLIN
            event.data.u64 = (<uint64_t>1 << 63) | i
            epoll_ctl(t.epoll, EPOLL_CTL_MOD, t.listeners[i].fd, &event)
            t.listeners[i].paused = False
    if t.peak > GIVE_BACK_MIN and t.used < t.peak // 4:
        gs_give_back(t)
    at = t.wheel_at
    if t.now_tick > at + GS_WHEEL:
        # One turn looks at every bucket.
        at = t.now_tick - GS_WHEEL
    while True:
        t.wheel_at = at
        slot = t.wheel[at % GS_WHEEL]
        while slot != GS_NIL:
            following = t.conns[slot].timer_next
            if t.conns[slot].timer_at <= t.now_tick:
                if most == 0 or t.load >= GS_LOAD_MAX:
                    return
                most -= 1
                id = gs_id(t, slot)
                gs_timer(t, slot, GS_NIL)
                _look(t, slot, unix_s)
                if gs_slot(t, id, False) != GS_NIL:
                    gs_await(t, slot, unix_s)
            slot = following
        if at >= t.now_tick:
            return
        at += 1


cdef void gs_await(gs_table *t, uint32_t slot, int64_t unix_s) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef int64_t due = GS_NIL, idle
    if c.state == GS_HEAD or c.state == GS_CLOSING or c.state == GS_LINGER:
        due = <int64_t>c.tick + 1
    elif c.state == GS_WS or c.state == GS_SSE:
        if c.expiry_s:
            due = t.now_tick
            if c.expiry_s > unix_s:
                due += (c.expiry_s - unix_s) * 1000 // GS_TICK_MS + 1
        if t.idle_ticks:
            idle = t.now_tick
            if c.state == GS_WS or c.flags & GS_WANT_OUT:
                idle = c.tick
            if c.state == GS_WS and not c.flags & GS_PINGED:
                idle += t.idle_ticks // 2 + 1
            else:
                idle += t.idle_ticks + 1
            if idle < due:
                due = idle
    gs_timer(t, slot, <uint32_t>due if due < GS_NIL else <uint32_t>GS_NIL)


cdef bint _had_come(gs_table *t, uint32_t slot) noexcept nogil:
    """Reads first what waits in the kernel: that this process did not run for a while is no silence of the peer.

    Returns:
        Whether it made a difference: the connection is gone or in another state, or was heard of just now.
    """
    cdef uint64_t id = gs_id(t, slot)
    cdef uint8_t state = t.conns[slot].state
    _readable(t, slot)
    # A head's tick is when its time is up: it is not put off by parts of it.
    return gs_slot(t, id, False) == GS_NIL or t.conns[slot].state != state or t.conns[slot].tick == t.now_tick


cdef void _look(gs_table *t, uint32_t slot, int64_t unix_s) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef uint32_t quiet
    cdef uint8_t out[CONTROL_FRAME_MAX]
    cdef gs_frame *frame
    if c.state == GS_HEAD:
        if t.now_tick > c.tick and not _had_come(t, slot):
            gs_kill(t, slot, GS_R_HEAD_TIMEOUT)
    elif c.state == GS_CLOSING:
        if t.now_tick > c.tick:
            c.reason = GS_R_CLOSE_TIMEOUT
            gs_kill(t, slot, GS_R_CLOSE_TIMEOUT)
    elif c.state == GS_LINGER:
        if t.now_tick > c.tick:
            gs_kill(t, slot, GS_R_CLOSE_TIMEOUT)
    elif c.state == GS_WS or c.state == GS_SSE:
        if c.expiry_s and unix_s >= c.expiry_s:
            gs_begin_close(t, slot, CLOSE_POLICY, <const uint8_t *>b"token expired", 13, GS_R_EXPIRED, False)
            return
        if t.idle_ticks == 0 or t.now_tick < c.tick:
            return
        quiet = t.now_tick - c.tick
        if c.state == GS_SSE:
            # A stream's viewer sends nothing; what tells of a dead one is a socket that stays full.
            if c.flags & GS_WANT_OUT and quiet > t.idle_ticks:
                gs_kill(t, slot, GS_R_IDLE)
        elif quiet > t.idle_ticks:
            if not _had_come(t, slot):
                gs_begin_close(t, slot, 1001, <const uint8_t *>b"idle", 4, GS_R_IDLE, True)
        elif quiet > t.idle_ticks // 2 and not c.flags & GS_PINGED:
            c.flags |= GS_PINGED
            frame = frame_copy(out, control_frame(out, OP_PING, NULL, 0))
            if frame != NULL:
                gs_say(t, slot, frame, False)
                frame_release(frame)
