# What a server answers to a client's key (RFC 6455 section 4.2.2).

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

cdef enum:
    KEY_LEN = 24        # characters of a key: 16 bytes in base64
    ACCEPT_LEN = 28     # characters of the answer

# Base64 with padding; `out` has room for 4 characters for every 3 bytes begun.
cdef void gs_base64(const uint8_t *data, size_t len, char *out) noexcept nogil
# The answer to a key of KEY_LEN characters; `out` gets ACCEPT_LEN of them.
cdef void gs_accept(const char *key, char *out) noexcept nogil
