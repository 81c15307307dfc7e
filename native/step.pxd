# The plain way of an event: from an entry's bytes to the frames that are on their way, in one call.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from native.connections cimport Table
from native.fanout cimport Fanout
from native.frames cimport gs_frame

# What `fold` does to a document, where no object comes or goes; `grounded` is filled with what changed. None where one does: nothing
# was changed then.
cdef dict fold_values(dict document, dict patch, dict grounded, int depth)
# The digest of an entry, and of all entries with one more (gateway/model/version.py).
cdef uint32_t entry_crc(uint64_t epoch, uint64_t seq, object t_ms, const uint8_t *raw, uint32_t size) except? 0
cdef uint32_t rolled_crc(uint32_t digest, uint32_t entry) noexcept nogil
# The text of a version as the audience with that key sees it.
cdef str version_text(uint64_t epoch, uint64_t seq, uint32_t digest, bytes key)
# The frame of a delta, put together from parts that are JSON already; owned by the caller, NULL when there is no memory.
cdef gs_frame *delta_frame(bytes head, str since, str version, bytes patch, bytes events) except NULL


cdef class Step:
    cdef Table table
    cdef Fanout fanout
    cdef object plane, events_in, publish_to_flush
    cdef object decode, undecodable, encode, check_points, malformed
    cdef object event_type, ring_entry_type, flush_type
    cdef object json, sibling
    cdef frozenset transient
    cdef str viewers_op
    cdef Py_ssize_t max_entry_bytes, max_nodes, op_max_chars, ring_entries, view_entries
    cdef int64_t ring_bytes, view_bytes, lagging_ms, min_interval_ms
    cdef Py_ssize_t max_depth
