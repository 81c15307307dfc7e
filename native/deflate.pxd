# permessage-deflate's payloads (RFC 7692 section 7.2) on zlib: messages compressed each for itself, and inflated within bounds.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "<zlib.h>" nogil:
    ctypedef struct z_stream:
        uint8_t* next_in
        unsigned int avail_in
        uint8_t* next_out
        unsigned int avail_out
        int data_type

cdef enum:
    INFLATED
    INFLATE_CORRUPT
    INFLATE_TOO_BIG     # more than `max_bytes`, or more than `max_ratio` bytes for each byte received
    INFLATE_NO_MEMORY

# One for all connections of a table: no context outlives a message.
cdef struct gs_inflater:
    z_stream z
    uint8_t* out        # the last message; kept for the next one when it is small
    size_t cap

# NULL when there is no memory.
cdef gs_inflater* gs_inflater_new() noexcept nogil
cdef void gs_inflater_free(gs_inflater* inflater) noexcept nogil
# Inflates a whole message. INFLATED: `out` (valid until the next call) and `out_len`. Takes time in proportion to its bounds.
cdef int gs_inflate(
    gs_inflater* inflater, const uint8_t* data, size_t size, uint64_t max_bytes, uint32_t max_ratio,
    uint8_t** out, size_t* out_len
) noexcept nogil


cdef class Deflater:
    cdef z_stream z
    cdef bint ready
    cdef bint always
    cdef size_t min_bytes
    cdef size_t max_bytes
    cdef uint8_t* out
    cdef size_t cap
    cdef uint64_t frames, plain, bytes_in, bytes_out, ns

    cdef size_t deflated(self, const uint8_t* data, size_t size) noexcept
