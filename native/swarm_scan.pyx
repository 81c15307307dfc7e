"""Finds kind, channel and versions of a server's message by position, without decoding it; see docs/protocol.md.

Knows that the fields come in the order `type, channel, from, version`; reads only through a checked cursor.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen


cdef extern from *:
    """
    #include <string.h>
    #include <endian.h>
    static inline const char *gs_find(const char *data, size_t len, const char *wanted, size_t wanted_len) {
        return (const char *)memmem(data, len, wanted, wanted_len);
    }
    """
    const char *gs_find(const char *data, size_t len, const char *wanted, size_t wanted_len) noexcept nogil
    uint64_t be64toh(uint64_t value) noexcept nogil


cdef struct gs_cursor:
    const char *at
    const char *end


cdef inline bint skip(gs_cursor *cursor, const char *literal) noexcept nogil:
    """Moves over a literal; False (and no move) when it is not there."""
    cdef size_t length = strlen(literal)
    if <size_t>(cursor.end - cursor.at) < length or memcmp(cursor.at, literal, length) != 0:
        return False
    cursor.at += length
    return True


cdef inline bint until_quote(gs_cursor *cursor, gs_text *out) noexcept nogil:
    """Takes a JSON string's inside up to its closing quote; names and versions hold no escapes."""
    out.data = cursor.at
    while cursor.at < cursor.end:
        if cursor.at[0] == c'"':
            out.len = cursor.at - out.data
            cursor.at += 1
            return True
        if cursor.at[0] == c'\\':
            return False
        cursor.at += 1
    return False


cdef inline bint same(gs_text *text, const char *word) noexcept nogil:
    return text.len == strlen(word) and memcmp(text.data, word, text.len) == 0


cdef gs_kind kind_of(gs_text *word) noexcept nogil:
    if same(word, b"delta"):
        return GS_DELTA
    if same(word, b"tick"):
        return GS_TICK
    if same(word, b"snapshot"):
        return GS_SNAPSHOT
    if same(word, b"status"):
        return GS_STATUS
    if same(word, b"error"):
        return GS_ERROR
    if same(word, b"bye"):
        return GS_BYE
    return GS_MALFORMED


cdef void gs_scan_json(const char *data, size_t len, gs_message *out) noexcept nogil:
    cdef gs_cursor cursor
    cdef gs_text word
    cdef gs_kind kind
    cursor.at = data
    cursor.end = data + len
    out.kind = GS_MALFORMED
    out.channel.len = out.origin.len = out.version.len = 0
    out.channel.data = out.origin.data = out.version.data = data
    if len == 0 or data[len - 1] != c'}' or not skip(&cursor, b'{"type":"') or not until_quote(&cursor, &word):
        return
    kind = kind_of(&word)
    if kind == GS_ERROR or kind == GS_BYE:
        out.kind = kind
        return
    if not skip(&cursor, b',"channel":"') or not until_quote(&cursor, &out.channel):
        return
    if kind == GS_DELTA and (not skip(&cursor, b',"from":"') or not until_quote(&cursor, &out.origin)):
        return
    if kind != GS_STATUS and (not skip(&cursor, b',"version":"') or not until_quote(&cursor, &out.version)):
        return
    out.kind = kind


cdef bint msgpack_text(gs_cursor *cursor, gs_text *out) noexcept nogil:
    """Takes a MessagePack string of up to 255 bytes (fixstr or str 8)."""
    cdef uint8_t first
    cdef size_t length
    if cursor.at >= cursor.end:
        return False
    first = <uint8_t>cursor.at[0]
    cursor.at += 1
    if first & 0xE0 == 0xA0:
        length = first & 0x1F
    elif first == 0xD9 and cursor.at < cursor.end:
        length = <uint8_t>cursor.at[0]
        cursor.at += 1
    else:
        return False
    if <size_t>(cursor.end - cursor.at) < length:
        return False
    out.data = cursor.at
    out.len = length
    cursor.at += length
    return True


cdef void gs_scan_msgpack(const char *data, size_t len, gs_message *out) noexcept nogil:
    cdef gs_cursor cursor
    cdef gs_text word
    cdef gs_kind kind
    cursor.at = data
    cursor.end = data + len
    out.kind = GS_MALFORMED
    out.channel.len = out.origin.len = out.version.len = 0
    out.channel.data = out.origin.data = out.version.data = data
    # A message has fewer than 16 fields: always a fixmap.
    if len == 0 or <uint8_t>data[0] & 0xF0 != 0x80:
        return
    cursor.at += 1
    if not skip(&cursor, b"\xa4type") or not msgpack_text(&cursor, &word):
        return
    kind = kind_of(&word)
    if kind == GS_ERROR or kind == GS_BYE:
        out.kind = kind
        return
    if not skip(&cursor, b"\xa7channel") or not msgpack_text(&cursor, &out.channel):
        return
    if kind == GS_DELTA and (not skip(&cursor, b"\xa4from") or not msgpack_text(&cursor, &out.origin)):
        return
    if kind != GS_STATUS and (not skip(&cursor, b"\xa7version") or not msgpack_text(&cursor, &out.version)):
        return
    out.kind = kind


cdef bint digits(gs_cursor *cursor, uint64_t *value) noexcept nogil:
    """Takes up to 19 decimal digits; False when there is none."""
    cdef int count = 0
    value[0] = 0
    while cursor.at < cursor.end and c'0' <= cursor.at[0] <= c'9' and count < 19:
        value[0] = value[0] * 10 + <uint64_t>(cursor.at[0] - c'0')
        cursor.at += 1
        count += 1
    return count > 0


cdef size_t gs_next_stamp(const char *data, size_t len, size_t start, uint64_t *value) noexcept nogil:
    cdef gs_cursor cursor
    cdef const char *found
    cdef uint64_t raw
    while start < len:
        found = gs_find(data + start, len - start, b"sent_us", 7)
        if found == NULL:
            return 0
        cursor.at = found + 7
        cursor.end = data + len
        start = cursor.at - data
        if found > data and found[-1] == c'"':
            if skip(&cursor, b'":') and digits(&cursor, value):
                return cursor.at - data
        elif found > data and <uint8_t>found[-1] == 0xA7 and len - start >= 9 and <uint8_t>cursor.at[0] == 0xCF:
            memcpy(&raw, cursor.at + 1, 8)
            value[0] = be64toh(raw)
            return start + 9
    return 0


cdef bint gs_retry(const char *data, size_t len, uint64_t *low, uint64_t *high) noexcept nogil:
    cdef gs_cursor cursor
    cdef const char *found = gs_find(data, len, b'"retry_ms":[', 12)
    if found == NULL:
        return False
    cursor.at = found + 12
    cursor.end = data + len
    return digits(&cursor, low) and skip(&cursor, b",") and digits(&cursor, high) and high[0] >= low[0]


cdef tuple as_tuple(gs_message *message):
    names = ("malformed", "snapshot", "delta", "tick", "status", "error", "bye")
    return (
        names[<int>message.kind],
        message.channel.data[:message.channel.len],
        message.origin.data[:message.origin.len],
        message.version.data[:message.version.len],
    )


def scan_json(data: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Kind, channel, from and version of a JSON message, as the load client sees them (for tests)."""
    cdef gs_message message
    gs_scan_json(data, len(data), &message)
    return as_tuple(&message)


def scan_msgpack(data: bytes) -> tuple[str, bytes, bytes, bytes]:
    """The same of a MessagePack message."""
    cdef gs_message message
    gs_scan_msgpack(data, len(data), &message)
    return as_tuple(&message)


def stamps(data: bytes) -> list[int]:
    """Every `sent_us` in the bytes (for tests)."""
    cdef size_t at = 0
    cdef uint64_t value = 0
    found = []
    while True:
        at = gs_next_stamp(data, len(data), at, &value)
        if at == 0:
            return found
        found.append(value)
