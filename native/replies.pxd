# What a store answers (RESP2), as it arrives.

from libc.stdint cimport uint8_t

cdef class Replies:
    cdef bytearray kept         # the reply that is not whole yet
    cdef Py_ssize_t at          # what was looked at of it
    cdef Py_ssize_t wanted      # elements of it that have not come; 0: none has begun
    cdef object _one(self, const uint8_t *data, Py_ssize_t size)


cdef class RangeReplies(Replies):
    cdef object entry_type, position_type, other
    cdef list asked
    cdef Py_ssize_t following
    cdef list _rows(self, object followed, const uint8_t *data, Py_ssize_t size)
    cdef object _entry(self, const uint8_t *data, Py_ssize_t size, Py_ssize_t *at, Py_ssize_t *id_end)


cdef class Announcements(Replies):
    cdef dict channels
    cdef object other
