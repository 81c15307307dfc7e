"""The floor of what a fan-out can cost: a plain C loop of send() over descriptors, for benchmarks only."""

from cpython cimport array
import array


cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)


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
