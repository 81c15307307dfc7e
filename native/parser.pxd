# What a viewer may send (RFC 6455, server side), one frame a step, without any socket. Strict: every departure from the
# RFC is a failure with a close code. The bytes given are unmasked in place; a step that needs more bytes changes none.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    STEP_MORE        # the frame is not complete; `need` bytes would complete it, as far as known
    STEP_FRAGMENT    # a part of a message was taken into the assembly
    STEP_MESSAGE     # one complete message: opcode, data, len
    STEP_PING        # data, len
    STEP_PONG
    STEP_CLOSE       # code (1005: none given), data and len of the reason
    STEP_FAIL        # the connection must be failed with `code`
    STEP_NO_MEMORY

# Close codes (RFC 6455 section 7.4.1).
cdef enum:
    CLOSE_NORMAL = 1000
    CLOSE_PROTOCOL_ERROR = 1002
    CLOSE_NO_STATUS = 1005
    CLOSE_INVALID_PAYLOAD = 1007
    CLOSE_POLICY = 1008
    CLOSE_TOO_BIG = 1009
    CLOSE_INTERNAL = 1011

cdef struct ws_limits:
    uint64_t max_message_bytes
    uint32_t max_fragments

# A message whose fragments are still arriving; opcode 0: none is.
cdef struct ws_assembly:
    uint8_t* data
    uint32_t len
    uint32_t cap
    uint32_t fragments
    uint32_t opcode

cdef struct ws_step:
    int kind
    int opcode
    int code
    uint8_t* data        # inside the bytes given, or inside the assembly: valid until the next step
    size_t len
    size_t consumed
    uint64_t need

cdef void ws_next(ws_assembly* assembly, const ws_limits* limits, uint8_t* data, size_t size, ws_step* step) noexcept nogil
# Frees what the assembly holds. To be called after a STEP_MESSAGE was used, and at the end.
cdef void ws_reset(ws_assembly* assembly) noexcept nogil
cdef bint utf8_valid(const uint8_t* data, size_t len) noexcept nogil
