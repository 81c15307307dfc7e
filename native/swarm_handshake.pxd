"""A client's side of the opening handshake (RFC 6455 section 4.1) and of an event stream's answer, without Python objects.

Owns a pool of random bytes from the kernel for keys and masks; never a socket. Nothing here allocates.
"""

from libc.stdint cimport uint8_t, uint32_t

cdef enum gs_answer:
    GS_ACCEPTED = 0
    GS_BAD_HEAD = 1
    GS_BAD_STATUS = 2
    GS_BAD_UPGRADE = 3
    GS_BAD_CONNECTION = 4
    GS_BAD_ACCEPT = 5
    GS_BAD_EXTENSION = 6
    GS_BAD_PROTOCOL = 7
    GS_BAD_TYPE = 8

cdef struct gs_head:
    int status
    bint chunked
    bint deflate        # permessage-deflate was agreed on

cdef enum:
    GS_KEY_LEN = 24
    GS_ACCEPT_LEN = 28
    GS_NONCE_LEN = 16

# Random bytes: from getrandom(2), 4 KB at a time. False when the kernel has none to give.
cdef bint gs_random(void *out, size_t len) noexcept nogil
# A number in [0, limit); limit 0 gives 0.
cdef uint32_t gs_random_below(uint32_t limit) noexcept nogil

cdef void gs_key(const uint8_t *nonce, char *out) noexcept nogil

# Checks an answer's head (with its final CRLFCRLF): strictly a 101 for this nonce, the protocol being the one asked for.
# `deflate`: permessage-deflate was offered, and may be agreed on without context takeover by the server (RFC 7692).
cdef gs_answer gs_check_upgrade(
    const char *head, size_t len, const uint8_t *nonce, const char *protocol, bint deflate, gs_head *out
) noexcept nogil
# Checks that the answer is a 200 with an event stream.
cdef gs_answer gs_check_stream(const char *head, size_t len, gs_head *out) noexcept nogil
