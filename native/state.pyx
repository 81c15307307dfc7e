"""The state of the data plane: slots of connections, subscriptions and groups, and how bytes leave them.

Owns every descriptor and every structure of a table; slots are reused with a new generation. Never parses, never decides.
(Longer than 400 lines: the structures refer to one another, and the invariants between them are kept in this file only.)
"""

from libc.errno cimport EAGAIN, EINTR, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport close, write

from native.deflate cimport gs_inflater_free
from native.frames cimport frame_new, frame_release, gs_frame, gs_frame_retain
from native.ledger cimport LIVE_BUFFERS, LIVE_CONNECTIONS, LIVE_GROUPS, LIVE_SUBSCRIPTIONS, live
from native.parser cimport ws_reset


cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)


cdef extern from *:
    """
    #include <errno.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <stdint.h>
    #include <sys/mman.h>
    #include <sys/uio.h>
    #include <unistd.h>
    /* The kernel takes the whole pages of a part of an array back; they are zeros when they are used again. */
    static void gs_pages_back(void *first, void *last) {
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t from = ((uintptr_t)first + page - 1) / page * page, to = (uintptr_t)last / page * page;
        if (to > from) (void)!madvise((void *)from, to - from, MADV_DONTNEED);
    }
    /* Two pieces by one call: bytes sent; 0 when the socket is full, -1 when it is dead. */
    static ssize_t gs_send_two(int fd, const void *a, size_t a_size, const void *b, size_t b_size) {
        struct iovec parts[2] = {{(void *)a, a_size}, {(void *)b, b_size}};
        struct msghdr message;
        ssize_t sent;
        memset(&message, 0, sizeof message);
        message.msg_iov = parts;
        message.msg_iovlen = b_size ? 2 : 1;
        do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL); while (sent < 0 && errno == EINTR);
        if (sent >= 0) return sent;
        return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
    }
    """
    void gs_pages_back(void *first, void *last) nogil
    ssize_t gs_send_two(int fd, const void *a, size_t a_size, const void *b, size_t b_size) nogil


cdef extern from "<sys/eventfd.h>" nogil:
    enum: EFD_NONBLOCK
    enum: EFD_CLOEXEC
    int eventfd(unsigned int initial, int flags)


cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CLOEXEC
    enum: EPOLL_CTL_ADD
    enum: EPOLL_CTL_MOD
    enum: EPOLL_CTL_DEL
    enum: EPOLLIN
    enum: EPOLLOUT
    enum: EPOLLRDHUP
    ctypedef union epoll_data_t:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event *event)


# -- the table --------------------------------------------------------------------------------------------------------

cdef gs_table *gs_table_new(uint32_t max_conns) noexcept nogil:
    cdef epoll_event event
    cdef int i
    cdef gs_table *t = <gs_table *>calloc(1, sizeof(gs_table))
    if t == NULL:
        return NULL
    t.epoll = t.signal = -1
    t.max_conns = max_conns
    t.free_conn = t.free_sub = t.free_group = t.free_wave = t.zombies = t.buried = GS_NIL
    for i in range(1024):
        t.buckets[i] = GS_NIL
    for i in range(GS_WHEEL):
        t.wheel[i] = GS_NIL
    t.free_tag = GS_NIL
    # One large block: the kernel gives pages as slots are first used, and a slot never moves.
    t.conns = <gs_conn *>calloc(max_conns + GS_SPARE, sizeof(gs_conn))
    t.epoll = epoll_create1(EPOLL_CLOEXEC)
    t.signal = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    t.base_ms = gs_now_ms()
    t.scratch = <uint8_t *>malloc(GS_SCRATCH)
    for i in range(GS_LISTENERS):
        t.listeners[i].fd = -1
    if t.scratch != NULL and t.conns != NULL and t.epoll >= 0 and t.signal >= 0:
        event.events = EPOLLIN
        event.data.u64 = <uint64_t>-1
        if epoll_ctl(t.epoll, EPOLL_CTL_ADD, t.signal, &event) == 0:
            return t
    gs_table_free(t)
    return NULL


cdef void gs_table_free(gs_table *t) noexcept nogil:
    cdef uint32_t i
    if t == NULL:
        return
    if t.conns != NULL:
        for i in range(t.high):
            if t.conns[i].state != GS_FREE and t.conns[i].state != GS_ZOMBIE:
                gs_detach(t, i)
                close(t.conns[i].fd)
    for i in range(t.group_high):
        if t.groups[i].in_use:
            gs_group_free(t, i)
    for i in range(t.event_n):
        gs_event_drop(&t.events[i])
    if t.epoll >= 0:
        close(t.epoll)
    if t.signal >= 0:
        close(t.signal)
    gs_inflater_free(t.inflater)
    free(t.scratch)
    free(t.conns)
    free(t.subs)
    free(t.groups)
    free(t.work)
    free(t.touched)
    free(t.waves)
    free(t.events)
    free(t)


cdef void gs_event_drop(gs_event *event) noexcept nogil:
    if event.data != NULL:
        live(LIVE_BUFFERS, -1)
        free(event.data)
        event.data = NULL


cdef int64_t gs_now_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000


cdef uint32_t gs_tick(gs_table *t, int64_t now_ms) noexcept nogil:
    return <uint32_t>((now_ms - t.base_ms) // GS_TICK_MS) if now_ms > t.base_ms else 0


cdef int64_t gs_now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef void gs_push(gs_table *t, uint8_t type, uint64_t conn, uint64_t number, uint8_t *data, uint32_t size) noexcept nogil:
    cdef gs_event *grown
    cdef gs_event event
    cdef uint32_t cap
    cdef uint64_t one = 1
    t.load += 8 if type == GS_EV_HEAD else 4 if type == GS_EV_BEHIND else 2 if type == GS_EV_MESSAGE else 1
    event.type = type
    event.conn = conn
    event.number = number
    event.data = data
    event.size = size
    if t.event_n == t.event_cap:
        cap = t.event_cap * 2 if t.event_cap else 64
        grown = <gs_event *>realloc(t.events, cap * sizeof(gs_event))
        if grown == NULL:
            t.stats.lost_events += 1
            gs_event_drop(&event)
            return
        t.events = grown
        t.event_cap = cap
    t.events[t.event_n] = event
    t.event_n += 1
    if not t.polling and not t.signalled:
        # An eventfd of ours cannot be full; were it, it would be readable already.
        t.signalled = write(t.signal, &one, 8) == 8 or errno == EAGAIN


# -- connections ------------------------------------------------------------------------------------------------------

cdef uint64_t gs_id(gs_table *t, uint32_t slot) noexcept nogil:
    return (<uint64_t>t.conns[slot].gen << 32) | slot


cdef uint32_t gs_slot(gs_table *t, uint64_t conn, bint dead) noexcept nogil:
    cdef uint32_t slot = <uint32_t>conn
    cdef gs_conn *c
    if slot >= t.high:
        return GS_NIL
    c = &t.conns[slot]
    if c.gen != <uint32_t>(conn >> 32) or c.state == GS_FREE or (c.state == GS_ZOMBIE and not dead):
        return GS_NIL
    return slot


cdef uint32_t gs_conn_new(gs_table *t, int fd, uint32_t tag) noexcept nogil:
    # Spare slots are beside the others: who is turned away takes no room from who comes next.
    return _conn_new(t, fd, tag) if t.used - t.turned < t.max_conns else <uint32_t>GS_NIL


cdef uint32_t gs_conn_spare(gs_table *t, int fd, uint32_t tag) noexcept nogil:
    cdef uint32_t slot
    if t.turned == GS_SPARE or t.used == t.max_conns + GS_SPARE:
        return GS_NIL
    slot = _conn_new(t, fd, tag)
    t.conns[slot].kind = GS_TURNED_AWAY
    t.turned += 1
    return slot


cdef uint32_t _conn_new(gs_table *t, int fd, uint32_t tag) noexcept nogil:
    """A slot, of which there is one."""
    cdef uint32_t slot
    cdef gs_conn *c
    slot = t.free_conn if t.free_conn != GS_NIL else t.high
    c = &t.conns[slot]
    # 31 bits, so that an id is positive as a signed number; 0 is never used.
    t.gens = t.gens + 1 if t.gens < 0x7FFFFFFF else 1
    if t.free_conn != GS_NIL:
        t.free_conn = c.subs
    else:
        t.high += 1
    memset(c, 0, sizeof(gs_conn))
    c.fd = fd
    c.gen = t.gens
    c.tag = tag
    c.last_sub = GS_NIL
    c.state = GS_HEAD
    c.flags = GS_UNWATCHED
    c.tick = gs_tick(t, gs_now_ms()) + t.head_ticks
    c.timer_at = GS_NIL
    gs_timer(t, slot, c.tick + 1)
    t.states[GS_HEAD] += 1
    t.used += 1
    if t.used > t.peak:
        t.peak = t.used
    live(LIVE_CONNECTIONS, 1)
    return slot


cdef void gs_set_state(gs_table *t, uint32_t slot, uint8_t state) noexcept nogil:
    t.states[t.conns[slot].state] -= 1
    t.states[state] += 1
    t.conns[slot].state = state


cdef void gs_drop_input(gs_conn *c) noexcept nogil:
    cdef gs_rx *rx
    if c.kept == NULL:
        return
    if c.state == GS_HEAD or c.state == GS_HELD:
        live(LIVE_BUFFERS, -1)
        free(c.kept)
    else:
        rx = <gs_rx *>c.kept
        ws_reset(&rx.assembly)
        if rx.data != NULL:
            live(LIVE_BUFFERS, -1)
            free(rx.data)
        live(LIVE_BUFFERS, -1)
        free(rx)
    c.kept = NULL


cdef bint gs_watch(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef epoll_event event
    event.events = 0 if c.state == GS_HELD else EPOLLIN | EPOLLRDHUP
    if c.flags & GS_WANT_OUT:
        event.events |= EPOLLOUT
    event.data.u64 = gs_id(t, slot)
    # Only the first time can it fail: the descriptor stays registered as long as the slot lives.
    if epoll_ctl(t.epoll, EPOLL_CTL_ADD if c.flags & GS_UNWATCHED else EPOLL_CTL_MOD, c.fd, &event) != 0:
        return False
    c.flags &= ~(GS_UNWATCHED | GS_MUTED)
    if c.state == GS_HELD:
        c.flags |= GS_MUTED
    return True


cdef void gs_arm(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    if c.flags & GS_WANT_OUT:
        return
    c.flags |= GS_WANT_OUT
    if c.state == GS_SSE:
        c.tick = gs_tick(t, gs_now_ms())
    gs_watch(t, slot)


cdef void gs_disarm(gs_table *t, uint32_t slot) noexcept nogil:
    if t.conns[slot].flags & GS_WANT_OUT:
        t.conns[slot].flags &= ~GS_WANT_OUT
        gs_watch(t, slot)


cdef int gs_detach(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef epoll_event event
    # Before the close: a duplicate of the descriptor would keep the registration alive.
    if not c.flags & GS_UNWATCHED:
        epoll_ctl(t.epoll, EPOLL_CTL_DEL, c.fd, &event)
    gs_subs_free(t, slot)
    gs_timer(t, slot, GS_NIL)
    gs_drop_input(c)
    frame_release(c.pending)
    frame_release(c.control)
    c.pending = c.control = NULL
    t.turned -= c.kind == GS_TURNED_AWAY
    t.states[c.state] -= 1
    c.state = GS_FREE
    c.subs = t.free_conn
    t.free_conn = slot
    t.used -= 1
    live(LIVE_CONNECTIONS, -1)
    return c.fd


cdef void gs_kill(gs_table *t, uint32_t slot, uint8_t reason) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef int fd = gs_detach(t, slot)
    close(fd)
    # Out of the free list again: the slot stays readable until its event was delivered.
    t.free_conn = c.subs
    t.used += 1
    c.state = GS_ZOMBIE
    t.states[GS_ZOMBIE] += 1
    c.subs = t.zombies
    t.zombies = slot
    t.stats.closed += 1
    gs_push(t, GS_EV_CLOSED, gs_id(t, slot), c.reason if c.reason else reason, NULL, 0)


cdef void gs_bury(gs_table *t) noexcept nogil:
    cdef uint32_t slot = t.buried, following
    while slot != GS_NIL:
        following = t.conns[slot].subs
        t.conns[slot].state = GS_FREE
        t.states[GS_ZOMBIE] -= 1
        t.conns[slot].subs = t.free_conn
        t.free_conn = slot
        t.used -= 1
        slot = following
    t.buried = GS_NIL


cdef void gs_delivered(gs_table *t) noexcept nogil:
    t.buried = t.zombies
    t.zombies = GS_NIL


cdef ssize_t _send(int fd, const uint8_t *data, size_t size) noexcept nogil:
    """Bytes sent; 0 when the socket is full, -1 when it is dead."""
    cdef ssize_t sent
    while True:
        sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
        if sent >= 0:
            return sent
        if errno == EINTR:
            continue
        return 0 if errno == EAGAIN or errno == ENOBUFS or errno == ENOMEM else -1


cdef int gs_emit(gs_table *t, uint32_t slot, gs_frame *frame) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef ssize_t sent
    if frame.len == 0:
        return 1
    sent = _send(c.fd, frame.data, frame.len)
    if sent <= 0:
        t.stats.blocked += sent == 0
        return <int>sent
    t.stats.bytes_out += <uint64_t>sent
    t.stats.frames_out += 1
    if <size_t>sent < frame.len:
        t.stats.partial += 1
        c.pending = gs_frame_retain(frame)
        c.offset = <uint32_t>sent
        gs_arm(t, slot)
    return 1


cdef int gs_emit_first(gs_table *t, uint32_t slot, gs_frame *head, gs_frame *first) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef size_t first_len = first.len if first != NULL else 0
    cdef ssize_t sent = gs_send_two(c.fd, head.data, head.len, first.data if first_len else NULL, first_len)
    cdef gs_frame *whole
    if sent < 0:
        return -1
    t.stats.bytes_out += <uint64_t>sent
    t.stats.frames_out += 1 if first == NULL else 2
    if <size_t>sent == head.len + first_len:
        return 1
    whole = frame_new(head.len + first_len)
    if whole == NULL:
        return -1
    memcpy(whole.data, head.data, head.len)
    if first_len:
        memcpy(whole.data + head.len, first.data, first_len)
    t.stats.partial += 1
    c.pending = whole
    c.offset = <uint32_t>sent
    gs_arm(t, slot)
    return 1


cdef int gs_flush(gs_table *t, uint32_t slot) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef ssize_t sent
    while True:
        if c.pending == NULL:
            if c.control == NULL:
                return 1
            c.pending = c.control
            c.control = NULL
            c.offset = 0
            c.flags &= ~GS_PONG
            t.stats.frames_out += 1
        sent = _send(c.fd, c.pending.data + c.offset, c.pending.len - c.offset)
        if sent < 0:
            return -1
        t.stats.bytes_out += <uint64_t>sent
        c.offset += <uint32_t>sent
        if c.offset < c.pending.len:
            if c.offset == 0:
                # Not one byte went: it is not mid-frame, and a Close may still take its place.
                c.control = c.pending
                c.pending = NULL
                t.stats.frames_out -= 1
            gs_arm(t, slot)
            return 0
        frame_release(c.pending)
        c.pending = NULL


# -- timers, rates, memory --------------------------------------------------------------------------------------------

cdef void gs_timer(gs_table *t, uint32_t slot, uint32_t tick) noexcept nogil:
    cdef gs_conn *c = &t.conns[slot]
    cdef uint32_t *first
    if c.timer_at != GS_NIL:
        if c.timer_next != GS_NIL:
            t.conns[c.timer_next].timer_prev = c.timer_prev
        if c.timer_prev & <uint32_t>0x80000000:
            t.wheel[c.timer_prev & <uint32_t>0x7FFFFFFF] = c.timer_next
        else:
            t.conns[c.timer_prev].timer_next = c.timer_next
        c.timer_at = GS_NIL
    if tick == GS_NIL:
        return
    # Later than one turn of the wheel: it is passed over until its turn has come.
    c.timer_at = tick
    if tick < t.wheel_at:
        tick = t.wheel_at
    tick %= GS_WHEEL
    first = &t.wheel[tick]
    c.timer_next = first[0]
    c.timer_prev = tick | <uint32_t>0x80000000
    if first[0] != GS_NIL:
        t.conns[first[0]].timer_prev = slot
    first[0] = slot


cdef bint gs_take(const gs_rate *rate, int64_t *used, int64_t now_ns, uint32_t units) noexcept nogil:
    cdef int64_t until = used[0] if used[0] > now_ns else now_ns
    if rate.each_ns == 0:
        return True
    until += <int64_t>(rate.each_ns * units)
    if until - now_ns > rate.burst_ns:
        return False
    used[0] = until
    return True


cdef void gs_give_back(gs_table *t) noexcept nogil:
    cdef uint32_t slot = t.high, i, cap
    cdef gs_sub *smaller
    while slot and t.conns[slot - 1].state == GS_FREE:
        slot -= 1
    gs_pages_back(t.conns + slot, t.conns + t.high)
    t.high = slot
    t.free_conn = GS_NIL
    # Low slots are used first from now on, so that the high ones become free.
    while slot:
        slot -= 1
        if t.conns[slot].state == GS_FREE:
            t.conns[slot].subs = t.free_conn
            t.free_conn = slot
    i = t.sub_high
    while i and t.subs[i - 1].conn == GS_NIL:
        i -= 1
    t.sub_high = i
    t.free_sub = GS_NIL
    while i:
        i -= 1
        if t.subs[i].conn == GS_NIL:
            t.subs[i].next = t.free_sub
            t.free_sub = i
    cap = t.sub_high + t.sub_high // 2 + 64
    if cap < t.sub_cap:
        smaller = <gs_sub *>realloc(t.subs, cap * sizeof(gs_sub))
        if smaller != NULL:
            t.subs = smaller
            t.sub_cap = cap
    t.peak = t.used


# -- subscriptions ----------------------------------------------------------------------------------------------------

cdef void _touch(gs_table *t, uint32_t group) noexcept nogil:
    if not t.groups[group].touched:
        t.groups[group].touched = 1
        t.touched[t.touched_n] = group
        t.touched_n += 1


cdef uint32_t gs_touched(gs_table *t, uint32_t *out, uint32_t most) noexcept nogil:
    cdef uint32_t n = 0, group
    while n < most and t.touched_n:
        t.touched_n -= 1
        group = t.touched[t.touched_n]
        t.groups[group].touched = 0
        if t.groups[group].in_use:
            out[n] = group
            n += 1
    return n


cdef uint32_t gs_sub_new(gs_table *t, uint32_t slot, uint32_t group) noexcept nogil:
    cdef gs_group *g = &t.groups[group]
    cdef void *grown
    cdef uint32_t cap, sub, last = t.conns[slot].last_sub
    cdef gs_sub *s
    if g.n == g.cap:
        cap = g.cap * 2 if g.cap else 4
        grown = realloc(g.members, cap * sizeof(uint32_t))
        if grown == NULL:
            return GS_NIL
        g.members = <uint32_t *>grown
        g.cap = cap
    sub = t.free_sub
    if sub == GS_NIL:
        if t.sub_high == t.sub_cap:
            cap = t.sub_cap + t.sub_cap // 2 if t.sub_cap else 64
            grown = realloc(t.subs, cap * sizeof(gs_sub))
            if grown == NULL:
                return GS_NIL
            t.subs = <gs_sub *>grown
            t.sub_cap = cap
        sub = t.sub_high
        t.sub_high += 1
    else:
        t.free_sub = t.subs[sub].next
    s = &t.subs[sub]
    memset(s, 0, sizeof(gs_sub))
    s.conn = slot
    s.group = group
    s.pos = g.n
    s.next = sub
    if last != GS_NIL:
        s.next = t.subs[last].next
        t.subs[last].next = sub
    s.wave_next = s.wave_prev = GS_NIL
    s.aux = g.aux_number
    g.members[g.n] = sub
    g.n += 1
    _touch(t, group)
    if g.active:
        g.dirty = 1
    t.conns[slot].last_sub = sub
    t.conns[slot].subs += 1
    t.sub_count += 1
    live(LIVE_SUBSCRIPTIONS, 1)
    return sub


cdef uint32_t gs_sub_find(gs_table *t, uint32_t slot, uint32_t group) noexcept nogil:
    cdef uint32_t last = t.conns[slot].last_sub, sub = last
    while sub != GS_NIL:
        sub = t.subs[sub].next
        if t.subs[sub].group == group:
            return sub
        if sub == last:
            break
    return GS_NIL


cdef void _sub_drop(gs_table *t, uint32_t sub) noexcept nogil:
    """All but the ring of the connection."""
    cdef gs_sub *s = &t.subs[sub]
    cdef gs_group *g = &t.groups[s.group]
    cdef uint32_t last
    gs_to_current(t, sub, 0)
    _touch(t, s.group)
    g.n -= 1
    last = g.members[g.n]
    g.members[s.pos] = last
    t.subs[last].pos = s.pos
    if g.active:
        g.dirty = 1
    if g.cap > 64 and g.n < g.cap // 4:
        _shrink(g)
    t.conns[s.conn].subs -= 1
    s.conn = s.group = GS_NIL
    s.next = t.free_sub
    t.free_sub = sub
    t.sub_count -= 1
    live(LIVE_SUBSCRIPTIONS, -1)


cdef void _shrink(gs_group *g) noexcept nogil:
    cdef void *smaller = realloc(g.members, g.cap // 2 * sizeof(uint32_t))
    if smaller != NULL:
        g.members = <uint32_t *>smaller
        g.cap //= 2


cdef void gs_sub_free(gs_table *t, uint32_t sub) noexcept nogil:
    cdef uint32_t slot = t.subs[sub].conn, before = sub
    while t.subs[before].next != sub:
        before = t.subs[before].next
    t.subs[before].next = t.subs[sub].next
    if t.conns[slot].last_sub == sub:
        t.conns[slot].last_sub = before if before != sub else GS_NIL
    _sub_drop(t, sub)
    if t.conns[slot].behind:
        # It may have been the one that was told of, for which the socket is no longer watched.
        gs_arm(t, slot)


cdef void gs_subs_free(gs_table *t, uint32_t slot) noexcept nogil:
    cdef uint32_t last = t.conns[slot].last_sub, sub, following
    if last == GS_NIL:
        return
    following = t.subs[last].next
    while True:
        sub = following
        following = t.subs[sub].next
        _sub_drop(t, sub)
        if sub == last:
            break
    t.conns[slot].last_sub = GS_NIL


# -- behind and ready -------------------------------------------------------------------------------------------------

cdef uint32_t _bucket(uint32_t group, uint64_t held) noexcept nogil:
    return <uint32_t>(((held * <uint64_t>0x9E3779B97F4A7C15ULL) ^ (group * <uint64_t>0xC2B2AE3D27D4EB4FULL)) >> 54)


cdef uint32_t gs_wave_find(gs_table *t, uint32_t group, uint64_t held) noexcept nogil:
    cdef uint32_t wave = t.buckets[_bucket(group, held)]
    while wave != GS_NIL and (t.waves[wave].group != group or t.waves[wave].held != held):
        wave = t.waves[wave].next
    return wave


cdef uint32_t _wave_new(gs_table *t, uint32_t group, uint64_t held) noexcept nogil:
    cdef uint32_t wave = t.free_wave, cap
    cdef void *grown
    cdef uint32_t *bucket = &t.buckets[_bucket(group, held)]
    if wave == GS_NIL:
        if t.wave_high == t.wave_cap:
            cap = t.wave_cap * 2 if t.wave_cap else 16
            grown = realloc(t.waves, cap * sizeof(gs_wave))
            if grown == NULL:
                return GS_NIL
            t.waves = <gs_wave *>grown
            t.wave_cap = cap
        wave = t.wave_high
        t.wave_high += 1
    else:
        t.free_wave = t.waves[wave].next
    t.waves[wave].group = group
    t.waves[wave].held = held
    t.waves[wave].first = GS_NIL
    t.waves[wave].next = bucket[0]
    bucket[0] = wave
    return wave


cdef void _wave_leave(gs_table *t, uint32_t sub) noexcept nogil:
    cdef gs_sub *s = &t.subs[sub]
    cdef uint32_t wave
    cdef uint32_t *link
    if s.wave_next != GS_NIL:
        t.subs[s.wave_next].wave_prev = s.wave_prev
    if s.wave_prev != GS_NIL:
        t.subs[s.wave_prev].wave_next = s.wave_next
    else:
        wave = gs_wave_find(t, s.group, s.held)
        t.waves[wave].first = s.wave_next
        if s.wave_next == GS_NIL:
            link = &t.buckets[_bucket(s.group, s.held)]
            while link[0] != wave:
                link = &t.waves[link[0]].next
            link[0] = t.waves[wave].next
            t.waves[wave].next = t.free_wave
            t.free_wave = wave
    s.wave_next = s.wave_prev = GS_NIL


cdef void gs_to_current(gs_table *t, uint32_t sub, uint64_t held) noexcept nogil:
    cdef gs_sub *s = &t.subs[sub]
    if s.state == GS_READY:
        _wave_leave(t, sub)
    elif s.state == GS_BEHIND:
        t.conns[s.conn].behind -= 1
    if s.state != GS_CURRENT:
        t.groups[s.group].behind -= 1
        t.behind -= 1
    s.state = GS_CURRENT
    s.held = held


cdef void gs_to_behind(gs_table *t, uint32_t sub) noexcept nogil:
    cdef gs_sub *s = &t.subs[sub]
    if s.state != GS_BEHIND:
        gs_to_current(t, sub, s.held)
        s.state = GS_BEHIND
        t.conns[s.conn].behind += 1
        t.groups[s.group].behind += 1
        t.behind += 1
    gs_arm(t, s.conn)


cdef void gs_next_ready(gs_table *t, uint32_t slot) noexcept nogil:
    cdef uint32_t sub = t.conns[slot].last_sub
    cdef uint32_t wave, i
    cdef gs_sub *s
    for i in range(t.conns[slot].subs):
        sub = t.subs[sub].next
        if t.subs[sub].state == GS_BEHIND:
            break
    else:
        return
    s = &t.subs[sub]
    wave = gs_wave_find(t, s.group, s.held)
    if wave == GS_NIL:
        wave = _wave_new(t, s.group, s.held)
        if wave == GS_NIL:
            return    # no memory: stays BEHIND, and the next job arms the socket again
        gs_push(t, GS_EV_BEHIND, s.group, s.held, NULL, 0)
    s.wave_next = t.waves[wave].first
    if s.wave_next != GS_NIL:
        t.subs[s.wave_next].wave_prev = sub
    t.waves[wave].first = sub
    s.state = GS_READY
    t.conns[slot].behind -= 1


# -- groups -----------------------------------------------------------------------------------------------------------

cdef uint32_t gs_group_new(gs_table *t) noexcept nogil:
    cdef uint32_t group = t.free_group, cap
    cdef void *grown
    cdef uint8_t queued = 0, touched = 0
    if group == GS_NIL:
        if t.group_high == t.group_cap:
            cap = t.group_cap * 2 if t.group_cap else 16
            # Room for each group is there before it is, so that touching one cannot fail.
            grown = realloc(t.touched, cap * sizeof(uint32_t))
            if grown == NULL:
                return GS_NIL
            t.touched = <uint32_t *>grown
            grown = realloc(t.groups, cap * sizeof(gs_group))
            if grown == NULL:
                return GS_NIL
            t.groups = <gs_group *>grown
            t.group_cap = cap
        group = t.group_high
        t.group_high += 1
    else:
        queued = t.groups[group].queued
        touched = t.groups[group].touched
        t.free_group = t.groups[group].next_free
    memset(&t.groups[group], 0, sizeof(gs_group))
    t.groups[group].in_use = 1
    t.groups[group].queued = queued
    t.groups[group].touched = touched
    t.group_count += 1
    live(LIVE_GROUPS, 1)
    return group


cdef void gs_group_free(gs_table *t, uint32_t group) noexcept nogil:
    cdef gs_group *g = &t.groups[group]
    gs_job_end(g)
    free(g.members)
    g.members = NULL
    g.n = g.cap = 0
    g.in_use = 0
    g.next_free = t.free_group
    t.free_group = group
    t.group_count -= 1
    live(LIVE_GROUPS, -1)


cdef void gs_job_end(gs_group *g) noexcept nogil:
    frame_release(g.frame)
    g.frame = NULL
    g.active = 0


cdef bint gs_work_add(gs_table *t, uint32_t group) noexcept nogil:
    cdef uint32_t *larger
    cdef uint32_t cap, i
    if t.groups[group].queued:
        return True
    if t.work_n == t.work_cap:
        cap = t.work_cap * 2 if t.work_cap else 16
        larger = <uint32_t *>malloc(cap * sizeof(uint32_t))
        if larger == NULL:
            return False
        for i in range(t.work_n):
            larger[i] = t.work[(t.work_at + i) & (t.work_cap - 1)]
        free(t.work)
        t.work = larger
        t.work_cap = cap
        t.work_at = 0
    t.work[(t.work_at + t.work_n) & (t.work_cap - 1)] = group
    t.work_n += 1
    t.groups[group].queued = 1
    return True
