"""The table of all connections of a worker: from accept to close, with no Python object per connection.

Owns the descriptors of its connections (not of its listeners) and an epoll of its own, whose descriptor becomes readable
when poll() has something to tell. A connection id carries a generation; a stale one does nothing and answers False or None.
"""

import os

from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport close

import time

from libc.stddef cimport size_t
from libc.string cimport memcpy

from native.accept cimport ACCEPT_LEN, gs_accept
from native.frames cimport Frame, buffer_of, frame_copy, frame_new, frame_release, gs_frame
from native.intake cimport (
    gs_admit, gs_await, gs_begin_close, gs_feed_frames, gs_feed_head, gs_last_words, gs_poll_once, gs_say, gs_sweep, gs_tune_socket
)
from native.opening cimport OPENING_NONE, OPENING_WS, gs_opening, gs_opening_of, gs_span
from native.parser cimport CLOSE_POLICY, utf8_valid
from native.state cimport *

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <netinet/in.h>
    #include <stdio.h>
    #include <sys/socket.h>
    /* Writes "1.2.3.4:5", "[::1]:5", "unix" or "" into `out`. */
    static void gs_peer_name(int fd, char *out, size_t size) {
        struct sockaddr_storage name;
        socklen_t len = sizeof name;
        char host[INET6_ADDRSTRLEN] = "";
        out[0] = 0;
        if (getpeername(fd, (struct sockaddr *)&name, &len) != 0) return;
        if (name.ss_family == AF_INET) {
            struct sockaddr_in *v4 = (struct sockaddr_in *)&name;
            inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
            snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
        } else if (name.ss_family == AF_INET6) {
            struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&name;
            inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
            snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
        } else {
            snprintf(out, size, "unix");
        }
    }
    """
    void gs_peer_name(int fd, char *out, size_t size) nogil

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CTL_ADD
    enum: EPOLL_CTL_DEL
    enum: EPOLLIN
    ctypedef union epoll_data_t:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_ctl(int epoll, int op, int fd, epoll_event *event)

WS = 1
SSE = 2

CLOSE_REASONS = {
    GS_R_PEER: "peer",
    GS_R_EOF: "eof",
    GS_R_ERROR: "error",
    GS_R_PROTOCOL: "protocol",
    GS_R_PAYLOAD: "payload",
    GS_R_POLICY: "policy",
    GS_R_TOO_BIG: "too_big",
    GS_R_SERVER: "server",
    GS_R_CLOSE_TIMEOUT: "close_timeout",
    GS_R_HEAD_TIMEOUT: "head_timeout",
    GS_R_HEAD_TOO_BIG: "head_too_big",
    GS_R_IDLE: "idle",
    GS_R_EXPIRED: "expired",
    GS_R_REFUSED: "refused",
    GS_R_ABORTED: "aborted",
    GS_R_NO_MEMORY: "no_memory",
    GS_R_RATE: "rate_limited",
}
"""Why a connection ended, by the number in its "closed" event."""

cdef const char *ACCEPT_NAME = b"sec-websocket-accept: "
cdef enum:
    ACCEPT_NAME_LEN = 22
    ACCEPT_LINE_LEN = ACCEPT_NAME_LEN + ACCEPT_LEN + 2
    TOUCHED_AT_ONCE = 256

CONNECTIONS_MAX = 1 << 24
MESSAGE_BYTES_MAX = 1 << 28


cdef int64_t _now_us() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef int64_t _ticks(object name, object ms) except -1:
    if not 0 <= ms <= 1_000_000_000:
        raise ValueError(f"{name} is out of range")
    return (<int64_t>ms + GS_TICK_MS - 1) // GS_TICK_MS


cdef object _part(gs_head *head, gs_span span):
    return (<const char *>head.data)[span.at:span.at + span.len] if span.at else None


cdef gs_frame *_answer(gs_head *head, const uint8_t *given, size_t size) noexcept:
    """The response head with the answer to the request's key before its empty line; NULL: no memory, or no head."""
    cdef size_t more = ACCEPT_LINE_LEN if head.key else 0
    cdef gs_frame *answer
    if more and size < 2:
        return NULL
    answer = frame_new(size + more)
    if answer == NULL:
        return NULL
    memcpy(answer.data, given, size)
    if more:
        memcpy(answer.data + size - 2, ACCEPT_NAME, ACCEPT_NAME_LEN)
        gs_accept(<const char *>head.data + head.key, <char *>answer.data + size - 2 + ACCEPT_NAME_LEN)
        memcpy(answer.data + size + more - 4, b"\r\n\r\n", 4)
    return answer


cdef void _set_rate(gs_rate *rate, double per_s, double burst) noexcept:
    rate.each_ns = 1e9 / per_s if per_s > 0 else 0
    rate.burst_ns = <int64_t>(rate.each_ns * burst) + 1


cdef class Table:
    """All connections of a worker.

    Args:
        max_connections: slots; a connection beyond them is answered 503.
        max_head_bytes: of a request head; a longer one is answered 431.
        max_message_bytes: of a viewer's message (1009).
        max_fragments: frames of one message (1008).
        max_frame_bytes: of one frame (1009); 0: as many as a message may have.
        max_controls: pings and pongs of a viewer in a second (1008).
        max_inflate_ratio: how much larger a viewer's compressed message may become (1009).
        send_buffer_bytes: kernel send buffer of a connection; 0 leaves the system's.
        idle_timeout_ms: silence after which a viewer is closed, pinged at half of it; for an event stream, how long its
            socket may stay full. 0: never.
        close_timeout_ms: how long the peer's Close, or its end of the connection, is awaited.
        max_subscriptions: of one connection.
        messages_per_s, bytes_per_s: what a viewer may send, and twice that at once (1008); 0: anything.
        trusted_tag: connections of listeners with this tag may send as they like; -1: none.
        openings: tell of plain openings of viewers apart, with their fields.
        opening_wait_ms: what waited longer to be accepted is answered 503 at once; 0: nothing is.

    Raises:
        ValueError: a limit is out of range.
        OSError: no descriptor is to be had.
    """

    def __cinit__(
        self, max_connections, *, max_head_bytes=16384, max_message_bytes=65536, max_fragments=64, max_frame_bytes=0,
        max_controls=50, max_inflate_ratio=100,
        send_buffer_bytes=0, head_timeout_ms=10000, idle_timeout_ms=0, close_timeout_ms=5000, max_subscriptions=16,
        double messages_per_s=0, double bytes_per_s=0, int64_t trusted_tag=-1, bint openings=False, opening_wait_ms=0
    ):
        if not 1 <= max_connections <= CONNECTIONS_MAX:
            raise ValueError("max_connections is out of range")
        if not 1 <= max_message_bytes <= MESSAGE_BYTES_MAX or not 1 <= max_head_bytes <= MESSAGE_BYTES_MAX:
            raise ValueError("max_message_bytes or max_head_bytes is out of range")
        if not 1 <= max_fragments <= 1 << 20 or not 1 <= max_subscriptions <= 1 << 24:
            raise ValueError("max_fragments or max_subscriptions is out of range")
        if not 0 <= max_frame_bytes <= MESSAGE_BYTES_MAX or not 1 <= max_controls <= 65534:
            raise ValueError("max_frame_bytes or max_controls is out of range")
        if not 1 <= max_inflate_ratio <= 10_000:
            raise ValueError("max_inflate_ratio is out of range")
        if not 0 <= send_buffer_bytes <= 1 << 30:
            raise ValueError("send_buffer_bytes is out of range")
        head_ticks = _ticks("head_timeout_ms", head_timeout_ms)
        close_ticks = _ticks("close_timeout_ms", close_timeout_ms)
        idle_ticks = _ticks("idle_timeout_ms", idle_timeout_ms)
        self.t = gs_table_new(max_connections)
        if self.t == NULL:
            raise OSError(errno, os.strerror(errno))
        self.t.max_head = max_head_bytes
        self.t.limits.max_message_bytes = max_message_bytes
        self.t.limits.max_fragments = max_fragments
        self.t.limits.max_frame_bytes = max_frame_bytes or max_message_bytes
        self.t.limits.max_controls = max_controls
        self.t.limits.max_inflate_ratio = max_inflate_ratio
        if not 0 <= messages_per_s <= 1e9 or not 0 <= bytes_per_s <= 1e12:
            raise ValueError("messages_per_s or bytes_per_s is out of range")
        if not 0 <= opening_wait_ms <= 1_000_000:
            raise ValueError("opening_wait_ms is out of range")
        self.t.max_subs = max_subscriptions
        self.t.openings = openings
        _set_rate(&self.t.messages, messages_per_s, messages_per_s * 2)
        # A message of the size that is allowed must fit.
        _set_rate(&self.t.poured, bytes_per_s, max(bytes_per_s, <double>max_message_bytes) * 2)
        if trusted_tag >= 0:
            self.t.free_tag = <uint32_t>trusted_tag
        self.t.wait_ms = opening_wait_ms
        self.t.sndbuf = send_buffer_bytes
        self.t.head_ticks = head_ticks
        self.t.close_ticks = close_ticks
        self.t.idle_ticks = idle_ticks

    def __dealloc__(self):
        gs_table_free(self.t)

    # -- the event loop's side ----------------------------------------------------------------------------------------

    def fileno(self):
        """Readable when poll() has something to tell."""
        return self.t.epoll

    def listen(self, int fd, uint32_t tag):
        """Accepts connections of a listening socket, which stays the caller's.

        Raises:
            OSError: the descriptor cannot be watched.
            ValueError: there are as many listeners as there may be.
        """
        cdef epoll_event event
        cdef uint64_t i
        for i in range(<uint64_t>GS_LISTENERS):
            if self.t.listeners[i].fd < 0:
                break
        else:
            raise ValueError("too many listeners")
        os.set_blocking(fd, False)
        # Accepted sockets take it over from their listener.
        gs_tune_socket(fd, self.t.sndbuf)
        event.events = EPOLLIN
        event.data.u64 = (<uint64_t>1 << 63) | i
        if epoll_ctl(self.t.epoll, EPOLL_CTL_ADD, fd, &event) != 0:
            raise OSError(errno, os.strerror(errno))
        self.t.listeners[i].fd = fd
        self.t.listeners[i].tag = tag
        self.t.listeners[i].paused = False

    def unlisten(self, int fd):
        """Accepts no more of that listener; to be called before it is closed. False when it is not known."""
        cdef epoll_event event
        cdef int i
        for i in range(GS_LISTENERS):
            if fd >= 0 and self.t.listeners[i].fd == fd:
                self.t.listeners[i].fd = -1
                epoll_ctl(self.t.epoll, EPOLL_CTL_DEL, fd, &event)
                return True
        return False

    def adopt(self, int fd, uint32_t tag, bytes prefix=b""):
        """Takes over an open stream socket, `prefix` read from it already; its id, or 0 when there is no slot (it is answered 503)."""
        cdef uint32_t slot = gs_admit(self.t, fd, tag)
        if slot == GS_NIL:
            return 0
        conn = gs_id(self.t, slot)
        if prefix:
            gs_feed_head(self.t, slot, prefix, <size_t>len(prefix))
        return conn

    def poll(self, int64_t budget_us=2000):
        """What happened, as tuples:

        ("head", conn, tag, bytes), ("open", conn, tag, kind, target, host, origin, protocols, extensions, authorization,
        last event id) for what is plainly an opening, where the table tells of them apart, ("message", conn, opcode, bytes), ("behind", group, held), ("closed", conn, reason).
        Ends when the budget is used up, or with as many events as take their receiver a few milliseconds; what is left makes
        fileno() readable again.

        Raises:
            OSError: epoll failed.
        """
        cdef list out = []
        cdef int n
        cdef int64_t until = _now_us() + budget_us
        gs_bury(self.t)
        while True:
            self.t.polling = True
            with nogil:
                n = gs_poll_once(self.t)
            self.t.polling = False
            self._take(out)
            if n < 0:
                raise OSError(errno, os.strerror(errno))
            if n < GS_BATCH or self.t.load >= GS_LOAD_MAX or _now_us() >= until:
                break
        self.t.load = 0
        gs_delivered(self.t)
        return out

    def sweep(self, int64_t now_ms, uint32_t most=8192):
        """Looks at connections whose time-out or grant may have ended; `now_ms` is of the monotonic clock. Events as of poll()."""
        cdef list out = []
        cdef int64_t unix_s = <int64_t>time.time()
        gs_bury(self.t)
        self.t.polling = True
        with nogil:
            gs_sweep(self.t, now_ms, unix_s, most)
        self.t.polling = False
        self._take(out)
        self.t.load = 0
        gs_delivered(self.t)
        return out

    cdef list _take(self, list out):
        """Moves the queued events into `out`."""
        cdef gs_table *t = self.t
        cdef gs_event *event
        cdef gs_head *head
        cdef uint32_t i, slot, n = t.event_n
        try:
            for i in range(n):
                event = &t.events[i]
                if event.type == GS_EV_MESSAGE:
                    out.append(("message", event.conn, <int>event.number, (<char *>event.data)[:event.size]))
                elif event.type == GS_EV_CLOSED:
                    out.append(("closed", event.conn, <int>event.number))
                elif event.type == GS_EV_BEHIND:
                    out.append(("behind", <uint32_t>event.conn, event.number))
                else:
                    slot = gs_slot(t, event.conn, False)
                    if slot != GS_NIL and t.conns[slot].state == GS_HELD:
                        out.append(self._head(event.conn, slot))
        finally:
            for i in range(n):
                gs_event_drop(&t.events[i])
            t.event_n = 0
        return out

    cdef tuple _head(self, uint64_t conn, uint32_t slot):
        """The event of a complete head."""
        cdef gs_conn *c = &self.t.conns[slot]
        cdef gs_head *head = <gs_head *>c.kept
        cdef gs_opening found
        cdef int kind = OPENING_NONE
        if self.t.openings:
            kind = gs_opening_of(head.data, head.end, &found)
        if kind == OPENING_NONE:
            self.hold(conn)
            return "head", conn, c.tag, (<char *>head.data)[:head.len]
        head.key = found.key.at if kind == OPENING_WS else 0
        return (
            "open", conn, c.tag, kind, _part(head, found.target), _part(head, found.host), _part(head, found.origin),
            _part(head, found.protocols), _part(head, found.extensions), _part(head, found.authorization),
            _part(head, found.last_event_id),
        )

    # -- a held connection --------------------------------------------------------------------------------------------

    def upgrade(
        self, uint64_t conn, int kind, bytes response_head not None, uint64_t grant=0, uint64_t user=0,
        bint deflate=False, *, expires_s=0, int64_t group=-1, uint64_t held=0, Frame first=None
    ):
        """Sends the response head and parks the connection; False when it is gone or not held.

        For the opening of a WebSocket the answer to its key is put in at the head's end.

        Args:
            deflate: the head agrees on permessage-deflate without context takeover, so compressed messages are taken.
            expires_s: unix time at which the connection is closed because its token ends; 0: never.
            group: of which the connection becomes a member that holds `held`; -1: of none.
            first: a frame that goes out with the head, by one call.

        Raises:
            ValueError: `kind` is neither WS nor SSE, or there is no such group.
        """
        cdef gs_table *t = self.t
        cdef uint32_t slot = gs_slot(t, conn, False)
        cdef uint32_t sub
        cdef gs_conn *c
        cdef gs_head *head
        cdef bytes surplus
        cdef gs_frame *answer
        cdef gs_frame *shared = buffer_of(first) if first is not None else NULL
        if kind != WS and kind != SSE:
            raise ValueError("kind is neither WS nor SSE")
        if group >= 0:
            self._check_group(<uint32_t>group)
        if slot == GS_NIL or t.conns[slot].state != GS_HELD:
            return False
        c = &t.conns[slot]
        head = <gs_head *>c.kept
        surplus = (<char *>head.data)[head.end:head.len] if head.len > head.end else b""
        answer = _answer(head, response_head, <size_t>len(response_head))
        gs_drop_input(c)
        gs_set_state(t, slot, GS_WS if kind == WS else GS_SSE)
        c.kind = <uint8_t>kind
        c.grant = grant
        c.user = user
        c.expiry_s = <uint32_t>min(max(expires_s, 0), 0xFFFFFFFF)
        if deflate:
            c.flags |= GS_DEFLATE
        c.tick = gs_tick(t, gs_now_ms())
        if answer == NULL or (c.flags & (GS_UNWATCHED | GS_MUTED) and not gs_watch(t, slot)):
            frame_release(answer)
            gs_kill(t, slot, GS_R_NO_MEMORY)
            return False
        if c.expiry_s or t.idle_ticks:
            gs_await(t, slot, <int64_t>time.time())
        else:
            gs_timer(t, slot, GS_NIL)
        if group >= 0:
            sub = gs_sub_new(t, slot, <uint32_t>group)
            if sub == GS_NIL:
                frame_release(answer)
                gs_kill(t, slot, GS_R_NO_MEMORY)
                return False
            t.subs[sub].held = held
        if gs_emit_first(t, slot, answer, shared) < 0:
            frame_release(answer)
            gs_kill(t, slot, GS_R_ERROR)
            return False
        frame_release(answer)
        if kind == WS and len(surplus) > GS_SCRATCH:
            # A client waits for the answer before it sends (RFC 6455 section 4.1); this much would hold the loop.
            gs_begin_close(t, slot, CLOSE_POLICY, NULL, 0, GS_R_POLICY, True)
        elif surplus and kind == WS:
            copy = bytearray(surplus)
            gs_feed_frames(t, slot, <uint8_t *><char *>copy, <size_t>len(surplus))
        return True

    def hold(self, uint64_t conn):
        """An opening that cannot be answered yet: its end is heard of meanwhile. False when it is gone or not held."""
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        if slot == GS_NIL or self.t.conns[slot].state != GS_HELD:
            return False
        if not self.t.conns[slot].flags & GS_MUTED and not gs_watch(self.t, slot):
            gs_kill(self.t, slot, GS_R_NO_MEMORY)
            return False
        return True

    def release(self, uint64_t conn):
        """Gives a held connection away: (descriptor, bytes read so far), or None when it is gone or not held."""
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        cdef gs_head *head
        if slot == GS_NIL or self.t.conns[slot].state != GS_HELD:
            return None
        head = <gs_head *>self.t.conns[slot].kept
        data = (<char *>head.data)[:head.len]
        return gs_detach(self.t, slot), data

    def refuse(self, uint64_t conn, bytes response not None):
        """Answers a held connection and ends it in order; False when it is gone or not held."""
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        if slot == GS_NIL or self.t.conns[slot].state != GS_HELD:
            return False
        gs_last_words(
            self.t, slot, frame_copy(<const uint8_t *><char *>response, <size_t>len(response)), GS_R_REFUSED
        )
        return True

    # -- a parked connection ------------------------------------------------------------------------------------------

    cdef uint32_t _parked(self, uint64_t conn) noexcept:
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        if slot == GS_NIL or (self.t.conns[slot].state != GS_WS and self.t.conns[slot].state != GS_SSE):
            return GS_NIL
        return slot

    def subscribe(self, uint64_t conn, uint32_t group, uint64_t held, Frame frame=None):
        """Makes the connection a member that holds `held` once it has `frame`.

        Returns 1 when it is current, 2 when it is behind (with held 0: it could not even begin to take the frame), 0 when
        it is gone, not parked, or has as many subscriptions as it may.

        Raises:
            ValueError: there is no such group.
            MemoryError: there is no memory; nothing has changed.
        """
        cdef gs_table *t = self.t
        cdef uint32_t slot = self._parked(conn)
        cdef uint32_t sub
        cdef int sent = 1
        self._check_group(group)
        if frame is not None:
            buffer_of(frame)
        if slot == GS_NIL:
            return 0
        sub = gs_sub_find(t, slot, group)
        if sub == GS_NIL:
            if t.conns[slot].subs >= t.max_subs:
                return 0
            sub = gs_sub_new(t, slot, group)
            if sub == GS_NIL:
                raise MemoryError()
        if frame is not None:
            sent = 0
            if t.conns[slot].pending == NULL and t.conns[slot].control == NULL:
                sent = gs_emit(t, slot, frame.frame)
                if sent < 0:
                    gs_kill(t, slot, GS_R_ERROR)
                    return 0
        gs_to_current(t, sub, held if sent else 0)
        if not sent:
            gs_to_behind(t, sub)
            return 2
        if t.conns[slot].behind:
            gs_arm(t, slot)    # the others wait for their turn, which may have been this one's
        return 1

    def unsubscribe(self, uint64_t conn, uint32_t group):
        """Ends the membership; False when there was none."""
        cdef uint32_t slot = self._parked(conn)
        cdef uint32_t sub
        if slot == GS_NIL:
            return False
        sub = gs_sub_find(self.t, slot, group)
        if sub == GS_NIL:
            return False
        gs_sub_free(self.t, sub)
        return True

    def subscriptions(self, uint64_t conn):
        """The groups of the connection."""
        cdef uint32_t slot = self._parked(conn)
        cdef uint32_t sub, i
        groups = []
        if slot != GS_NIL:
            sub = self.t.conns[slot].last_sub
            for i in range(self.t.conns[slot].subs):
                sub = self.t.subs[sub].next
                groups.append(self.t.subs[sub].group)
        return groups

    def grant(self, uint64_t conn):
        """The number given to upgrade(); valid until after the poll() that tells of the end, then 0."""
        cdef uint32_t slot = gs_slot(self.t, conn, True)
        return self.t.conns[slot].grant if slot != GS_NIL else 0

    def user(self, uint64_t conn):
        """The other number given to upgrade(), as grant()."""
        cdef uint32_t slot = gs_slot(self.t, conn, True)
        return self.t.conns[slot].user if slot != GS_NIL else 0

    def tag(self, uint64_t conn):
        """The tag of the listener, as long as grant(); then -1."""
        cdef uint32_t slot = gs_slot(self.t, conn, True)
        return self.t.conns[slot].tag if slot != GS_NIL else -1

    def kind(self, uint64_t conn):
        """WS, SSE, or 0 when the connection is gone or not parked."""
        cdef uint32_t slot = self._parked(conn)
        return self.t.conns[slot].kind if slot != GS_NIL else 0

    def peer(self, uint64_t conn):
        """Address and port of the peer, "unix", or "" when it is gone."""
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        cdef char name[80]
        if slot == GS_NIL:
            return ""
        gs_peer_name(self.t.conns[slot].fd, name, sizeof(name))
        return name.decode("ascii")

    def set_expiry(self, uint64_t conn, unix_s):
        """When the connection is closed because its token ends; 0: never."""
        cdef uint32_t slot = self._parked(conn)
        if slot == GS_NIL:
            return False
        self.t.conns[slot].expiry_s = <uint32_t>min(max(unix_s, 0), 0xFFFFFFFF)
        gs_await(self.t, slot, <int64_t>time.time())
        return True

    def send(self, uint64_t conn, Frame frame not None):
        """Sends to one viewer, at once or first when there is room; False when it is gone or another one waits already."""
        cdef uint32_t slot = self._parked(conn)
        cdef gs_frame *shared = buffer_of(frame)
        return slot != GS_NIL and gs_say(self.t, slot, shared, False) > 0

    # -- ends ---------------------------------------------------------------------------------------------------------

    def close(self, uint64_t conn, int code, bytes reason not None):
        """Begins the close handshake (an event stream gets its last chunk); False when the connection is gone or closing.

        Raises:
            ValueError: the code may not be sent, or the reason is not UTF-8 of at most 123 bytes.
        """
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        cdef const uint8_t *text = <const uint8_t *><char *>reason
        if not 1000 <= code <= 4999 or code in (1004, 1005, 1006, 1015):
            raise ValueError(f"close code {code} cannot be sent")
        if len(reason) > 123 or not utf8_valid(text, <size_t>len(reason)):
            raise ValueError("the reason is not UTF-8 of at most 123 bytes")
        if slot == GS_NIL:
            return False
        if self.t.conns[slot].state == GS_HEAD or self.t.conns[slot].state == GS_HELD:
            gs_kill(self.t, slot, GS_R_SERVER)
            return True
        if self._parked(conn) == GS_NIL:
            return False
        gs_begin_close(self.t, slot, code, text, <size_t>len(reason), GS_R_SERVER, False)
        return True

    def abort(self, uint64_t conn):
        """Ends the connection at once; False when it is gone."""
        cdef uint32_t slot = gs_slot(self.t, conn, False)
        if slot == GS_NIL:
            return False
        gs_kill(self.t, slot, GS_R_ABORTED)
        return True

    def close_all(self):
        """Ends every connection at once, forgets the listeners and all that was to be told; groups and jobs end empty."""
        cdef gs_table *t = self.t
        cdef uint32_t i
        for i in range(<uint32_t>GS_LISTENERS):
            if t.listeners[i].fd >= 0:
                self.unlisten(t.listeners[i].fd)
        for i in range(t.high):
            if t.conns[i].state != GS_FREE and t.conns[i].state != GS_ZOMBIE:
                gs_kill(t, i, GS_R_ABORTED)
        for i in range(t.group_high):
            if t.groups[i].in_use:
                gs_job_end(&t.groups[i])
        for i in range(t.event_n):
            gs_event_drop(&t.events[i])
        t.event_n = 0
        gs_bury(t)
        gs_delivered(t)
        gs_bury(t)

    # -- groups -------------------------------------------------------------------------------------------------------

    cdef int _check_group(self, uint32_t group) except -1:
        if group >= self.t.group_high or not self.t.groups[group].in_use:
            raise ValueError(f"there is no group {group}")
        return 0

    def group_new(self):
        """A new empty group."""
        cdef uint32_t group = gs_group_new(self.t)
        if group == GS_NIL:
            raise MemoryError()
        return group

    def group_free(self, uint32_t group):
        """Frees an empty group.

        Raises:
            ValueError: it has members, or there is no such group.
        """
        self._check_group(group)
        if self.t.groups[group].n:
            raise ValueError(f"group {group} has members")
        gs_group_free(self.t, group)

    def group_size(self, uint32_t group):
        """Members of the group."""
        self._check_group(group)
        return self.t.groups[group].n

    def touched(self):
        """Groups whose members have come or gone since this told of them, some of them at a time; empty: there are no more."""
        cdef uint32_t groups[TOUCHED_AT_ONCE]
        cdef uint32_t i, n = gs_touched(self.t, groups, TOUCHED_AT_ONCE)
        return [groups[i] for i in range(n)]

    def group_behind(self, uint32_t group):
        """Members that are behind."""
        self._check_group(group)
        return self.t.groups[group].behind

    def members(self, uint32_t group, uint32_t most):
        """Connections of the group, `most` at most: those that came first."""
        cdef uint32_t i
        self._check_group(group)
        return [
            gs_id(self.t, self.t.subs[self.t.groups[group].members[i]].conn)
            for i in range(min(most, self.t.groups[group].n))
        ]

    # -- figures ------------------------------------------------------------------------------------------------------

    @property
    def connected(self):
        """Connections that are neither closed nor only lingering."""
        cdef gs_table *t = self.t
        return t.states[GS_HEAD] + t.states[GS_HELD] + t.states[GS_WS] + t.states[GS_SSE] + t.states[GS_CLOSING]

    def connections(self):
        """Ids of the parked connections."""
        cdef uint32_t i
        return [
            gs_id(self.t, i) for i in range(self.t.high) if self.t.conns[i].state in (GS_WS, GS_SSE)
        ]

    def describe(self, uint64_t conn):
        """How a parked connection is doing; None when it is gone or not parked.

        `silent_ms` is since its last sign of life, `pending_bytes` what is left of the frame in the middle of which it is;
        `groups` are (group, flush held, behind).
        """
        cdef gs_table *t = self.t
        cdef uint32_t slot = self._parked(conn)
        cdef uint32_t sub, i
        cdef gs_conn *c
        if slot == GS_NIL:
            return None
        c = &t.conns[slot]
        groups = []
        sub = c.last_sub
        for i in range(c.subs):
            sub = t.subs[sub].next
            groups.append((t.subs[sub].group, t.subs[sub].held, t.subs[sub].state != GS_CURRENT))
        return {
            "kind": c.kind,
            "tag": c.tag,
            "silent_ms": max(0, <int64_t>gs_tick(t, gs_now_ms()) - <int64_t>c.tick) * GS_TICK_MS,
            "pending_bytes": c.pending.len - c.offset if c.pending != NULL else 0,
            "expires_s": c.expiry_s,
            "groups": groups,
        }

    def stats(self):
        """Connections by state, and counters since the beginning."""
        cdef gs_table *t = self.t
        return {
            "head": t.states[GS_HEAD],
            "held": t.states[GS_HELD],
            "ws": t.states[GS_WS],
            "sse": t.states[GS_SSE],
            "closing": t.states[GS_CLOSING],
            "lingering": t.states[GS_LINGER],
            "subscriptions": t.sub_count,
            "groups": t.group_count,
            "behind": t.behind,
            "accepts": t.stats.accepts,
            "accept_failures": t.stats.accept_failures,
            "refused_full": t.stats.refused_full,
            "refused_late": t.stats.refused_late,
            "closed": t.stats.closed,
            "bytes_in": t.stats.bytes_in,
            "messages_in": t.stats.messages_in,
            "pings_in": t.stats.pings_in,
            "inflated_in": t.stats.inflated_in,
            "inflated_out": t.stats.inflated_out,
            "inflate_failures": t.stats.inflate_failures,
            "bytes_out": t.stats.bytes_out,
            "frames_out": t.stats.frames_out,
            "blocked_sends": t.stats.blocked,
            "partial_sends": t.stats.partial,
            "dropped_controls": t.stats.dropped_controls,
            "lost_events": t.stats.lost_events,
        }
