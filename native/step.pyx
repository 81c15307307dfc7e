"""The plain way of an event: one entry with one event, for one audience from which nothing is hidden and for which nothing waits.

From the entry's bytes to the frames that are on their way, in one call. Whatever is not plain is left as it was, for the general
way (gateway/edge/owner.py), which does the same one step after the other and which tests hold this one equal to. Knows what it
needs of the gateway's objects by name; their types are given.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy, PyDict_DelItem, PyDict_GetItemWithError, PyDict_Next, PyDict_SetItem
from cpython.object cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from native.connections cimport Table
from native.fanout cimport Fanout
from native.frames cimport OP_TEXT, Frame, frame_new, gs_frame, own, write_header

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(PyObject *value)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    str PyUnicode_FromStringAndSize(const char *text, Py_ssize_t size)

cdef extern from "zlib.h" nogil:
    unsigned long crc32(unsigned long crc, const uint8_t *data, unsigned int size)

cdef enum:
    DEPTH_MAX = 64      # deeper than any event may be
    GROUPS_MAX = 4      # groups of an outlet that a plain flush is sent to
    RING_ENTRY = 300    # what an entry of a channel's ring takes beside its bytes (gateway/model/channel.py)
    FLUSH = 80          # what one of a view's ring does (gateway/model/view.py)


cdef dict fold_values(dict document, dict patch, dict grounded, int depth):
    cdef dict result, inner, merged
    cdef PyObject *key
    cdef PyObject *change
    cdef PyObject *base
    cdef Py_ssize_t at = 0
    if depth == DEPTH_MAX:
        return None
    result = PyDict_Copy(document)
    while PyDict_Next(patch, &at, &key, &change):
        name, value = <object>key, <object>change
        base = PyDict_GetItemWithError(result, name)
        if type(value) is dict:
            if base == NULL or type(<object>base) is not dict:
                return None
            inner = {}
            merged = fold_values(<dict>base, <dict>value, inner, depth + 1)
            if merged is None:
                return None
            if inner:
                PyDict_SetItem(result, name, merged)
                PyDict_SetItem(grounded, name, inner)
        elif isinstance(value, dict) or (base != NULL and isinstance(<object>base, dict)):
            return None
        elif value is None:
            if base != NULL:
                PyDict_DelItem(result, name)
                PyDict_SetItem(grounded, name, None)
        elif base == NULL or isinstance(value, list) or type(<object>base) is not type(value) or <object>base != value:
            PyDict_SetItem(result, name, value)
            PyDict_SetItem(grounded, name, value)
    # JSON is a tree: the collector need not see what was made anew (native/untrack.pyx).
    PyObject_GC_UnTrack(<PyObject *>result)
    return result


cdef uint32_t entry_crc(uint64_t epoch, uint64_t seq, object t_ms, const uint8_t *raw, uint32_t size) except? 0:
    cdef char text[96]
    cdef int length
    cdef int64_t stamp
    if t_ms is None:
        length = snprintf(text, sizeof(text), "%llu-%llu|None|", <unsigned long long>epoch, <unsigned long long>seq)
    else:
        stamp = t_ms
        length = snprintf(
            text, sizeof(text), "%llu-%llu|%lld|", <unsigned long long>epoch, <unsigned long long>seq, <long long>stamp
        )
    return <uint32_t>crc32(crc32(0, <const uint8_t *>text, <unsigned int>length), raw, size)


cdef void big_endian(uint32_t value, uint8_t *out) noexcept nogil:
    out[0] = <uint8_t>(value >> 24)
    out[1] = <uint8_t>(value >> 16)
    out[2] = <uint8_t>(value >> 8)
    out[3] = <uint8_t>value


cdef uint32_t rolled_crc(uint32_t digest, uint32_t entry) noexcept nogil:
    cdef uint8_t four[4]
    big_endian(entry, four)
    return <uint32_t>crc32(digest, four, 4)


cdef str version_text(uint64_t epoch, uint64_t seq, uint32_t digest, bytes key):
    cdef char text[64]
    cdef uint8_t four[4]
    cdef int length
    big_endian(digest, four)
    digest = <uint32_t>crc32(
        crc32(<unsigned long>PyBytes_GET_SIZE(key), four, 4), <const uint8_t *>PyBytes_AS_STRING(key),
        <unsigned int>PyBytes_GET_SIZE(key),
    )
    length = snprintf(
        text, sizeof(text), "%llu-%llu.%08x", <unsigned long long>epoch, <unsigned long long>seq, <unsigned int>digest
    )
    return PyUnicode_FromStringAndSize(text, length)


cdef uint8_t *_add(uint8_t *out, const char *data, Py_ssize_t size) noexcept nogil:
    memcpy(out, data, <size_t>size)
    return out + size


cdef gs_frame *delta_frame(bytes head, str since, str version, bytes patch, bytes events) except NULL:
    cdef Py_ssize_t since_size, version_size, size
    cdef const char *since_text = PyUnicode_AsUTF8AndSize(since, &since_size)
    cdef const char *text = PyUnicode_AsUTF8AndSize(version, &version_size)
    cdef uint8_t header[10]
    cdef uint8_t *out
    cdef gs_frame *frame
    cdef size_t before
    size = PyBytes_GET_SIZE(head) + since_size + 13 + version_size + 10 + PyBytes_GET_SIZE(patch) + 1
    if events:
        size += 10 + PyBytes_GET_SIZE(events)
    before = write_header(header, OP_TEXT, <uint64_t>size)
    frame = frame_new(before + <size_t>size)
    if frame == NULL:
        raise MemoryError()
    out = _add(&frame.data[0], <const char *>header, <Py_ssize_t>before)
    out = _add(out, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
    out = _add(out, since_text, since_size)
    out = _add(out, b'","version":"', 13)
    out = _add(out, text, version_size)
    out = _add(out, b'","patch":', 10)
    out = _add(out, PyBytes_AS_STRING(patch), PyBytes_GET_SIZE(patch))
    if events:
        out = _add(out, b',"events":', 10)
        out = _add(out, PyBytes_AS_STRING(events), PyBytes_GET_SIZE(events))
    out[0] = c'}'
    return frame


cdef bint _may_be_deep(const uint8_t *raw, Py_ssize_t size, Py_ssize_t max_depth) noexcept nogil:
    """Whether there are more brackets than levels are allowed."""
    cdef Py_ssize_t at, brackets = 0
    for at in range(size):
        brackets += raw[at] == c'{' or raw[at] == c'['
    return brackets > max_depth


cdef class Step:
    """Takes plain entries for the owners of one worker.

    Args:
        plane: sends what `take` begins (gateway/edge/plane.py).
        parts: the types, functions and limits of ours that it works with, by the names of its attributes (native/step.pxd).
    """

    def __cinit__(self, Table table not None, Fanout fanout not None, object plane, dict parts not None):
        self.table = table
        self.fanout = fanout
        self.plane = plane
        self.events_in, self.publish_to_flush = parts["events_in"], parts["publish_to_flush"]
        self.decode, self.undecodable = parts["decode"], parts["undecodable"]
        self.encode = parts["encode"]
        self.check_points, self.malformed = parts["check_points"], parts["malformed"]
        self.event_type, self.ring_entry_type, self.flush_type = parts["event"], parts["ring_entry"], parts["flush"]
        self.json, self.sibling = parts["json"], parts["sibling"]
        self.transient, self.viewers_op = parts["transient"], parts["viewers_op"]
        self.max_entry_bytes, self.max_nodes = parts["max_entry_bytes"], parts["max_nodes"]
        self.max_depth, self.op_max_chars = parts["max_depth"], parts["op_max_chars"]
        self.ring_entries, self.ring_bytes = parts["ring_entries"], parts["ring_bytes"]
        self.view_entries, self.view_bytes = parts["view_entries"], parts["view_bytes"]
        self.lagging_ms, self.min_interval_ms = parts["lagging_ms"], parts["min_interval_ms"]

    def take(self, owner, channel, entry, int64_t now_ms):
        """Folds the entry, flushes it and lets its frames out; False, and nothing was changed, where that is not all there is to do."""
        cdef dict outlets = owner._outlets
        cdef dict groups
        cdef dict value, document, folded, grounded
        cdef bytes raw, kept, events, key
        cdef str op, since, version
        cdef PyObject *first
        cdef PyObject *other
        cdef Py_ssize_t at = 0, size
        cdef uint32_t numbers[GROUPS_MAX]
        cdef uint32_t number
        cdef int count = 0, i, under_way = 0
        cdef uint64_t epoch, seq, from_seq, to_seq
        cdef uint32_t digest, rolled
        cdef int64_t behind_ms, waited_ms, interval_ms
        cdef bint shown, published
        cdef Frame frame

        # What waits, and who watches.
        if len(outlets) != 1 or not PyDict_Next(outlets, &at, &first, &other):
            return False
        outlet = <object>other
        audience = outlet.audience
        if not audience.plain or outlet._under_way or outlet._aside or outlet._holds:
            return False
        if owner._pending.entries or owner._flush_timer is not None or owner._flush_began_ms is not None:
            return False
        pace = owner._pace
        interval_ms = pace.interval_ms
        last_ms = pace._last_ms
        if last_ms is not None:
            waited_ms = now_ms - <int64_t>last_ms
            if waited_ms < interval_ms:
                return False
        view = outlet.view
        since = view.version
        from_seq = view.flush_seq
        if since is None or <uint64_t>outlet._sent_seq != from_seq:
            return False
        groups = outlet._groups
        at = 0
        while PyDict_Next(groups, &at, &first, &other):
            number = <object>other
            self.table._check_group(number)
            if self.table.t.groups[number].n == 0:
                continue
            if count == GROUPS_MAX or (<object>first is not self.json and <object>first is not self.sibling):
                return False
            numbers[count] = number
            count += 1

        # The entry: the next one, with one event.
        position, held = entry.position, channel.position
        if held is None:
            return False
        epoch, seq = position.epoch, position.seq
        if seq == 0 or epoch != <uint64_t>held.epoch or seq - 1 != <uint64_t>held.seq:
            return False
        raw = entry.raw
        size = PyBytes_GET_SIZE(raw)
        if size == 0 or size > self.max_entry_bytes or size > self.max_nodes:
            return False
        if _may_be_deep(<const uint8_t *>PyBytes_AS_STRING(raw), size, self.max_depth):
            return False
        try:
            decoded = self.decode(raw)
        except self.undecodable:
            return False
        if type(decoded) is not dict:
            return False
        value = <dict>decoded
        named = value.get("op")
        if type(named) is not str:
            return False
        op = <str>named
        if op == "reset" or not 0 < len(op) <= self.op_max_chars:
            return False
        change = value.pop("patch", None)
        points = value.pop("points", None)
        value.pop("t", None)
        document = folded = channel.doc
        try:
            if points is not None:
                self.check_points(points)
            if change is None or points is None:
                derived, _ = channel._rules(document, self.event_type(op, value, change, points))
                if change is None:
                    change = derived
        except self.malformed:
            return False
        if type(change) is not dict:
            return False
        grounded = {}
        if change:
            folded = fold_values(document, <dict>change, grounded, 0)
            if folded is None:
                return False
        # No object came or went: the patch is plain JSON, and the same as the one that is sent.
        kept = self.encode(grounded)
        shown, published = op not in self.transient, op != self.viewers_op
        events = self.encode([value]) if shown else b""
        t_ms = entry.t_ms
        digest = entry_crc(epoch, seq, t_ms, <const uint8_t *>PyBytes_AS_STRING(raw), <uint32_t>size)
        rolled = rolled_crc(<uint32_t>channel.digest, digest)
        key = audience.key
        version = version_text(epoch, seq, rolled, key)

        # The channel.
        channel.doc, channel.position, channel.digest, channel._last_entry_digest = folded, position, rolled, digest
        channel.arrived_ms = now_ms
        if published:
            channel.published_ms = now_ms
        if shown:
            channel.feed.append(value)
        ring = channel._ring
        ring.append(self.ring_entry_type(position, rolled, digest, kept, raw if shown else b""))
        held_bytes = channel._ring_bytes + (len(kept) + (size if shown else 0) + RING_ENTRY)
        channel._ring_bytes = held_bytes
        if len(ring) > self.ring_entries or held_bytes > self.ring_bytes:
            channel._trim()

        # The owner.
        owner._entries += 1
        self.events_in.value += 1
        if published:
            owner._last_entry_ms = now_ms
            if t_ms is not None:
                lag = owner._lag
                behind_ms = now_ms - <int64_t>t_ms
                if lag._newest == now_ms // <int64_t>lag._bucket_ms and behind_ms >= <int64_t>lag._least:
                    behind_ms -= <int64_t>lag._smallest
                else:
                    behind_ms = lag.observe(now_ms, t_ms)
                owner._behind_ms = behind_ms
                self.publish_to_flush.observe(behind_ms / 1000)
        owner._last_flush_ms = now_ms

        # The view and its frames.
        if grounded or shown:
            to_seq = from_seq + 1
            view.doc, view.version, view.flush_seq = folded, version, to_seq
            if shown:
                view.feed.append(value)
            ring = view._ring
            ring.append(self.flush_type(since, version, kept, events, 0))
            view._seqs[version] = to_seq
            held_bytes = view._ring_bytes + (len(kept) + len(events) + FLUSH)
            view._ring_bytes = held_bytes
            if len(ring) > self.view_entries or held_bytes > self.view_bytes:
                view._trim()
            outlet._sent_seq = to_seq
            if count:
                frame = own(delta_frame(view.head, since, version, kept, events))
                for i in range(count):
                    waits = self.fanout._begin(numbers[i], frame, from_seq, to_seq, False)
                    if waits:
                        under_way += 1
                    if waits or not self.plane._scheduled:
                        self.plane._began(numbers[i], waits)
                outlet._under_way = under_way

        # What viewers are told beside it, and the pace.
        if not (
            published
            and owner._connected
            and outlet.status.status == "live"
            and owner._behind_ms <= self.lagging_ms
            and interval_ms <= self.lagging_ms
            and folded.get("status") != "ended"
        ):
            owner._tell_status(now_ms)
        if under_way == 0 and interval_ms == self.min_interval_ms:
            pace._last_ms = now_ms
        else:
            owner._flush_began_ms = now_ms
            owner._on_drained()
        return True
