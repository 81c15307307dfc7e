"""The floor of what a server can cost: plain C loops of send(), and of accept(), recv() and send(). For benchmarks only.

Strict about nothing and without any limit; a server that people meet has to do more.
"""

from cpython cimport array
import array
import os

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from posix.unistd cimport close

from native.accept cimport ACCEPT_LEN, KEY_LEN, gs_accept

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    static int gs_floor_accept(int fd) {
        int one = 1, taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (taken >= 0) (void)!setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        return taken;
    }
    """
    int gs_floor_accept(int fd) nogil

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)
    ssize_t recv(int fd, void *data, size_t size, int flags)

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CLOEXEC
    enum: EPOLL_CTL_ADD
    enum: EPOLLIN
    ctypedef union epoll_data_t:
        int fd
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int size, int timeout_ms)

cdef enum:
    READ_MAX = 4096
    ANSWER_MAX = 65536
    EVENTS = 128

cdef const char *ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)
cdef enum:
    ANSWER_LEN = 97
cdef const char *KEY_NAME = b"Sec-WebSocket-Key: "


def send_all(array.array fds not None, bytes data not None):
    """Sends `data` to each descriptor of an array of ints; returns how many took all of it."""
    if fds.typecode != "i":
        raise TypeError("an array of type 'i' is needed")
    cdef const unsigned char *bytes_out = data
    cdef size_t size = len(data)
    cdef Py_ssize_t count = len(fds), i
    cdef int *numbers = fds.data.as_ints
    cdef Py_ssize_t whole = 0
    with nogil:
        for i in range(count):
            if send(numbers[i], bytes_out, size, MSG_DONTWAIT | MSG_NOSIGNAL) == <ssize_t>size:
                whole += 1
    return whole


cdef class OpeningFloor:
    """Accepts, answers 101 with `first` behind it in the same send(), and holds what it accepted until the peer ends it.

    Args:
        listener: a listening socket, which stays the caller's.
        stop: a descriptor that ends `serve` when it becomes readable.
        first: the bytes of a first frame.

    Raises:
        OSError: there is no epoll to be had.
        ValueError: `first` is too long.
    """

    cdef int listener, stop, epoll
    cdef bytes first
    cdef readonly uint64_t opened

    def __cinit__(self, int listener, int stop, bytes first not None):
        self.epoll = -1
        if len(first) > ANSWER_MAX - 256:
            raise ValueError("the first frame is too long")
        self.listener = listener
        self.stop = stop
        self.first = first
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0 or not self.watch(listener) or not self.watch(stop):
            raise OSError(errno, os.strerror(errno))

    def __dealloc__(self):
        if self.epoll >= 0:
            close(self.epoll)

    cdef bint watch(self, int fd) noexcept nogil:
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.fd = fd
        return epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event) == 0

    def serve(self):
        """Serves until `stop` is readable."""
        cdef const char *first = self.first
        cdef size_t first_len = len(self.first)
        with nogil:
            self.run(first, first_len)

    cdef void run(self, const char *first, size_t first_len) noexcept nogil:
        cdef epoll_event events[EVENTS]
        cdef int count, i, fd
        cdef bint ended = False
        while not ended:
            count = epoll_wait(self.epoll, events, EVENTS, -1)
            for i in range(count):
                fd = events[i].data.fd
                if fd == self.stop:
                    ended = True
                elif fd != self.listener:
                    self.answer(fd, first, first_len)
                else:
                    while True:
                        fd = gs_floor_accept(self.listener)
                        if fd < 0:
                            break
                        # Most often the request is there already.
                        if self.answer(fd, first, first_len) and not self.watch(fd):
                            close(fd)

    cdef bint answer(self, int fd, const char *first, size_t first_len) noexcept nogil:
        """Reads once; False when the descriptor is closed."""
        cdef char request[READ_MAX]
        cdef char out[ANSWER_MAX]
        cdef ssize_t got = recv(fd, request, READ_MAX, MSG_DONTWAIT), at
        if got < 0 and (errno == EAGAIN or errno == EINTR):
            return True
        for at in range(0, got - 19 - KEY_LEN):
            if request[at] == c'S' and memcmp(request + at, KEY_NAME, 19) == 0:
                memcpy(out, ANSWER, ANSWER_LEN)
                gs_accept(request + at + 19, out + ANSWER_LEN)
                memcpy(out + ANSWER_LEN + ACCEPT_LEN, b"\r\n\r\n", 4)
                memcpy(out + ANSWER_LEN + ACCEPT_LEN + 4, first, first_len)
                at = ANSWER_LEN + ACCEPT_LEN + 4 + <ssize_t>first_len
                if send(fd, out, <size_t>at, MSG_DONTWAIT | MSG_NOSIGNAL) == at:
                    self.opened += 1
                    return True
                break
        close(fd)
        return False
