# The connection table for Python. One thread uses a table; calls with a stale connection id do nothing.

from libc.stdint cimport uint32_t, uint64_t
from native.state cimport gs_table

cdef class Table:
    cdef gs_table *t

    # Moves the queued events into `out`.
    cdef list _take(self, list out)
    # The event of a complete head: of a plain opening, or of anything else.
    cdef tuple _head(self, uint64_t conn, uint32_t slot)
    # The slot of a parked connection, or GS_NIL.
    cdef uint32_t _parked(self, uint64_t conn) noexcept
    # Raises ValueError when there is no such group.
    cdef int _check_group(self, uint32_t group) except -1
