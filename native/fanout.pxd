# One frame to many: jobs over the members of a group, in slices.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from native.connections cimport Table
from native.frames cimport Frame, gs_frame
from native.state cimport gs_table

cdef class Fanout:
    cdef Table table

    cdef object _begin(self, uint32_t group, Frame frame, uint64_t from_seq, uint64_t to_seq, bint aux)

# Visits members of the active groups until the time is over; True when work is left.
cdef bint gs_run(gs_table *t, int64_t until_us) noexcept nogil
# Gives a frame to the READY members that hold `held`; returns how many took it or its start.
cdef uint32_t gs_serve(gs_table *t, uint32_t group, uint64_t held, gs_frame *frame, uint64_t to_seq) noexcept nogil
