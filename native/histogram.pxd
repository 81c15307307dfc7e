"""A latency histogram in native code: 64 buckets an octave, so that a value is known within 1.6 %.

Owns its counters; knows microseconds and nothing of where they come from. `gs_record` never fails and never allocates.
"""

from libc.stdint cimport uint64_t

cdef enum:
    GS_SUB_BITS = 6
    GS_SUB_BUCKETS = 64
    GS_TOP_BIT = 40
    GS_BUCKETS = 2304

cdef struct gs_histogram:
    uint64_t count
    uint64_t total_us
    uint64_t max_us
    uint64_t buckets[GS_BUCKETS]

cdef void gs_record(gs_histogram *histogram, uint64_t value_us) noexcept nogil

cdef class Histogram:
    cdef gs_histogram data
