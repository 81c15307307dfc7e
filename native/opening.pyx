"""Plain openings: request heads of viewers, taken strictly and without Python objects (RFC 9112, RFC 6455 section 4.2.1).

Only what cannot be understood in two ways is an opening: printable ASCII, each field once, no body. Everything else is left to
whoever parses all of HTTP, which then serves or refuses it; so this parser never refuses. Owns nothing.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memset, strlen

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char *a, const char *b, size_t length)

cdef enum:
    FIELDS_MAX = 64
    KEY_CHARS = 24

cdef const char *LIVE = b"/v1/live"
cdef const char *CHANNELS = b"/v1/channels/"
cdef const char *STREAM = b"/stream"


cdef extern from *:
    """
    /* Characters of a token (RFC 9110 section 5.6.2). */
    static int gs_token_char(unsigned char c) {
        static const char *others = "!#$%&'*+-.^_`|~";
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')) return 1;
        return c != 0 && strchr(others, c) != NULL;
    }
    static int gs_base64_char(unsigned char c) {
        return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '+' || c == '/';
    }
    """
    bint gs_token_char(uint8_t c) nogil
    bint gs_base64_char(uint8_t c) nogil


cdef bint _is(const uint8_t *data, size_t size, const char *wanted) noexcept nogil:
    """The same but for case."""
    return size == strlen(wanted) and strncasecmp(<const char *>data, wanted, size) == 0


cdef bint _lists(const uint8_t *head, gs_span span, const char *wanted) noexcept nogil:
    """Whether a comma-separated list has the element."""
    cdef size_t at = span.at, end = span.at + span.len, last, following
    while at < end:
        following = at
        while following < end and head[following] != c',':
            following += 1
        last = following
        while at < last and (head[at] == c' ' or head[at] == c'\t'):
            at += 1
        while last > at and (head[last - 1] == c' ' or head[last - 1] == c'\t'):
            last -= 1
        if _is(head + at, last - at, wanted):
            return True
        at = following + 1
    return False


cdef bint _key_is_right(const uint8_t *key, size_t size) noexcept nogil:
    """Sixteen bytes in base64: the last character carries four bits that must be zero."""
    cdef size_t i
    if size != KEY_CHARS or key[22] != c'=' or key[23] != c'=':
        return False
    for i in range(22):
        if not gs_base64_char(key[i]):
            return False
    return key[21] == c'A' or key[21] == c'Q' or key[21] == c'g' or key[21] == c'w'


cdef gs_span *_place(gs_opening *out, const uint8_t *name, size_t size) noexcept nogil:
    """Where a field is kept; NULL for one that nobody asks for."""
    if size == 4:
        return &out.host if _is(name, size, b"host") else NULL
    if size == 6:
        return &out.origin if _is(name, size, b"origin") else NULL
    if size == 7:
        return &out.upgrade if _is(name, size, b"upgrade") else NULL
    if size == 10:
        return &out.connection if _is(name, size, b"connection") else NULL
    if size == 13:
        if _is(name, size, b"authorization"):
            return &out.authorization
        return &out.last_event_id if _is(name, size, b"last-event-id") else NULL
    if size == 17:
        return &out.key if _is(name, size, b"sec-websocket-key") else NULL
    if size == 21:
        return &out.version if _is(name, size, b"sec-websocket-version") else NULL
    if size == 22:
        return &out.protocols if _is(name, size, b"sec-websocket-protocol") else NULL
    if size == 24:
        return &out.extensions if _is(name, size, b"sec-websocket-extensions") else NULL
    return NULL


cdef bint _fields(const uint8_t *head, size_t at, size_t end, gs_opening *out) noexcept nogil:
    """Takes all fields, from `at` to the empty line that ends the head at `end`."""
    cdef size_t name, value, last
    cdef gs_span *place
    cdef int count = 0
    while at < end:
        name = at
        while at < end and gs_token_char(head[at]):
            at += 1
        if at == name or at == end or head[at] != c':' or count == FIELDS_MAX:
            return False
        count += 1
        place = _place(out, head + name, at - name)
        if place == NULL and (
            _is(head + name, at - name, b"content-length") or _is(head + name, at - name, b"transfer-encoding")
            or _is(head + name, at - name, b"expect")
        ):
            return False
        at += 1
        value = at
        while at < end and (head[at] == c'\t' or (head[at] >= 0x20 and head[at] < 0x7F)):
            at += 1
        if at + 1 >= end or head[at] != c'\r' or head[at + 1] != c'\n':
            return False
        last = at
        at += 2
        while value < last and (head[value] == c' ' or head[value] == c'\t'):
            value += 1
        while last > value and (head[last - 1] == c' ' or head[last - 1] == c'\t'):
            last -= 1
        if place != NULL:
            if place.at:
                return False
            place.at = <uint32_t>value
            place.len = <uint32_t>(last - value)
    return True


cdef int gs_opening_of(const uint8_t *head, size_t size, gs_opening *out) noexcept nogil:
    cdef size_t at = 4, path
    memset(out, 0, sizeof(gs_opening))
    if size < 20 or memcmp(head, b"GET /", 5) != 0 or memcmp(head + size - 4, b"\r\n\r\n", 4) != 0:
        return OPENING_NONE
    while at < size and head[at] > 0x20 and head[at] < 0x7F and head[at] != c'#':
        at += 1
    out.target.at = 4
    out.target.len = <uint32_t>(at - 4)
    if size - at < 13 or memcmp(head + at, b" HTTP/1.1\r\n", 11) != 0:
        return OPENING_NONE
    path = out.target.len
    if memchr(head + 4, c'?', path) != NULL:
        path = <size_t>(<const uint8_t *>memchr(head + 4, c'?', path) - (head + 4))
    if not _fields(head, at + 11, size - 2, out) or out.host.len == 0:
        return OPENING_NONE
    if path == 8 and memcmp(head + 4, LIVE, 8) == 0:
        if (
            _lists(head, out.upgrade, b"websocket") and _lists(head, out.connection, b"upgrade")
            and out.version.len == 2 and memcmp(head + out.version.at, b"13", 2) == 0
            and _key_is_right(head + out.key.at, out.key.len)
        ):
            return OPENING_WS
        return OPENING_NONE
    if path > 20 and memcmp(head + 4, CHANNELS, 13) == 0 and memcmp(head + 4 + path - 7, STREAM, 7) == 0 and not out.upgrade.at:
        return OPENING_SSE
    return OPENING_NONE


cdef object _bytes(const uint8_t *head, gs_span span):
    return (<const char *>head)[span.at:span.at + span.len] if span.at else None


def opening_of(bytes head not None):
    """(kind, target, key, host, origin, protocols, extensions, authorization, last event id) of a complete head; None: no opening."""
    cdef gs_opening found
    cdef const uint8_t *data = head
    cdef int kind = gs_opening_of(data, <size_t>len(head), &found)
    if kind == OPENING_NONE:
        return None
    return (
        kind, _bytes(data, found.target), _bytes(data, found.key), _bytes(data, found.host), _bytes(data, found.origin),
        _bytes(data, found.protocols), _bytes(data, found.extensions), _bytes(data, found.authorization),
        _bytes(data, found.last_event_id),
    )
