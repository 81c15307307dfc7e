"""What a store answers (RESP2), as it arrives: whole replies are found, and those of the hot path are taken without an object a word.

Whatever is not plain is given to the general way as the bytes that it is. Knows the rows of XRANGE and the messages of subscriptions,
and what it needs of the gateway's objects by name. Source: the Redis serialization protocol specification, version 2.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp

cdef enum:
    DIGITS_MAX = 18         # a length, a count: no overflow of 64 bits
    LINE_MAX = 65536        # of an error or a status
    ELEMENTS_MAX = 1 << 24  # of one array
    BULK_MAX = 1 << 29      # what a store gives in one piece, by default
    STAMP_MAX = 15          # digits of a time that is one (gateway/bus/ranges.py)

cdef uint64_t UINT64_MAX = 0xFFFFFFFFFFFFFFFF
cdef Py_ssize_t ROW_TO_ID = 4
"""A row begins with `*2` and CR LF, then comes its id."""


class Garbled(Exception):
    """What came is not the protocol."""


cdef int number_at(const uint8_t *data, Py_ssize_t size, Py_ssize_t *at, int64_t *value) noexcept nogil:
    """A number with its CR LF. 1, and `at` is behind it; 0: more must come; -1: it is none."""
    cdef Py_ssize_t i = at[0], digits = 0
    cdef bint minus = False
    cdef int64_t found = 0
    if i < size and data[i] == c'-':
        minus = True
        i += 1
    while i < size and c'0' <= data[i] <= c'9':
        found = found * 10 + (data[i] - c'0')
        i += 1
        digits += 1
        if digits > DIGITS_MAX:
            return -1
    if i == size:
        return 0
    if digits == 0 or data[i] != c'\r':
        return -1
    if i + 1 == size:
        return 0
    if data[i + 1] != c'\n':
        return -1
    at[0] = i + 2
    value[0] = -found if minus else found
    return 1


cdef int scan(const uint8_t *data, Py_ssize_t size, Py_ssize_t *looked, Py_ssize_t *wanted) noexcept nogil:
    """Goes on through a reply. 1: it is whole and ends at `looked`; 0: more must come; -1: it is none."""
    cdef Py_ssize_t at
    cdef int64_t value
    cdef int is_number
    cdef uint8_t kind
    cdef const uint8_t *end
    while wanted[0]:
        at = looked[0]
        if at == size:
            return 0
        kind = data[at]
        at += 1
        if kind == c'+' or kind == c'-' or kind == c':':
            end = <const uint8_t *>memchr(data + at, c'\n', <size_t>(size - at))
            if end == NULL:
                return -1 if size - at > LINE_MAX else 0
            at = end - data + 1
        elif kind == c'$' or kind == c'*':
            is_number = number_at(data, size, &at, &value)
            if is_number <= 0:
                return is_number
            if value < -1 or value > (BULK_MAX if kind == c'$' else ELEMENTS_MAX):
                return -1
            if kind == c'*':
                wanted[0] += max(value, 0)
            elif value >= 0:
                if size - at < value + 2:
                    return 0
                if data[at + value] != c'\r' or data[at + value + 1] != c'\n':
                    return -1
                at += value + 2
        else:
            return -1
        wanted[0] -= 1
        looked[0] = at
    return 1


cdef bint literal(
    const uint8_t *data, Py_ssize_t size, Py_ssize_t *at, const char *text, Py_ssize_t length
) noexcept nogil:
    """Whether this text comes next; then `at` is behind it."""
    if size - at[0] < length or memcmp(data + at[0], text, <size_t>length) != 0:
        return False
    at[0] += length
    return True


cdef bint bulk(const uint8_t *data, Py_ssize_t size, Py_ssize_t *at, Py_ssize_t *begin, Py_ssize_t *length) noexcept nogil:
    """Whether a word comes next, after its `$`; then `at` is behind it."""
    cdef int64_t value
    if number_at(data, size, at, &value) != 1 or value < 0 or size - at[0] < value + 2:
        return False
    begin[0] = at[0]
    length[0] = <Py_ssize_t>value
    at[0] += <Py_ssize_t>value + 2
    return True


cdef bint uint64_at(const uint8_t *data, Py_ssize_t end, Py_ssize_t *at, uint64_t *value) noexcept nogil:
    """Whether digits come next that are one half of an id; then `at` is behind them."""
    cdef Py_ssize_t i = at[0]
    cdef uint64_t found = 0, digit
    while i < end and c'0' <= data[i] <= c'9':
        digit = data[i] - c'0'
        if found > (UINT64_MAX - digit) // 10:
            return False
        found = found * 10 + digit
        i += 1
    if i == at[0]:
        return False
    at[0] = i
    value[0] = found
    return True


cdef class Replies:
    """Finds whole replies in what arrives; what one is taken for is a subclass's."""

    def __cinit__(self):
        self.kept = bytearray()
        self.reset()

    def reset(self):
        """A new connection: what was not whole on the last one never will be."""
        self.kept = bytearray()
        self.at = self.wanted = 0

    def feed(self, bytes data not None):
        """A chunk has come: what the replies that are whole now are taken for, in order.

        Raises:
            Garbled: it is not the protocol.
        """
        cdef list taken = []
        cdef const uint8_t *pointer
        cdef Py_ssize_t size, begin = 0
        cdef int whole
        # Nothing that is called in the loop comes back here, so that what `pointer` points to stays where it is.
        if self.kept:
            self.kept += data
            pointer = <const uint8_t *>PyByteArray_AS_STRING(self.kept)
            size = len(self.kept)
        else:
            pointer = <const uint8_t *>PyBytes_AS_STRING(data)
            size = PyBytes_GET_SIZE(data)
        while True:
            if self.wanted == 0:
                if self.at == size:
                    break
                begin = self.at
                self.wanted = 1
            whole = scan(pointer, size, &self.at, &self.wanted)
            if whole < 0:
                raise Garbled("not a reply")
            if whole == 0:
                break
            taken.append(self._one(pointer + begin, self.at - begin))
            begin = self.at
        if self.kept:
            del self.kept[:begin]
        elif begin < size:
            self.kept += data[begin:]
        self.at -= begin
        return taken

    cdef object _one(self, const uint8_t *data, Py_ssize_t size):
        raise NotImplementedError


cdef class RangeReplies(Replies):
    """Takes replies to XRANGE for the channels that were asked for (gateway/bus/followed.py), in order.

    A reply becomes the list of its entries; the last one known, with which most begin, is not made anew. The channel's `row` and
    `low` are then those of the last entry: its row as it came, and its id as a word of the next command.

    Args:
        entry_type: Entry (gateway/model/entry.py).
        position_type: Position (gateway/model/version.py).
        other: takes a reply of another form, as bytes.
    """

    def __cinit__(self, object entry_type, object position_type, object other):
        self.entry_type, self.position_type, self.other = entry_type, position_type, other
        self.asked = []
        self.following = 0

    def expect(self, list asked not None):
        """What comes next is for these channels."""
        self.asked = asked
        self.following = 0

    cdef object _one(self, const uint8_t *data, Py_ssize_t size):
        cdef list entries
        if self.following == len(self.asked):
            raise Garbled("a reply to nothing")
        followed = self.asked[self.following]
        self.following += 1
        entries = self._rows(followed, data, size)
        if entries is not None:
            return entries
        followed.row = followed.low = b""
        return self.other(PyBytes_FromStringAndSize(<const char *>data, size))

    cdef list _rows(self, object followed, const uint8_t *data, Py_ssize_t size):
        cdef list entries = []
        cdef Py_ssize_t at = 1, begin = 0, id_end = 0, length
        cdef int64_t rows
        cdef bytes row
        if data[0] != c'*' or number_at(data, size, &at, &rows) != 1 or rows < 0:
            return None
        if rows == 0:
            return entries
        row = followed.row
        length = PyBytes_GET_SIZE(row)
        known = followed.last
        if known is not None and length and size - at >= length and memcmp(data + at, PyBytes_AS_STRING(row), length) == 0:
            entries.append(known)
            at += length
            rows -= 1
        while rows:
            begin = at
            entry = self._entry(data, size, &at, &id_end)
            if entry is None:
                return None
            entries.append(entry)
            rows -= 1
        if begin:
            followed.row = PyBytes_FromStringAndSize(<const char *>data + begin, at - begin)
            begin += ROW_TO_ID
            followed.low = PyBytes_FromStringAndSize(<const char *>data + begin, id_end - begin)
        return entries

    cdef object _entry(self, const uint8_t *data, Py_ssize_t size, Py_ssize_t *at, Py_ssize_t *id_end):
        cdef Py_ssize_t begin, length, i
        cdef uint64_t epoch, seq, stamp
        if not literal(data, size, at, b"*2\r\n$", 5) or not bulk(data, size, at, &begin, &length):
            return None
        id_end[0] = begin + length
        if not uint64_at(data, begin + length, &begin, &epoch) or data[begin] != c'-':
            return None
        begin += 1
        if not uint64_at(data, id_end[0], &begin, &seq) or begin != id_end[0]:
            return None
        if not literal(data, size, at, b"*4\r\n$1\r\nt\r\n$", 12) or not bulk(data, size, at, &begin, &length):
            return None
        t_ms = None
        if 0 < length <= STAMP_MAX:
            i = begin
            if uint64_at(data, begin + length, &i, &stamp) and i == begin + length:
                t_ms = stamp
        if not literal(data, size, at, b"$1\r\ne\r\n$", 8) or not bulk(data, size, at, &begin, &length):
            return None
        raw = PyBytes_FromStringAndSize(<const char *>data + begin, length)
        return self.entry_type(self.position_type(epoch, seq), t_ms, raw)


cdef class Announcements(Replies):
    """Takes the messages of subscriptions.

    A message becomes the channel that its key stands for in `channels`, or None where it stands for none.

    Args:
        other: takes a reply that is no message, as bytes.
    """

    def __cinit__(self, dict channels not None, object other):
        self.channels, self.other = channels, other

    cdef object _one(self, const uint8_t *data, Py_ssize_t size):
        cdef Py_ssize_t at = 0, begin, length
        cdef PyObject *channel
        if literal(data, size, &at, b"*3\r\n$7\r\nmessage\r\n$", 18) and bulk(data, size, &at, &begin, &length):
            key = PyBytes_FromStringAndSize(<const char *>data + begin, length)
            channel = PyDict_GetItemWithError(self.channels, key)
            return None if channel == NULL else <object>channel
        return self.other(PyBytes_FromStringAndSize(<const char *>data, size))
