"""A client's side of the opening handshake (RFC 6455 section 4.1) and of an event stream's answer, without Python objects.

Owns a pool of random bytes from the kernel for keys and masks; never a socket.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

from native.accept cimport gs_accept, gs_base64

cdef extern from "<sys/random.h>" nogil:
    ssize_t getrandom(void *buffer, size_t length, unsigned int flags)

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char *a, const char *b, size_t length)


# One pool for each thread: polls of several swarms may run at once without the GIL.
cdef extern from *:
    """
    static __thread unsigned char gs_pool[4096];
    static __thread size_t gs_pool_left = 0;
    """
    uint8_t *gs_pool
    size_t gs_pool_left


cdef bint gs_random(void *out, size_t len) noexcept nogil:
    global gs_pool_left
    cdef ssize_t got
    cdef size_t filled = 0
    if len > 4096:
        return False
    if gs_pool_left < len:
        while filled < 4096:
            got = getrandom(gs_pool + filled, 4096 - filled, 0)
            if got < 0 and errno != EINTR:
                return False
            if got > 0:
                filled += got
        gs_pool_left = 4096
    gs_pool_left -= len
    memcpy(out, gs_pool + gs_pool_left, len)
    return True


cdef uint32_t gs_random_below(uint32_t limit) noexcept nogil:
    cdef uint32_t drawn = 0
    if limit == 0 or not gs_random(&drawn, 4):
        return 0
    return <uint32_t>((<uint64_t>drawn * limit) >> 32)


cdef void gs_key(const uint8_t *nonce, char *out) noexcept nogil:
    gs_base64(nonce, GS_NONCE_LEN, out)


cdef bint is_text(const char *data, size_t len, const char *wanted) noexcept nogil:
    """Whether the two are the same but for case."""
    return len == strlen(wanted) and strncasecmp(data, wanted, len) == 0


cdef bint has_token(const char *data, size_t len, const char *wanted) noexcept nogil:
    """Whether a comma-separated list has the element."""
    cdef size_t start = 0, end, first, last
    while start <= len:
        end = start
        while end < len and data[end] != c',':
            end += 1
        first = start
        last = end
        while first < last and (data[first] == c' ' or data[first] == c'\t'):
            first += 1
        while last > first and (data[last - 1] == c' ' or data[last - 1] == c'\t'):
            last -= 1
        if is_text(data + first, last - first, wanted):
            return True
        start = end + 1
    return False


cdef struct gs_field:
    const char *name
    size_t name_len
    const char *value
    size_t value_len


cdef bint status_line(const char *head, size_t len, size_t *at, int *status) noexcept nogil:
    """Takes `HTTP/1.1 ddd ...` with its CRLF."""
    cdef size_t i = 12
    cdef int digit
    if len < 15 or memcmp(head, b"HTTP/1.1 ", 9) != 0:
        return False
    status[0] = 0
    for digit in range(9, 12):
        if head[digit] < c'0' or head[digit] > c'9':
            return False
        status[0] = status[0] * 10 + (head[digit] - c'0')
    while i + 1 < len:
        if head[i] == c'\r' and head[i + 1] == c'\n':
            at[0] = i + 2
            return True
        i += 1
    return False


cdef int next_field(const char *head, size_t len, size_t *at, gs_field *field) noexcept nogil:
    """Takes a header field: 1, 0 at the head's end, -1 when it is none."""
    cdef size_t end = at[0], i
    while end + 1 < len and not (head[end] == c'\r' and head[end + 1] == c'\n'):
        end += 1
    if end + 1 >= len:
        return -1
    if end == at[0]:
        return 0
    i = at[0]
    while i < end and head[i] != c':':
        if head[i] == c' ' or head[i] == c'\t':
            return -1
        i += 1
    if i == end or i == at[0]:
        return -1
    field.name = head + at[0]
    field.name_len = i - at[0]
    i += 1
    while i < end and (head[i] == c' ' or head[i] == c'\t'):
        i += 1
    field.value = head + i
    field.value_len = end - i
    while field.value_len > 0 and field.value[field.value_len - 1] in (c' ', c'\t'):
        field.value_len -= 1
    at[0] = end + 2
    return 1


cdef bint is_deflate(const char *data, size_t len) noexcept nogil:
    """Whether the answer is permessage-deflate alone, with server_no_context_takeover among its parameters."""
    cdef size_t start = 0, end, first, last
    cdef bint named = False, without_context = False
    while start <= len:
        end = start
        while end < len and data[end] != c';':
            end += 1
        first = start
        last = end
        while first < last and data[first] == c' ':
            first += 1
        while last > first and data[last - 1] == c' ':
            last -= 1
        if start == 0:
            named = is_text(data + first, last - first, b"permessage-deflate")
        elif is_text(data + first, last - first, b"server_no_context_takeover"):
            without_context = True
        start = end + 1
    return named and without_context


cdef gs_answer gs_check_upgrade(
        const char *head, size_t len, const uint8_t *nonce, const char *protocol, bint deflate, gs_head *out
) noexcept nogil:
    cdef char key[GS_KEY_LEN]
    cdef char accept[GS_ACCEPT_LEN]
    cdef gs_field field
    cdef size_t at = 0
    cdef int step
    cdef bint upgrade = False, connection = False, extension = False, other_protocol = False
    cdef int accepts = 0, right_accepts = 0, protocols = 0
    out.status = 0
    out.chunked = False
    out.deflate = False
    if not status_line(head, len, &at, &out.status):
        return GS_BAD_HEAD
    if out.status != 101:
        return GS_BAD_STATUS
    gs_key(nonce, key)
    gs_accept(key, accept)
    while True:
        step = next_field(head, len, &at, &field)
        if step < 0:
            return GS_BAD_HEAD
        if step == 0:
            break
        if is_text(field.name, field.name_len, b"upgrade"):
            upgrade = is_text(field.value, field.value_len, b"websocket")
        elif is_text(field.name, field.name_len, b"connection"):
            connection = connection or has_token(field.value, field.value_len, b"upgrade")
        elif is_text(field.name, field.name_len, b"sec-websocket-accept"):
            accepts += 1
            if field.value_len == GS_ACCEPT_LEN and memcmp(field.value, accept, GS_ACCEPT_LEN) == 0:
                right_accepts += 1
        elif is_text(field.name, field.name_len, b"sec-websocket-extensions"):
            # One header, and nothing that was not asked for.
            extension = extension or out.deflate or not deflate or not is_deflate(field.value, field.value_len)
            out.deflate = True
        elif is_text(field.name, field.name_len, b"sec-websocket-protocol"):
            protocols += 1
            if field.value_len != strlen(protocol) or memcmp(field.value, protocol, field.value_len) != 0:
                other_protocol = True
    if not upgrade:
        return GS_BAD_UPGRADE
    if not connection:
        return GS_BAD_CONNECTION
    if accepts != 1 or right_accepts != 1:
        return GS_BAD_ACCEPT
    if extension:
        return GS_BAD_EXTENSION
    if other_protocol or protocols != (1 if protocol[0] != 0 else 0):
        return GS_BAD_PROTOCOL
    return GS_ACCEPTED


cdef gs_answer gs_check_stream(const char *head, size_t len, gs_head *out) noexcept nogil:
    cdef gs_field field
    cdef size_t at = 0
    cdef int step
    cdef bint stream = False
    out.status = 0
    out.chunked = False
    if not status_line(head, len, &at, &out.status):
        return GS_BAD_HEAD
    if out.status != 200:
        return GS_BAD_STATUS
    while True:
        step = next_field(head, len, &at, &field)
        if step < 0:
            return GS_BAD_HEAD
        if step == 0:
            break
        if is_text(field.name, field.name_len, b"content-type"):
            stream = field.value_len >= 17 and strncasecmp(field.value, b"text/event-stream", 17) == 0
        elif is_text(field.name, field.name_len, b"transfer-encoding"):
            out.chunked = has_token(field.value, field.value_len, b"chunked")
    return GS_ACCEPTED if stream else GS_BAD_TYPE


ANSWERS = ("accepted", "bad_head", "bad_status", "bad_upgrade", "bad_connection", "bad_accept", "bad_extension",
           "bad_protocol", "bad_type")
