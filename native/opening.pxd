# Plain openings: the request heads of viewers as nearly all clients write them. Whatever is unusual is none, and is for others.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    OPENING_NONE = 0    # anything else: plain HTTP, or something to be looked at more closely
    OPENING_WS = 1      # GET /v1/live, a correct upgrade (RFC 6455 section 4.2.1)
    OPENING_SSE = 2     # GET /v1/channels/.../stream

cdef struct gs_span:    # a part of the head; a field that is not there has at == 0
    uint32_t at
    uint32_t len

cdef struct gs_opening:
    gs_span target      # as it was sent
    gs_span key
    gs_span host
    gs_span origin
    gs_span protocols
    gs_span extensions
    gs_span authorization
    gs_span last_event_id
    gs_span upgrade
    gs_span connection
    gs_span version

# The kind of a complete head (its empty line included), and where its fields are.
cdef int gs_opening_of(const uint8_t *head, size_t size, gs_opening *out) noexcept nogil
