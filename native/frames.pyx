"""Frames: the bytes that go to viewers, made once and shared by all who get them.

Owns the reference count of a frame (`gs_frame_ref`, `gs_frame_unref` and nowhere else). Never knows a connection.
"""

import base64
import hashlib

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef int alive = 0

WS_KEY_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE_REASON_BYTES = 123


cdef gs_frame *gs_frame_new(const unsigned char *data, size_t size) noexcept nogil:
    cdef gs_frame *frame = <gs_frame *>malloc(sizeof(gs_frame) + size)
    if frame == NULL:
        return NULL
    frame.refs = 1
    frame.len = size
    if data != NULL and size:
        memcpy(frame.data, data, size)
    gs_add(&alive, 1)
    return frame


cdef gs_frame *gs_frame_ref(gs_frame *frame) noexcept nogil:
    gs_add(&frame.refs, 1)
    return frame


cdef void gs_frame_unref(gs_frame *frame) noexcept nogil:
    if frame != NULL and gs_add(&frame.refs, -1) == 0:
        gs_add(&alive, -1)
        free(frame)


cdef gs_frame *gs_frame_ws(int opcode, const unsigned char *payload, size_t size) noexcept nogil:
    cdef size_t head = 2 if size < 126 else 4 if size < 65536 else 10
    cdef gs_frame *frame = gs_frame_new(NULL, head + size)
    cdef int i
    if frame == NULL:
        return NULL
    frame.data[0] = <unsigned char>(0x80 | opcode)
    if head == 2:
        frame.data[1] = <unsigned char>size
    else:
        frame.data[1] = 126 if head == 4 else 127
        for i in range(<int>head - 2):
            frame.data[2 + i] = <unsigned char>(size >> (8 * (<int>head - 3 - i)))
    if size:
        memcpy(frame.data + head, payload, size)
    return frame


cdef gs_frame *gs_frame_close(int code, const unsigned char *reason, size_t size) noexcept nogil:
    cdef unsigned char body[125]
    if code == 0:
        return gs_frame_ws(8, NULL, 0)
    body[0] = <unsigned char>(code >> 8)
    body[1] = <unsigned char>code
    if size > 123:
        size = 123
    if size:
        memcpy(body + 2, reason, size)
    return gs_frame_ws(8, body, size + 2)


cdef int gs_frames_alive() noexcept nogil:
    return gs_get(&alive)


cdef class Frame:
    """Immutable bytes, ready to be sent; made by the functions of this module."""

    def __init__(self):
        raise TypeError("frames are made by ws_frame, raw_frame, join_frames and close_frame")

    def __dealloc__(self):
        gs_frame_unref(self.frame)

    def __len__(self):
        return self.frame.len

    def __bytes__(self):
        return self.frame.data[:self.frame.len]


cdef Frame frame_wrap(gs_frame *frame):
    """Takes over the caller's reference; NULL raises MemoryError."""
    if frame == NULL:
        raise MemoryError("no memory for a frame")
    cdef Frame made = Frame.__new__(Frame)
    made.frame = frame
    return made


def ws_frame(bytes payload not None, bint binary):
    """An unmasked final WebSocket frame with a text or binary message."""
    return frame_wrap(gs_frame_ws(2 if binary else 1, payload, len(payload)))


def raw_frame(bytes data not None):
    """Bytes that are sent as they are."""
    return frame_wrap(gs_frame_new(data, len(data)))


def join_frames(list frames not None):
    """Several frames as one, sent by one call."""
    cdef Frame part
    cdef size_t size = 0
    for part in frames:
        if part is None:
            raise TypeError("a frame is missing")
        size += part.frame.len
    cdef Frame joined = frame_wrap(gs_frame_new(NULL, size))
    size = 0
    for part in frames:
        memcpy(joined.frame.data + size, part.frame.data, part.frame.len)
        size += part.frame.len
    return joined


def close_frame(int code, bytes reason not None):
    """A Close frame; a reason that is too long is cut between two characters."""
    cut = reason[:CLOSE_REASON_BYTES].decode("utf-8", "ignore").encode()
    return frame_wrap(gs_frame_close(code, cut, len(cut)))


def accept_key(bytes key not None):
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + WS_KEY_GUID).digest())
