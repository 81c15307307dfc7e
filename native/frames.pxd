# Frames: immutable, counted buffers that are sent as they are. A Frame object owns one reference; a connection that is
# in the middle of a frame owns another.

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cdef extern from "gs_frame.h" nogil:
    ctypedef struct gs_frame:
        int32_t refs
        uint32_t len
        uint8_t* data
    gs_frame* gs_frame_retain(gs_frame* frame)
    int gs_frame_drop(gs_frame* frame)

# WebSocket opcodes (RFC 6455 section 5.2).
cdef enum:
    OP_CONTINUATION = 0x0
    OP_TEXT = 0x1
    OP_BINARY = 0x2
    OP_CLOSE = 0x8
    OP_PING = 0x9
    OP_PONG = 0xA

# The longest control payload (section 5.5), and the longest control frame of a server.
cdef enum:
    CONTROL_MAX = 125
    CONTROL_FRAME_MAX = 127

# A frame of `len` bytes with one reference, its data not yet written; NULL when there is no memory.
cdef gs_frame* frame_new(size_t len) noexcept nogil
# A frame that holds a copy of `data`; NULL when there is no memory.
cdef gs_frame* frame_copy(const uint8_t* data, size_t len) noexcept nogil
# Gives one reference back; NULL is allowed.
cdef void frame_release(gs_frame* frame) noexcept nogil
# Writes an unmasked control frame into `out` (CONTROL_FRAME_MAX bytes); returns its length.
cdef size_t control_frame(uint8_t* out, int opcode, const uint8_t* payload, size_t len) noexcept nogil
# Writes a close frame: code 0 stands for none; the reason is cut at 123 bytes. Returns its length.
cdef size_t close_bytes(uint8_t* out, int code, const uint8_t* reason, size_t len) noexcept nogil
# The header of an unmasked final frame, the length in its shortest form; `first` is the opcode with reserved bits. Writes up to
# 10 bytes and returns how many.
cdef size_t write_header(uint8_t* out, int first, uint64_t len) noexcept nogil


cdef class Frame:
    cdef gs_frame* frame

# A Frame that takes over the reference; raises MemoryError for NULL.
cdef Frame own(gs_frame* frame)
# The counted buffer of a Frame; raises ValueError for one that was made without it.
cdef gs_frame* buffer_of(Frame frame) except NULL
