"""The load client: thousands of viewers in one process on one epoll, with no Python object per connection.

Owns its sockets and counters; never decodes a document (versions are found by position, see swarm_scan).
Longer than 400 lines: it is one state machine, and its neighbours (handshake, scan, histogram) are apart already.
"""

import socket as _socket

from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset, strdup, strlen

from native.deflate cimport INFLATED, gs_inflate, gs_inflater_free, gs_inflater_new
from native.histogram cimport Histogram, gs_histogram, gs_record
from native.swarm_handshake cimport (
    GS_ACCEPTED, GS_BAD_STATUS, GS_KEY_LEN, gs_answer, gs_check_stream, gs_check_upgrade, gs_head, gs_key, gs_random,
    gs_random_below,
)
from native.swarm_scan cimport (
    GS_BYE, GS_DELTA, GS_ERROR, GS_MALFORMED, GS_SNAPSHOT, GS_STATUS, GS_TICK, gs_message, gs_next_stamp, gs_retry,
    gs_scan_json, gs_scan_msgpack, gs_text,
)

from native.swarm_handshake import ANSWERS


cdef extern from "<sys/epoll.h>" nogil:
    cdef union epoll_data:
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data data
    enum: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int count, int timeout_ms)

cdef extern from "<sys/socket.h>" nogil:
    cdef struct sockaddr:
        pass
    cdef struct linger:
        int l_onoff
        int l_linger
    enum: AF_INET, SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC, SOL_SOCKET, SO_ERROR, SO_RCVBUF, SO_LINGER
    enum: MSG_DONTWAIT, MSG_NOSIGNAL
    int socket(int domain, int kind, int protocol)
    int connect(int fd, const sockaddr *address, unsigned int size)
    int bind(int fd, const sockaddr *address, unsigned int size)
    int setsockopt(int fd, int level, int name, const void *value, unsigned int size)
    int getsockopt(int fd, int level, int name, void *value, unsigned int *size)
    ssize_t recv(int fd, void *data, size_t size, int flags)
    ssize_t send(int fd, const void *data, size_t size, int flags)

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        uint32_t s_addr
    cdef struct sockaddr_in:
        unsigned short sin_family
        uint16_t sin_port
        in_addr sin_addr
    enum: IPPROTO_IP, IPPROTO_TCP, IP_BIND_ADDRESS_NO_PORT
    uint16_t htons(uint16_t value)

cdef extern from "<netinet/tcp.h>" nogil:
    enum: TCP_NODELAY

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    enum: CLOCK_REALTIME, CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec *now)

# One recv takes at most this much: a flush to a busy viewer and a snapshot fit.
SCRATCH_BYTES = 262_144
REQUEST_MAX = 8192
HEAD_MAX = 16_384
EVENTS_PER_WAIT = 512
SWEEP_MS = 10
CLOSE_TIMEOUT_MS = 5_000
WAKE = 0xFFFFFFFFFFFFFFFF
STATES = ("free", "waiting", "connecting", "opening", "open", "closing", "gone")

cdef enum:
    C_REQUEST_MAX = 8192
    C_HEAD_MAX = 16384
    C_EVENTS = 512
    C_SWEEP_MS = 10
    C_CLOSE_TIMEOUT_MS = 5000
    C_UNSENT_MAX = 65536
    OP_CONTINUATION = 0
    OP_TEXT = 1
    OP_BINARY = 2
    OP_CLOSE = 8
    OP_PING = 9
    OP_PONG = 10

cdef uint64_t C_WAKE = 0xFFFFFFFFFFFFFFFF
# Members' buffers that are allocated now, in all swarms: 0 when all are closed.
cdef int buffers_alive = 0


cdef uint64_t now_ms() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * 1000 + <uint64_t>now.tv_nsec // 1000000


cdef uint64_t unix_us() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <uint64_t>now.tv_sec * 1000000 + <uint64_t>now.tv_nsec // 1000


cdef bint reserve(gs_buffer *buffer, size_t room) noexcept nogil:
    """Makes room behind what is in the buffer; False when there is no memory."""
    global buffers_alive
    cdef size_t wanted = buffer.len + room
    cdef size_t cap = buffer.cap if buffer.cap else 1024
    cdef char *grown
    if wanted <= buffer.cap:
        return True
    while cap < wanted:
        cap *= 2
    grown = <char *>realloc(buffer.data, cap)
    if grown == NULL:
        return False
    if buffer.data == NULL:
        buffers_alive += 1
    buffer.data = grown
    buffer.cap = cap
    return True


cdef bint keep(gs_buffer *buffer, const char *data, size_t size) noexcept nogil:
    """Appends; False when there is no memory."""
    if not reserve(buffer, size):
        return False
    memcpy(buffer.data + buffer.len, data, size)
    buffer.len += size
    return True


cdef void clear(gs_buffer *buffer) noexcept nogil:
    global buffers_alive
    if buffer.data != NULL:
        free(buffer.data)
        buffers_alive -= 1
    buffer.data = NULL
    buffer.len = buffer.cap = 0


cdef void consume(gs_buffer *buffer, size_t used) noexcept nogil:
    """Removes what was used from the front."""
    if used >= buffer.len:
        clear(buffer)
    elif used > 0:
        memmove(buffer.data, buffer.data + used, buffer.len - used)
        buffer.len -= used


cdef size_t expand(const char *template, int number, char *out, size_t size) noexcept nogil:
    """Writes the template with every `{n}` replaced; returns the length, `size` when it does not fit."""
    cdef size_t at = 0, i = 0, length = strlen(template)
    cdef int written
    while i < length:
        if length - i >= 3 and memcmp(template + i, b"{n}", 3) == 0:
            if size - at < 12:
                return size
            written = snprintf(out + at, 12, b"%d", number)
            at += <size_t>written
            i += 3
        else:
            if at + 1 >= size:
                return size
            out[at] = template[i]
            at += 1
            i += 1
    return at


cdef class Swarm:
    """A crowd of viewers.

    Args:
        max_connections: members that may be there at once.
        max_message_bytes: a larger message is a violation.
        opening_max: handshakes under way at once.
        open_timeout_ms: an attempt to connect takes no longer.
    """

    def __cinit__(self, int max_connections, *, size_t max_message_bytes=16 << 20, int opening_max=512,
                  int open_timeout_ms=15_000):
        self.epoll_fd = -1
        if max_connections < 1 or opening_max < 1:
            raise ValueError("a swarm has at least one member")
        self.capacity = max_connections
        self.next_waiting = -1
        self.max_message_bytes = max_message_bytes
        self.opening_max = opening_max
        self.open_timeout_ms = open_timeout_ms
        self.scratch_size = SCRATCH_BYTES
        memset(&self.totals, 0, sizeof(gs_totals))
        self.reset_latency()
        self.members = <gs_member *>calloc(max_connections, sizeof(gs_member))
        self.scratch = <char *>malloc(SCRATCH_BYTES)
        self.inflater = gs_inflater_new()
        if self.members == NULL or self.scratch == NULL or self.inflater == NULL:
            raise MemoryError
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll_fd < 0:
            raise OSError(errno, "epoll_create1 failed")

    def __dealloc__(self):
        cdef int i
        if self.members != NULL:
            for i in range(self.used):
                self.drop(i, True)
            free(self.members)
        for i in range(self.target_count):
            free(self.targets[i].path)
            free(self.targets[i].channel)
            free(self.targets[i].fields)
            free(self.targets[i].host)
            free(self.targets[i].protocol)
        free(self.targets)
        free(self.scratch)
        gs_inflater_free(self.inflater)
        if self.epoll_fd >= 0:
            close(self.epoll_fd)

    # -- who connects where ------------------------------------------------------------------------------------

    def connect(self, host: str, port: int, path: str, *, headers: object = None, count: int = 1,
                rate_per_s: float = 0.0, transport: str = "ws", channel: str = "", since: str = "", source: str = "",
                paused: bool = False, retry_ms: tuple = (0, 0), numbers: tuple = (0, 1),
                receive_buffer_bytes: int = 0) -> int:
        """Adds `count` members that connect as soon as `rate_per_s` (0: at once) lets them; `poll` does the work.

        Args:
            path: with query; `{n}` in it and in `channel` is replaced by a number, see `numbers`.
            headers: further header fields; a Sec-WebSocket-Protocol must be one name and must be confirmed; a
                Sec-WebSocket-Extensions that offers permessage-deflate may be agreed on.
            transport: "ws" or "sse".
            since: the version held; kept up to date and asked for when a connection is made again.
            source: the local address to connect from, for more connections than there are ephemeral ports.
            paused: the members do not read once they are open.
            retry_ms: first and longest delay (with full jitter) before a lost connection is made again.
            numbers: (first, how many): the k-th member's number is first + k modulo how many.

        Returns:
            The index of the first member.

        Raises:
            ValueError: what is asked for cannot be, or there is no room for so many members.
        """
        cdef int i, first = self.used
        cdef gs_target *grown
        cdef gs_target *target
        cdef gs_member *member
        if transport not in ("ws", "sse") or count < 1 or numbers[1] < 1 or not 0 <= retry_ms[0] <= retry_ms[1]:
            raise ValueError("not a transport, a count, numbers or a retry")
        if count > self.capacity - self.used:
            raise ValueError("there is no room for so many members")
        fields = dict(headers or {})
        protocol = next((fields[name] for name in fields if name.lower() == "sec-websocket-protocol"), "")
        extensions = next((fields[name] for name in fields if name.lower() == "sec-websocket-extensions"), "")
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        if len(path) + len(text) + len(host) > REQUEST_MAX - 1024 or len(since) >= HELD_MAX or len(channel) > 160:
            raise ValueError("the request is too long")
        address = _socket.inet_aton(_socket.gethostbyname(host))
        local = _socket.inet_aton(source) if source else b"\0\0\0\0"
        grown = <gs_target *>realloc(self.targets, (self.target_count + 1) * sizeof(gs_target))
        if grown == NULL:
            raise MemoryError
        self.targets = grown
        target = &grown[self.target_count]
        memset(target, 0, sizeof(gs_target))
        memcpy(&target.address, <const char *>address, 4)
        memcpy(&target.source, <const char *>local, 4)
        target.port = htons(port)
        target.transport = TRANSPORT_WS if transport == "ws" else TRANSPORT_SSE
        target.receive_buffer_bytes = receive_buffer_bytes
        target.deflate = "permessage-deflate" in extensions
        target.first_number, target.numbers = numbers
        target.retry_first_ms, target.retry_last_ms = retry_ms
        target.path = strdup(path.encode("ascii"))
        target.channel = strdup(channel.encode("ascii"))
        target.fields = strdup(text.encode("ascii"))
        target.host = strdup(f"{host}:{port}".encode("ascii"))
        target.protocol = strdup(protocol.encode("ascii"))
        self.target_count += 1
        if not (target.path and target.channel and target.fields and target.host and target.protocol):
            raise MemoryError
        held = since.encode("ascii")
        for i in range(first, first + count):
            member = &self.members[i]
            memset(member, 0, sizeof(gs_member))
            member.fd = -1
            member.target = self.target_count - 1
            member.ordinal = i - first
            member.slow = member.paused = paused
            member.held_len = len(held)
            memcpy(member.held, <const char *>held, member.held_len)
            self.states[MEMBER_FREE] += 1
            self.turn(i, MEMBER_WAITING)
        self.used += count
        self.rate_per_s = rate_per_s
        self.allowance = 0
        self.allowance_ms = now_ms()
        return first

    def wake_on(self, fd: int) -> None:
        """Makes `poll` return when the descriptor can be read.

        Raises:
            OSError
        """
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.u64 = C_WAKE
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0:
            raise OSError(errno, "the descriptor cannot be waited for")

    # -- work --------------------------------------------------------------------------------------------------

    def poll(self, budget_ms: int, until_messages: int = 0, until_open: int = 0) -> bool:
        """Works for `budget_ms`, without the GIL.

        Returns:
            True when it ended early: `until_messages` were received in all, `until_open` members are open, or
            the descriptor of `wake_on` can be read.
        """
        cdef uint64_t wanted = until_messages, opened = until_open
        cdef uint64_t now = now_ms(), end = now_ms() + <uint64_t>budget_ms
        cdef epoll_event events[C_EVENTS]
        cdef int count = 0, failed = 0, i, timeout
        cdef bint early = False
        with nogil:
            while True:
                if self.timed > 0 and now - self.swept_ms >= C_SWEEP_MS:
                    self.sweep(now)
                if (wanted and self.totals.messages >= wanted) or (opened and self.states[MEMBER_OPEN] >= opened):
                    early = True
                    break
                timeout = <int>(end - now) if end > now else 0
                if self.timed > 0 and timeout > C_SWEEP_MS:
                    timeout = C_SWEEP_MS
                count = epoll_wait(self.epoll_fd, events, C_EVENTS, timeout)
                if count < 0:
                    failed = errno
                    break
                for i in range(count):
                    if events[i].data.u64 == C_WAKE:
                        early = True
                    else:
                        self.ready(<int>events[i].data.u64, events[i].events)
                now = now_ms()
                if early or now >= end:
                    break
        if failed != 0 and failed != EINTR:
            raise OSError(failed, "epoll_wait failed")
        return early

    cdef void turn(self, int index, int state) noexcept nogil:
        """The only place where a member's state changes: counts stay right."""
        cdef gs_member *member = &self.members[index]
        cdef int old = member.state
        cdef bint was_timed = old == MEMBER_WAITING or old == MEMBER_CONNECTING or old == MEMBER_OPENING \
            or old == MEMBER_CLOSING
        cdef bint timed = state == MEMBER_WAITING or state == MEMBER_CONNECTING or state == MEMBER_OPENING \
            or state == MEMBER_CLOSING
        self.timed += <int>timed - <int>was_timed
        self.opening_now += <int>(state == MEMBER_CONNECTING or state == MEMBER_OPENING) \
            - <int>(old == MEMBER_CONNECTING or old == MEMBER_OPENING)
        self.states[old] -= 1
        self.states[state] += 1
        member.state = <uint8_t>state

    cdef void sweep(self, uint64_t now) noexcept nogil:
        """Starts those who are due, as far as the rate allows, and gives up those who take too long."""
        cdef int step, index
        cdef gs_member *member
        self.swept_ms = now
        if self.rate_per_s > 0:
            self.allowance += <double>(now - self.allowance_ms) * self.rate_per_s / 1000.0
            if self.allowance > self.opening_max:
                self.allowance = self.opening_max
        self.allowance_ms = now
        index = self.next_waiting
        for step in range(self.used):
            index = index + 1 if index + 1 < self.used else 0
            member = &self.members[index]
            if member.state == MEMBER_WAITING:
                if member.due_ms <= now and self.opening_now < self.opening_max:
                    if self.rate_per_s > 0 and member.connects == 0 and member.attempts == 0:
                        if self.allowance < 1:
                            continue
                        self.allowance -= 1
                    self.next_waiting = index
                    self.begin(index, now)
            elif member.state != MEMBER_OPEN and member.state != MEMBER_GONE and member.due_ms <= now:
                if member.state != MEMBER_CLOSING:
                    self.totals.connect_failures += 1
                self.lose(index)

    cdef void begin(self, int index, uint64_t now) noexcept nogil:
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef sockaddr_in address
        cdef epoll_event event
        cdef int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
        member.due_ms = now + self.open_timeout_ms
        if fd < 0:
            self.totals.connect_failures += 1
            self.lose(index)
            return
        member.fd = fd
        self.turn(index, MEMBER_CONNECTING)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(int))
        if target.receive_buffer_bytes > 0:
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &target.receive_buffer_bytes, sizeof(int))
        memset(&address, 0, sizeof(address))
        address.sin_family = AF_INET
        if target.source != 0:
            # The port is chosen at connect, so that each source address has all of them for each destination.
            setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(int))
            address.sin_addr.s_addr = target.source
            if bind(fd, <sockaddr *>&address, sizeof(address)) != 0:
                self.totals.connect_failures += 1
                self.lose(index)
                return
        address.sin_addr.s_addr = target.address
        address.sin_port = target.port
        event.events = EPOLLOUT
        event.data.u64 = <uint64_t>index
        if (connect(fd, <sockaddr *>&address, sizeof(address)) != 0 and errno != EINPROGRESS) or \
                epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0:
            self.totals.connect_failures += 1
            self.lose(index)

    cdef void ready(self, int index, uint32_t events) noexcept nogil:
        cdef gs_member *member = &self.members[index]
        cdef int error = 0
        cdef unsigned int size = sizeof(int)
        cdef ssize_t sent
        if member.fd < 0:
            return
        if member.state == MEMBER_CONNECTING:
            getsockopt(member.fd, SOL_SOCKET, SO_ERROR, &error, &size)
            if error != 0 or events & (EPOLLERR | EPOLLHUP):
                self.totals.connect_failures += 1
                self.lose(index)
            elif events & EPOLLOUT:
                self.ask(index)
            return
        if events & EPOLLOUT and member.out.len > 0:
            sent = send(member.fd, member.out.data, member.out.len, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent > 0:
                consume(&member.out, sent)
            elif sent < 0 and errno != EAGAIN and errno != EINTR:
                self.lose(index)
                return
            self.watch(index)
        if events & EPOLLIN and not (member.paused and member.state == MEMBER_OPEN):
            self.receive(index)
        elif events & (EPOLLERR | EPOLLHUP):
            self.lose(index)

    cdef void ask(self, int index) noexcept nogil:
        """Sends the request."""
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef char path[C_REQUEST_MAX]
        cdef char request[C_REQUEST_MAX]
        cdef char key[GS_KEY_LEN]
        cdef char held[HELD_MAX + 1]
        cdef int length
        cdef size_t path_len = expand(
            target.path, target.first_number + member.ordinal % target.numbers, path, C_REQUEST_MAX)
        cdef const char *separator = b""
        memcpy(held, member.held, member.held_len)
        held[member.held_len] = 0
        self.turn(index, MEMBER_OPENING)
        if path_len >= C_REQUEST_MAX or not gs_random(member.nonce, 16):
            self.totals.connect_failures += 1
            self.lose(index)
            return
        if target.transport == TRANSPORT_WS:
            if member.held_len:
                separator = b"&since=" if memchr(path, c'?', path_len) != NULL else b"?since="
            gs_key(member.nonce, key)
            length = snprintf(
                request, C_REQUEST_MAX,
                b"GET %.*s%s%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: %.24s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                <int>path_len, path, separator, held, target.host, key, target.fields)
        else:
            if member.held_len:
                separator = b"Last-Event-ID: "
            length = snprintf(
                request, C_REQUEST_MAX,
                b"GET %.*s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n%s%s%s%s\r\n",
                <int>path_len, path, target.host, separator, held, b"\r\n" if member.held_len else b"", target.fields)
        if length < 0 or length >= C_REQUEST_MAX or not self.push(index, request, length):
            self.totals.connect_failures += 1
            self.lose(index)
            return
        self.watch(index)

    cdef void watch(self, int index) noexcept nogil:
        """Tells epoll what the member waits for now."""
        cdef gs_member *member = &self.members[index]
        cdef epoll_event event
        event.events = 0
        event.data.u64 = <uint64_t>index
        if not (member.paused and member.state == MEMBER_OPEN):
            event.events |= EPOLLIN
        if member.out.len > 0:
            event.events |= EPOLLOUT
        if member.fd >= 0 and epoll_ctl(self.epoll_fd, EPOLL_CTL_MOD, member.fd, &event) != 0:
            self.lose(index)

    cdef bint push(self, int index, const char *data, size_t size) noexcept nogil:
        """Sends, and keeps what the socket does not take; False when nothing more is kept or the socket is broken."""
        cdef gs_member *member = &self.members[index]
        cdef ssize_t sent = 0
        if member.out.len == 0:
            sent = send(member.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    return False
                sent = 0
            if <size_t>sent == size:
                return True
        if member.out.len + size > C_UNSENT_MAX or not keep(&member.out, data + sent, size - sent):
            self.totals.unsent += 1
            return False
        return True

    cdef bint send_frame(self, int index, int opcode, const char *data, size_t size) noexcept nogil:
        """Sends one masked frame of up to 64 KB."""
        cdef uint8_t frame[C_REQUEST_MAX]
        cdef uint8_t mask[4]
        cdef size_t head = 2, i
        if size > C_REQUEST_MAX - 8 or not gs_random(mask, 4):
            self.totals.unsent += 1
            return False
        frame[0] = 0x80 | opcode
        if size < 126:
            frame[1] = 0x80 | <uint8_t>size
        else:
            frame[1] = 0x80 | 126
            frame[2] = <uint8_t>(size >> 8)
            frame[3] = <uint8_t>(size & 255)
            head = 4
        memcpy(frame + head, mask, 4)
        head += 4
        for i in range(size):
            frame[head + i] = (<uint8_t>data[i]) ^ mask[i & 3]
        return self.push(index, <char *>frame, head + size)

    cdef void receive(self, int index) noexcept nogil:
        """One recv, and all that is whole in it; what is left waits in `raw`."""
        cdef gs_member *member = &self.members[index]
        cdef char *data = self.scratch
        cdef size_t room = self.scratch_size, size
        cdef ssize_t got, used
        cdef bint from_raw = member.raw.len > 0
        if from_raw:
            room = member.raw.len if member.raw.len > 4096 else 4096
            if member.raw.len > self.max_message_bytes + C_HEAD_MAX:
                self.violated(index)
                return
            if not reserve(&member.raw, room):
                self.totals.out_of_memory += 1
                self.lose(index)
                return
            room = member.raw.cap - member.raw.len
            data = member.raw.data + member.raw.len
        got = recv(member.fd, data, room, MSG_DONTWAIT)
        if got < 0:
            if errno != EAGAIN and errno != EINTR:
                self.lose(index)
            return
        if got == 0:
            self.lose(index)
            return
        member.bytes_in += got
        self.totals.bytes_in += got
        if from_raw:
            member.raw.len += got
            data = member.raw.data
            size = member.raw.len
        else:
            size = got
        used = self.take(index, data, size)
        if used < 0:
            return
        if from_raw:
            consume(&member.raw, used)
        elif <size_t>used < size and not keep(&member.raw, data + used, size - used):
            self.totals.out_of_memory += 1
            self.lose(index)

    cdef ssize_t take(self, int index, char *data, size_t size) noexcept nogil:
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef size_t at = 0
        cdef ssize_t used
        while at < size:
            if member.state == MEMBER_OPENING:
                used = self.take_head(index, data + at, size - at)
            elif member.state == MEMBER_CLOSING:
                return size
            elif target.transport == TRANSPORT_WS:
                used = self.take_frame(index, data + at, size - at)
            elif member.chunked:
                used = self.take_chunk(index, data + at, size - at)
            else:
                used = size - at if self.take_text(index, data + at, size - at) else -1
            if used < 0:
                return -1
            if used == 0:
                break
            at += used
        return at

    # -- handshake ---------------------------------------------------------------------------------------------

    cdef ssize_t take_head(self, int index, char *data, size_t size) noexcept nogil:
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef gs_head head
        cdef gs_answer answer
        cdef size_t end = 0
        cdef bint found = False
        while end + 4 <= size:
            if data[end] == c'\r' and memcmp(data + end, b"\r\n\r\n", 4) == 0:
                found = True
                break
            end += 1
        if not found and size < C_HEAD_MAX:
            return 0
        end += 4
        if not found:
            self.violated(index)
            return -1
        if target.transport == TRANSPORT_WS:
            answer = gs_check_upgrade(data, end, member.nonce, target.protocol, target.deflate, &head)
        else:
            answer = gs_check_stream(data, end, &head)
        self.answers[<int>answer] += 1
        if head.status < STATUS_MAX:
            self.statuses[head.status] += 1
        if answer != GS_ACCEPTED:
            if answer != GS_BAD_STATUS:
                self.totals.violations += 1
            self.totals.connect_failures += 1
            self.lose(index)
            return -1
        self.turn(index, MEMBER_OPEN)
        member.chunked = head.chunked
        member.deflate = head.deflate
        member.connects += 1
        member.attempts = 0
        member.catching_up = member.held_len > 0
        self.totals.connects += 1
        if member.paused:
            self.watch(index)
        return end if member.fd >= 0 else -1

    # -- WebSocket ---------------------------------------------------------------------------------------------

    cdef ssize_t take_frame(self, int index, char *data, size_t size) noexcept nogil:
        """One frame, if it is whole."""
        cdef gs_member *member = &self.members[index]
        cdef uint8_t first, second
        cdef uint64_t length
        cdef size_t head = 2, i
        cdef int opcode
        if size < 2:
            return 0
        first = <uint8_t>data[0]
        second = <uint8_t>data[1]
        opcode = first & 0x0F
        # Reserved bits and a masked server frame are violations (RFC 6455 sections 5.1, 5.2); RSV1 marks a compressed message.
        if first & 0x30 or second & 0x80:
            self.violated(index)
            return -1
        if first & 0x40 and not (member.deflate and (opcode == OP_TEXT or opcode == OP_BINARY)):
            self.violated(index)
            return -1
        length = second & 0x7F
        if length == 126:
            head = 4
        elif length == 127:
            head = 10
        if size < head:
            return 0
        if head > 2:
            length = 0
            for i in range(2, head):
                length = (length << 8) | <uint8_t>data[i]
            if length < <uint64_t>(126 if head == 4 else 65536):
                self.violated(index)
                return -1
        if length > self.max_message_bytes:
            self.violated(index)
            return -1
        if opcode >= OP_CLOSE and (length > 125 or not first & 0x80):
            self.violated(index)
            return -1
        if size - head < length:
            return 0
        if opcode >= OP_CLOSE:
            return <ssize_t>(head + length) if self.take_control(index, opcode, data + head, length) else -1
        if opcode > OP_BINARY or (opcode == OP_CONTINUATION) != (member.fragmented != 0):
            self.violated(index)
            return -1
        if opcode != OP_CONTINUATION and first & 0x80:
            if first & 0x40:
                if not self.take_compressed(index, opcode, data + head, length):
                    return -1
            else:
                self.take_message(index, opcode, data + head, length)
        else:
            if opcode != OP_CONTINUATION:
                member.fragmented = <uint8_t>opcode
                member.compressed = first & 0x40 != 0
            if member.part.len + length > self.max_message_bytes:
                self.violated(index)
                return -1
            if not keep(&member.part, data + head, length):
                self.totals.out_of_memory += 1
                self.lose(index)
                return -1
            if first & 0x80:
                opcode = member.fragmented
                member.fragmented = 0
                if member.compressed:
                    if not self.take_compressed(index, opcode, member.part.data, member.part.len):
                        return -1
                else:
                    self.take_message(index, opcode, member.part.data, member.part.len)
                clear(&member.part)
        return head + length

    cdef bint take_compressed(self, int index, int opcode, const char *data, size_t size) noexcept nogil:
        """A compressed message: as if it had come as it was before."""
        cdef uint8_t *out = NULL
        cdef size_t out_len = 0
        if gs_inflate(
                self.inflater, <const uint8_t *>data, size, self.max_message_bytes, 1100, &out, &out_len) != INFLATED:
            self.violated(index)
            return False
        self.totals.compressed += 1
        self.totals.inflated_in += size
        self.totals.inflated_out += out_len
        self.take_message(index, opcode, <const char *>out, out_len)
        return True

    cdef bint take_control(self, int index, int opcode, char *data, size_t size) noexcept nogil:
        """A ping is answered; a close is noted and answered. False when the connection is gone."""
        cdef gs_member *member = &self.members[index]
        cdef int code = 1005
        if opcode == OP_PING:
            self.totals.pings += 1
            self.send_frame(index, OP_PONG, data, size)
            self.watch(index)
            return member.fd >= 0
        if opcode == OP_PONG:
            return True
        if opcode != OP_CLOSE or size == 1:
            self.violated(index)
            return False
        if size >= 2:
            code = (<uint8_t>data[0] << 8) | <uint8_t>data[1]
        member.close_code = <uint16_t>code
        if code < CLOSE_CODES:
            self.close_codes[code] += 1
        self.send_frame(index, OP_CLOSE, data, 2 if size >= 2 else 0)
        member.due_ms = now_ms() + C_CLOSE_TIMEOUT_MS
        self.turn(index, MEMBER_CLOSING)
        self.watch(index)
        return member.fd >= 0

    # -- event stream ------------------------------------------------------------------------------------------

    cdef ssize_t take_chunk(self, int index, char *data, size_t size) noexcept nogil:
        """One chunk (RFC 9112 section 7.1), if it is whole."""
        cdef uint64_t length = 0
        cdef size_t at = 0, line
        cdef int digit
        while at < size and at < 16 and data[at] != c'\r' and data[at] != c';':
            if c'0' <= data[at] <= c'9':
                digit = data[at] - c'0'
            elif c'a' <= data[at] | 0x20 <= c'f':
                digit = (data[at] | 0x20) - c'a' + 10
            else:
                self.violated(index)
                return -1
            length = (length << 4) | <uint64_t>digit
            at += 1
        if at == 16 or (at < size and at == 0):
            self.violated(index)
            return -1
        line = at
        while line + 1 < size and data[line] != c'\r':
            line += 1
        if line + 1 >= size:
            if size > C_HEAD_MAX and length == 0:
                self.violated(index)
                return -1
            return 0
        if data[line + 1] != c'\n' or length > self.max_message_bytes:
            self.violated(index)
            return -1
        line += 2
        if size - line < length + 2:
            return 0
        if data[line + length] != c'\r' or data[line + length + 1] != c'\n':
            self.violated(index)
            return -1
        if length == 0:
            self.lose(index)
            return -1
        return <ssize_t>(line + length + 2) if self.take_text(index, data + line, length) else -1

    cdef bint take_text(self, int index, const char *data, size_t size) noexcept nogil:
        """Text of the stream: events end with an empty line. False when the connection is gone."""
        cdef gs_member *member = &self.members[index]
        cdef size_t begin = 0, at = 0
        cdef const char *found
        cdef bint kept = member.part.len > 0
        if kept:
            if member.part.len + size > self.max_message_bytes or not keep(&member.part, data, size):
                self.violated(index)
                return False
            data = member.part.data
            size = member.part.len
        while at < size:
            found = <const char *>memchr(data + at, c'\n', size - at)
            if found == NULL:
                break
            at = found - data + 1
            if at < size and data[at] == c'\n':
                self.take_event(index, data + begin, at - begin)
                at += 1
                begin = at
            elif at + 1 < size and data[at] == c'\r' and data[at + 1] == c'\n':
                self.take_event(index, data + begin, at - begin)
                at += 2
                begin = at
            if member.fd < 0:
                return False
        if kept:
            consume(&member.part, begin)
        elif begin < size and not keep(&member.part, data + begin, size - begin):
            self.totals.out_of_memory += 1
            self.lose(index)
            return False
        return True

    cdef void take_event(self, int index, const char *data, size_t size) noexcept nogil:
        """One event's lines; the gateway writes the data as one line."""
        cdef size_t at = 0, end
        cdef const char *found
        while at < size:
            found = <const char *>memchr(data + at, c'\n', size - at)
            end = <size_t>(found - data) if found != NULL else size
            if end > at and data[end - 1] == c'\r':
                end -= 1
            if data[at] == c':':
                self.totals.comments += 1
            elif end - at >= 6 and memcmp(data + at, b"data: ", 6) == 0:
                self.take_message(index, OP_TEXT, data + at + 6, end - at - 6)
            if found == NULL:
                return
            at = found - data + 1

    # -- messages ----------------------------------------------------------------------------------------------

    cdef void take_message(self, int index, int opcode, const char *data, size_t size) noexcept nogil:
        """The rules for a viewer (docs/protocol.md), counted."""
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef gs_message message
        cdef char channel[256]
        cdef size_t at = 0, channel_len
        cdef uint64_t now_us = unix_us(), sent_us = 0, low, high
        self.totals.messages += 1
        if opcode == OP_TEXT:
            gs_scan_json(data, size, &message)
        else:
            gs_scan_msgpack(data, size, &message)
        if message.kind == GS_MALFORMED or message.version.len >= HELD_MAX:
            self.totals.malformed += 1
            return
        if target.channel[0] != 0 and message.kind != GS_ERROR and message.kind != GS_BYE:
            channel_len = expand(
                target.channel, target.first_number + member.ordinal % target.numbers, channel, 256)
            if message.channel.len != channel_len or memcmp(message.channel.data, channel, channel_len) != 0:
                self.totals.strays += 1
                return
        if message.kind == GS_DELTA:
            while True:
                at = gs_next_stamp(data, size, at, &sent_us)
                if at == 0:
                    break
                gs_record(&self.slow if member.slow or member.catching_up else &self.live,
                          now_us - sent_us if now_us > sent_us else 0)
        elif message.kind == GS_BYE:
            self.totals.byes += 1
            if gs_retry(data, size, &low, &high) and high < 3600000:
                member.bye_low_ms = <uint32_t>low
                member.bye_high_ms = <uint32_t>high
            return
        elif message.kind == GS_ERROR:
            self.totals.errors += 1
            member.others += 1
            return
        self.served(member, &message, now_us)

    cdef void served(self, gs_member *member, gs_message *message, uint64_t now_us) noexcept nogil:
        cdef bint continues = message.origin.len == member.held_len and member.held_len > 0 and \
            memcmp(message.origin.data, member.held, member.held_len) == 0
        cdef bint same = message.version.len == member.held_len and member.held_len > 0 and \
            memcmp(message.version.data, member.held, member.held_len) == 0
        if message.kind == GS_STATUS:
            self.totals.statuses += 1
            member.others += 1
            return
        if member.lost_us:
            gs_record(&self.outage, now_us - member.lost_us if now_us > member.lost_us else 0)
            member.lost_us = 0
            if message.kind == GS_SNAPSHOT:
                self.totals.replaced += 1
            elif continues or same:
                self.totals.resumed += 1
        member.catching_up = False
        if message.kind == GS_TICK:
            self.totals.ticks += 1
            member.others += 1
            if not same:
                self.totals.stale_ticks += 1
            return
        if message.kind == GS_SNAPSHOT:
            self.totals.snapshots += 1
            member.snapshots += 1
        else:
            self.totals.deltas += 1
            member.deltas += 1
            if not continues:
                if same:
                    self.totals.duplicates += 1
                    member.duplicates += 1
                else:
                    # Counted once: from here on the chain is followed again.
                    self.totals.gaps += 1
                    member.gaps += 1
        memcpy(member.held, message.version.data, message.version.len)
        member.held_len = <uint8_t>message.version.len

    # -- ends --------------------------------------------------------------------------------------------------

    cdef void violated(self, int index) noexcept nogil:
        """The server broke its protocol: the connection is ended at once."""
        self.totals.violations += 1
        if self.members[index].state == MEMBER_OPEN and \
                self.targets[self.members[index].target].transport == TRANSPORT_WS:
            self.send_frame(index, OP_CLOSE, b"\x03\xea", 2)
        self.lose(index)

    cdef void lose(self, int index) noexcept nogil:
        """The connection has ended: it is made again later, or the member is gone."""
        cdef gs_member *member = &self.members[index]
        cdef gs_target *target = &self.targets[member.target]
        cdef uint64_t ceiling
        cdef bint was_open = member.state == MEMBER_OPEN or member.state == MEMBER_CLOSING
        if was_open:
            self.totals.lost += 1
            if member.lost_us == 0 and not self.finishing:
                member.lost_us = unix_us()
        self.drop(index, False)
        if target.retry_first_ms == 0 or self.finishing:
            return
        if member.bye_high_ms:
            ceiling = member.bye_low_ms + gs_random_below(member.bye_high_ms - member.bye_low_ms + 1)
            member.bye_low_ms = member.bye_high_ms = 0
        else:
            ceiling = <uint64_t>target.retry_first_ms << (member.attempts if member.attempts < 16 else 16)
            if ceiling > target.retry_last_ms:
                ceiling = target.retry_last_ms
            ceiling = gs_random_below(<uint32_t>ceiling + 1)
            member.attempts += 1
        member.due_ms = now_ms() + ceiling
        self.turn(index, MEMBER_WAITING)

    cdef void drop(self, int index, bint hard) noexcept nogil:
        """Closes the socket (by RST when hard) and forgets what was under way."""
        cdef gs_member *member = &self.members[index]
        cdef linger reset
        if member.fd >= 0:
            if hard:
                reset.l_onoff = 1
                reset.l_linger = 0
                setsockopt(member.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset))
            # The descriptor is never duplicated: closing it ends its epoll registration.
            close(member.fd)
            member.fd = -1
        clear(&member.raw)
        clear(&member.part)
        clear(&member.out)
        member.fragmented = member.compressed = 0
        if member.state != MEMBER_GONE:
            self.turn(index, MEMBER_GONE)

    # -- what can be asked of members --------------------------------------------------------------------------

    def pause(self, first: int, count: int) -> None:
        """Members stop reading; from now on their latencies are counted apart."""
        self._set_paused(first, count, True)

    def resume(self, first: int, count: int) -> None:
        """Members read again."""
        self._set_paused(first, count, False)

    def _set_paused(self, first: int, count: int, paused: bool) -> None:
        cdef int i
        if first < 0 or count < 0 or first + count > self.used:
            raise IndexError("there are not so many members")
        for i in range(first, first + count):
            self.members[i].paused = paused
            if paused:
                self.members[i].slow = True
            if self.members[i].state == MEMBER_OPEN:
                self.watch(i)

    def send(self, index: int, payload: bytes, binary: bool = False) -> bool:
        """Sends a message of up to 8 KB to the server; False when the member is not open or cannot take it."""
        cdef bint sent
        if not 0 <= index < self.used:
            raise IndexError("there are not so many members")
        if self.members[index].state != MEMBER_OPEN:
            return False
        sent = self.send_frame(index, OP_BINARY if binary else OP_TEXT, payload, len(payload))
        self.watch(index)
        return sent

    def close_all(self, hard: bool = False) -> None:
        """Ends all: by close frames (go on polling until none is open) or, when hard, by RST at once."""
        cdef int i
        cdef uint64_t due = now_ms() + C_CLOSE_TIMEOUT_MS
        self.finishing = True
        for i in range(self.used):
            if self.members[i].state == MEMBER_OPEN and not hard \
                    and self.targets[self.members[i].target].transport == TRANSPORT_WS:
                # 1000, the normal closure.
                if self.send_frame(i, OP_CLOSE, b"\x03\xe8", 2):
                    self.members[i].due_ms = due
                    self.turn(i, MEMBER_CLOSING)
                    self.members[i].paused = False
                    self.watch(i)
                    continue
            self.drop(i, hard)

    def held(self, index: int) -> str:
        """The version that a member holds."""
        if not 0 <= index < self.used:
            raise IndexError("there are not so many members")
        return self.members[index].held[:self.members[index].held_len].decode("ascii")

    def member(self, index: int) -> dict[str, int | str]:
        """One member's state and counts."""
        if not 0 <= index < self.used:
            raise IndexError("there are not so many members")
        cdef gs_member *m = &self.members[index]
        return {
            "state": STATES[m.state], "held": self.held(index), "connects": m.connects, "snapshots": m.snapshots,
            "deltas": m.deltas, "duplicates": m.duplicates, "gaps": m.gaps, "others": m.others,
            "bytes_in": m.bytes_in, "close_code": m.close_code, "slow": bool(m.slow), "paused": bool(m.paused),
        }

    def versions(self) -> dict[str, int]:
        """How many open members hold which version."""
        cdef int i
        found: "dict[str, int]" = {}
        for i in range(self.used):
            if self.members[i].state == MEMBER_OPEN:
                held = self.members[i].held[:self.members[i].held_len].decode("ascii")
                found[held] = found.get(held, 0) + 1
        return found

    @property
    def messages(self) -> int:
        """Messages received by all members."""
        return self.totals.messages

    @property
    def opened(self) -> int:
        """Members that are open now."""
        return self.states[MEMBER_OPEN]

    def summary(self) -> dict[str, object]:
        """All counts, with latencies in milliseconds."""
        cdef int i
        t = self.totals
        return {
            "members": {STATES[i]: self.states[i] for i in range(MEMBER_WAITING, MEMBER_GONE + 1)},
            **t,
            "statuses_http": {i: self.statuses[i] for i in range(STATUS_MAX) if self.statuses[i]},
            "close_codes": {i: self.close_codes[i] for i in range(CLOSE_CODES) if self.close_codes[i]},
            "answers": {ANSWERS[i]: self.answers[i] for i in range(ANSWERS_COUNT) if self.answers[i]},
            "latency": self.latency("live").summary(),
            "latency_slow": self.latency("slow").summary(),
            "outage": self.latency("outage").summary(),
        }

    def latency(self, which: str = "live") -> Histogram:
        """A copy of a histogram: publish to delivered for live or slow members, or how long outages lasted."""
        cdef Histogram copy = Histogram()
        if which == "live":
            copy.data = self.live
        elif which == "slow":
            copy.data = self.slow
        elif which == "outage":
            copy.data = self.outage
        else:
            raise ValueError("live, slow or outage")
        return copy

    def reset_latency(self) -> None:
        """Empties the histograms."""
        memset(&self.live, 0, sizeof(gs_histogram))
        memset(&self.slow, 0, sizeof(gs_histogram))
        memset(&self.outage, 0, sizeof(gs_histogram))


def live_buffers() -> int:
    """Buffers of members that are allocated now, in all swarms: a test's leak check."""
    return buffers_alive
