# cython: language_level=3
"""Frames as they go over the wire: WebSocket frames of a server, event-stream chunks, and several of them as one.

Owns the counted buffers; a frame is written once, before anybody else sees it. Never sends anything.
"""

import base64
import hashlib

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from native.ledger cimport LIVE_FRAMES, live

# RFC 6455 section 1.3.
cdef bytes ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# The length of a frame is kept in 32 bits; nothing near this is ever sent.
cdef uint64_t FRAME_MAX = 0x7FFFFFFF


cdef gs_frame* frame_new(size_t len) noexcept nogil:
    cdef gs_frame* frame
    if len > FRAME_MAX:
        return NULL
    frame = <gs_frame*> malloc(sizeof(gs_frame) + len)
    if frame == NULL:
        return NULL
    frame.refs = 1
    frame.len = <uint32_t> len
    live(LIVE_FRAMES, 1)
    return frame


cdef gs_frame* frame_copy(const uint8_t* data, size_t len) noexcept nogil:
    cdef gs_frame* frame = frame_new(len)
    if frame != NULL and len > 0:
        memcpy(&frame.data[0], data, len)
    return frame


cdef void frame_release(gs_frame* frame) noexcept nogil:
    if frame != NULL and gs_frame_drop(frame):
        live(LIVE_FRAMES, -1)
        free(frame)


cdef size_t control_frame(uint8_t* out, int opcode, const uint8_t* payload, size_t len) noexcept nogil:
    if len > CONTROL_MAX:
        len = CONTROL_MAX
    out[0] = <uint8_t> (0x80 | opcode)
    out[1] = <uint8_t> len
    if len > 0:
        memcpy(out + 2, payload, len)
    return len + 2


cdef size_t close_bytes(uint8_t* out, int code, const uint8_t* reason, size_t len) noexcept nogil:
    cdef uint8_t payload[CONTROL_MAX]
    if code == 0:
        return control_frame(out, OP_CLOSE, NULL, 0)
    if len > CONTROL_MAX - 2:
        len = CONTROL_MAX - 2
    payload[0] = <uint8_t> (code >> 8)
    payload[1] = <uint8_t> (code & 0xFF)
    if len > 0:
        memcpy(payload + 2, reason, len)
    return control_frame(out, OP_CLOSE, payload, len + 2)


cdef size_t write_header(uint8_t* out, int first, uint64_t len) noexcept nogil:
    cdef int i
    out[0] = <uint8_t> (0x80 | first)
    if len <= 125:
        out[1] = <uint8_t> len
        return 2
    if len <= 0xFFFF:
        out[1] = 126
        out[2] = <uint8_t> (len >> 8)
        out[3] = <uint8_t> (len & 0xFF)
        return 4
    out[1] = 127
    for i in range(8):
        out[2 + i] = <uint8_t> ((len >> (56 - 8 * i)) & 0xFF)
    return 10


cdef class Frame:
    """An immutable run of bytes, shared by all who are sent it."""

    def __cinit__(self):
        self.frame = NULL

    def __dealloc__(self):
        frame_release(self.frame)

    def __len__(self) -> int:
        return self.frame.len if self.frame != NULL else 0

    def __bytes__(self) -> bytes:
        if self.frame == NULL:
            return b""
        return PyBytes_FromStringAndSize(<const char*> &self.frame.data[0], self.frame.len)

    @property
    def references(self) -> int:
        """Who holds the frame: this object and each connection in the middle of it."""
        return self.frame.refs if self.frame != NULL else 0


cdef Frame own(gs_frame* frame):
    if frame == NULL:
        raise MemoryError()
    cdef Frame made = Frame.__new__(Frame)
    made.frame = frame
    return made


cdef gs_frame* buffer_of(Frame frame) except NULL:
    if frame.frame == NULL:
        raise ValueError("a frame comes from ws_frame, raw_frame, join_frames or close_frame")
    return frame.frame


def ws_frame(bytes payload not None, bint binary) -> Frame:
    """One unmasked final text or binary frame (RFC 6455 section 5.2)."""
    cdef uint8_t header[10]
    cdef uint64_t len_bytes = <uint64_t> len(payload)
    cdef size_t head = write_header(header, OP_BINARY if binary else OP_TEXT, len_bytes)
    cdef gs_frame* frame = frame_new(head + len_bytes)
    if frame != NULL:
        memcpy(&frame.data[0], header, head)
        if len_bytes > 0:
            memcpy(&frame.data[head], PyBytes_AS_STRING(payload), len_bytes)
    return own(frame)


def raw_frame(bytes data not None) -> Frame:
    """Bytes that are sent as they are, such as a chunk of an event stream."""
    return own(frame_copy(<const uint8_t*> PyBytes_AS_STRING(data), <size_t> len(data)))


def join_frames(list frames not None) -> Frame:
    """Several frames as one, so that they leave by one call and none comes between them."""
    cdef size_t total = 0
    cdef size_t at = 0
    cdef Frame part
    cdef gs_frame* frame
    for item in frames:
        part = <Frame?> item
        total += buffer_of(part).len
    frame = frame_new(total)
    if frame != NULL:
        for item in frames:
            part = <Frame> item
            memcpy(&frame.data[at], &part.frame.data[0], part.frame.len)
            at += part.frame.len
    return own(frame)


def close_frame(int code, bytes reason not None) -> Frame:
    """A close frame (RFC 6455 section 5.5.1).

    Raises:
        ValueError: the code cannot be sent, or the reason is longer than 123 bytes.
    """
    cdef uint8_t out[CONTROL_FRAME_MAX]
    if not 1000 <= code <= 4999 or code in (1004, 1005, 1006, 1015):
        raise ValueError(f"close code {code} cannot be sent")
    if len(reason) > CONTROL_MAX - 2:
        raise ValueError(f"a close reason of {len(reason)} bytes is longer than 123")
    cdef size_t size = close_bytes(out, code, <const uint8_t*> PyBytes_AS_STRING(reason), <size_t> len(reason))
    return own(frame_copy(out, size))


def accept_key(bytes key not None) -> bytes:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.strip() + ACCEPT_GUID, usedforsecurity=False).digest())
