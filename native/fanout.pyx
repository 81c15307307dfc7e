"""Fan-out: one shared frame to every member of a group by one send() each, in slices, beginning elsewhere each time.

Phases of a job: a scan of all members from a rotated start; when members came or went meanwhile, another scan (who has the
frame already is passed over). A member whose socket is full is behind: it gets nothing until its socket takes bytes again,
then one catch-up frame by serve(). Never composes a frame; never allocates for a viewer.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from native.connections cimport Table
from native.frames cimport Frame, buffer_of, gs_frame, gs_frame_retain
from native.state cimport *

cdef enum:
    TURN = 256          # members of one group before the next group has its turn
    CLOCK_EVERY = 16    # members between two looks at the clock
    TURNS_EVERY = 4     # groups between two looks at the clock
    SERVE_MAX = 1024    # members that one serve() gives a frame to; the rest is told of again
    SMALL = 16          # members of a group whose next frame need not wait for a slice: it takes a fraction of one


cdef int64_t _now_us() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef void _offer(gs_table *t, gs_group *g, uint32_t sub) noexcept nogil:
    """One member, one send()."""
    cdef gs_sub *s = &t.subs[sub]
    cdef gs_conn *c = &t.conns[s.conn]
    cdef int sent
    if g.aux:
        if s.aux == g.aux_number:
            return
        s.aux = g.aux_number
        if s.state != GS_CURRENT or c.pending != NULL or c.control != NULL:
            return
        if gs_emit(t, s.conn, g.frame) < 0:
            gs_kill(t, s.conn, GS_R_ERROR)
        return
    if s.held >= g.to_seq:
        return
    if s.state != GS_CURRENT:
        # Still behind, or told of and not served: armed, so that it is told of (again) when the socket takes bytes.
        gs_to_behind(t, sub)
        return
    if s.held == g.from_seq and c.pending == NULL and c.control == NULL:
        sent = gs_emit(t, s.conn, g.frame)
        if sent > 0:
            s.held = g.to_seq
            return
        if sent < 0:
            gs_kill(t, s.conn, GS_R_ERROR)
            return
    gs_to_behind(t, sub)


cdef bint _turn(gs_table *t, gs_group *g, int64_t until_us) noexcept nogil:
    """Visits up to TURN members; False when the time is over."""
    cdef uint32_t visited = 0, before
    cdef uint32_t ahead
    while visited < TURN:
        if g.left == 0 or g.n == 0:
            if g.n == 0 or not g.dirty:
                gs_job_end(g)
                return True
            g.dirty = 0
            g.left = g.n
        if g.cursor >= g.n:
            g.cursor = 0
        before = g.n
        ahead = g.cursor + 4
        if ahead < g.n:
            prefetch(&t.conns[t.subs[g.members[ahead]].conn])
        _offer(t, g, g.members[g.cursor])
        g.left -= 1
        visited += 1
        if g.n == before:
            g.cursor += 1
        # else the member is gone and another has its place
        if visited % CLOCK_EVERY == 0 and _now_us() >= until_us:
            return False
    return True


cdef void _finish(gs_table *t, gs_group *g) noexcept nogil:
    """What is on its way goes out before what follows."""
    while g.active:
        _turn(t, g, INT64_MAX)


cdef bint gs_run(gs_table *t, int64_t until_us) noexcept nogil:
    cdef uint32_t group, turns = 0
    cdef bint time_left = True
    while t.work_n and time_left:
        group = t.work[t.work_at]
        t.work_at = (t.work_at + 1) & (t.work_cap - 1)
        t.work_n -= 1
        t.groups[group].queued = 0
        if t.groups[group].active:
            time_left = _turn(t, &t.groups[group], until_us)
            if t.groups[group].active:
                gs_work_add(t, group)    # a place has just become free
        turns += 1
        if turns % TURNS_EVERY == 0 and _now_us() >= until_us:
            break
    return t.work_n != 0


cdef uint32_t gs_serve(gs_table *t, uint32_t group, uint64_t held, gs_frame *frame, uint64_t to_seq) noexcept nogil:
    cdef uint32_t served = 0, tried = 0, sub, slot, wave
    cdef int sent
    while True:
        wave = gs_wave_find(t, group, held)
        if wave == GS_NIL:
            return served
        if tried == SERVE_MAX:
            gs_push(t, GS_EV_BEHIND, group, held, NULL, 0)
            return served
        tried += 1
        sub = t.waves[wave].first
        slot = t.subs[sub].conn
        sent = 0
        if t.conns[slot].pending == NULL and t.conns[slot].control == NULL:
            sent = gs_emit(t, slot, frame)
        if sent < 0:
            gs_kill(t, slot, GS_R_ERROR)
        elif sent == 0:
            gs_to_behind(t, sub)
        else:
            gs_to_current(t, sub, to_seq)
            t.conns[slot].last_sub = sub    # the ring turns: this one is the last to be served again
            served += 1
            if t.conns[slot].behind:
                gs_arm(t, slot)    # other subscriptions of the connection wait for their turn


cdef extern from *:
    """
    #define prefetch(address) __builtin_prefetch(address)
    """
    void prefetch(const void *address) nogil


cdef class Fanout:
    """Sends frames to the groups of a table."""

    def __cinit__(self, Table table not None):
        self.table = table

    def start(self, uint32_t group, Frame frame not None, uint64_t from_seq, uint64_t to_seq):
        """Begins to send `frame` to the members that hold `from_seq`, which then hold `to_seq`.

        Returns whether the next one has to wait until the group is not `active` any more. A small group takes the next one at
        any time: the frame before goes out first.

        Raises:
            RuntimeError: a frame is still on its way to this group, which is not a small one.
            ValueError: there is no such group, or `to_seq` is not after `from_seq`.
        """
        if to_seq <= from_seq:
            raise ValueError("a frame brings its receivers forward")
        return self._begin(group, frame, from_seq, to_seq, False)

    def start_aux(self, uint32_t group, Frame frame not None):
        """Begins to send a frame that moves no version; members that are behind or in the middle of a frame miss it.

        Returns whether the next one has to wait until the group is not `active` any more. A small group takes the next one at
        any time: the frame before goes out first.

        Raises:
            RuntimeError: a frame is still on its way to this group, which is not a small one.
            ValueError: there is no such group.
        """
        return self._begin(group, frame, 0, 0, True)

    cdef object _begin(self, uint32_t group, Frame frame, uint64_t from_seq, uint64_t to_seq, bint aux):
        cdef gs_table *t = self.table.t
        cdef gs_group *g
        cdef gs_frame *shared = buffer_of(frame)
        self.table._check_group(group)
        g = &t.groups[group]
        if g.active and not g.small:
            raise RuntimeError(f"a frame is still on its way to group {group}")
        if not gs_work_add(t, group):
            raise MemoryError()
        if g.active:
            with nogil:
                _finish(t, g)
        g.frame = gs_frame_retain(shared)
        g.from_seq = from_seq
        g.to_seq = to_seq
        g.aux = aux
        g.aux_number += aux
        g.dirty = 0
        g.left = g.n
        g.rotation += <uint32_t>0x9E3779B1
        g.cursor = <uint32_t>((<uint64_t>g.rotation * g.n) >> 32)
        g.small = g.n <= SMALL
        g.active = 1
        return not g.small

    def active(self, uint32_t group):
        """Whether a frame is on its way to the group."""
        return group < self.table.t.group_high and self.table.t.groups[group].active != 0

    def run(self, int64_t budget_us=2000):
        """Sends for about that long; True when work is left."""
        cdef gs_table *t = self.table.t
        cdef int64_t until_us = _now_us() + budget_us
        cdef bint left
        with nogil:
            left = gs_run(t, until_us)
        return left

    def serve(self, uint32_t group, uint64_t held, Frame frame not None, uint64_t to_seq):
        """After ("behind", group, held): gives `frame` to the members that hold `held`, which then hold `to_seq`.

        Returns how many took it. At most a thousand are served in one call; the rest is told of by another event.
        """
        cdef gs_table *t = self.table.t
        cdef gs_frame *shared = buffer_of(frame)
        cdef uint32_t served
        with nogil:
            served = gs_serve(t, group, held, shared, to_seq)
        return served
