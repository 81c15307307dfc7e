"""Sec-WebSocket-Accept without Python objects (RFC 6455 section 4.2.2): SHA-1 of one short text, in base64.

Shared by the server's openings, the load client and the floor; owns and allocates nothing.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

cdef const char *GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
cdef const char *BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


cdef inline uint32_t rotate(uint32_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (32 - bits))


cdef void sha1_block(uint32_t *state, const uint8_t *block) noexcept nogil:
    """One block of SHA-1 (FIPS 180-4)."""
    cdef uint32_t words[80]
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4]
    cdef uint32_t mixed, constant, next_a
    cdef int i
    for i in range(16):
        words[i] = (<uint32_t>block[4 * i] << 24) | (<uint32_t>block[4 * i + 1] << 16) | \
            (<uint32_t>block[4 * i + 2] << 8) | <uint32_t>block[4 * i + 3]
    for i in range(16, 80):
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)
    for i in range(80):
        if i < 20:
            mixed = (b & c) | (~b & d)
            constant = 0x5A827999
        elif i < 40:
            mixed = b ^ c ^ d
            constant = 0x6ED9EBA1
        elif i < 60:
            mixed = (b & c) | (b & d) | (c & d)
            constant = 0x8F1BBCDC
        else:
            mixed = b ^ c ^ d
            constant = 0xCA62C1D6
        next_a = rotate(a, 5) + mixed + e + constant + words[i]
        e = d
        d = c
        c = rotate(b, 30)
        b = a
        a = next_a
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e


cdef void gs_base64(const uint8_t *data, size_t len, char *out) noexcept nogil:
    """Base64 with padding; `out` has room for 4 characters for every 3 bytes begun."""
    cdef size_t i = 0
    cdef uint32_t group
    while i < len:
        group = <uint32_t>data[i] << 16
        if i + 1 < len:
            group |= <uint32_t>data[i + 1] << 8
        if i + 2 < len:
            group |= data[i + 2]
        out[0] = BASE64[group >> 18]
        out[1] = BASE64[(group >> 12) & 63]
        out[2] = BASE64[(group >> 6) & 63] if i + 1 < len else c'='
        out[3] = BASE64[group & 63] if i + 2 < len else c'='
        out += 4
        i += 3


cdef void gs_accept(const char *key, char *out) noexcept nogil:
    # 24 bytes of key and 36 of GUID are 60 bytes: with the padding two blocks.
    cdef uint8_t blocks[128]
    cdef uint8_t digest[20]
    cdef uint32_t state[5]
    cdef int i
    memset(blocks, 0, 128)
    memcpy(blocks, key, KEY_LEN)
    memcpy(blocks + KEY_LEN, GUID, 36)
    blocks[60] = 0x80
    blocks[126] = 480 >> 8
    blocks[127] = 480 & 255
    state[0] = 0x67452301
    state[1] = 0xEFCDAB89
    state[2] = 0x98BADCFE
    state[3] = 0x10325476
    state[4] = 0xC3D2E1F0
    sha1_block(state, blocks)
    sha1_block(state, blocks + 64)
    for i in range(20):
        digest[i] = <uint8_t>(state[i // 4] >> (24 - 8 * (i % 4)))
    gs_base64(digest, 20, out)


def accept_of(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for a key of 24 characters (for tests).

    Raises:
        ValueError: the key has another length.
    """
    cdef char accept[ACCEPT_LEN]
    if len(key) != KEY_LEN:
        raise ValueError("a key has 24 characters")
    gs_accept(key, accept)
    return accept[:ACCEPT_LEN]
