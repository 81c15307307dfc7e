"""Finds kind, channel and versions of a server's message by position, without decoding it; see docs/protocol.md.

Knows that the fields come in the order `type, channel, from, version`; reads only through a checked cursor.
Nothing here fails or allocates: what does not fit is GS_MALFORMED.
"""

from libc.stdint cimport uint64_t

cdef enum gs_kind:
    GS_MALFORMED = 0
    GS_SNAPSHOT = 1
    GS_DELTA = 2
    GS_TICK = 3
    GS_STATUS = 4
    GS_ERROR = 5
    GS_BYE = 6

cdef struct gs_text:
    const char *data
    size_t len

cdef struct gs_message:
    gs_kind kind
    gs_text channel
    gs_text origin
    gs_text version

cdef void gs_scan_json(const char *data, size_t len, gs_message *out) noexcept nogil
cdef void gs_scan_msgpack(const char *data, size_t len, gs_message *out) noexcept nogil

# The next `sent_us` at or after `start`: its value, and the offset to go on from (0: there is none).
cdef size_t gs_next_stamp(const char *data, size_t len, size_t start, uint64_t *value) noexcept nogil

# `retry_ms: [low, high]` of a JSON `bye`; False when it is not there.
cdef bint gs_retry(const char *data, size_t len, uint64_t *low, uint64_t *high) noexcept nogil
