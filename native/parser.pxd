# What a viewer may send (RFC 6455, server side), one frame a step, without any socket. Strict: every departure from the
# RFC is a failure with a close code. The bytes given are unmasked in place; a step that needs more bytes changes none.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from native.deflate cimport gs_inflater

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
    uint64_t max_frame_bytes
    uint32_t max_fragments
    uint32_t max_inflate_ratio   # bytes out for each byte in of a compressed message
    uint32_t max_controls        # pings and pongs of a connection in 1024 ms; kept by the intake

# A message whose fragments are still arriving (opcode 0: none is), and how far the text of the frame under way is checked.
cdef struct ws_assembly:
    uint8_t* data
    uint32_t len
    uint32_t cap
    uint32_t fragments
    uint8_t opcode
    uint8_t compressed   # the message's first frame had RSV1 (RFC 7692 section 6)
    uint32_t utf8        # state of utf8_feed behind the text that is checked
    uint64_t checked     # payload bytes of the incomplete frame that are checked

# The reserved bit of a compressed message.
cdef enum:
    RSV1 = 0x40

# utf8_feed's states beside those inside a character.
cdef enum:
    UTF8_WHOLE = 0
    UTF8_WRONG = 0xFFFFFFFF

cdef struct ws_step:
    int kind
    int opcode
    int code
    bint compressed      # MESSAGE: to be inflated, and not yet checked for UTF-8
    uint8_t* data        # inside the bytes given, or inside the assembly: valid until the next step
    size_t len
    size_t consumed
    uint64_t need

# `reserved`: RSV1 where permessage-deflate was agreed on, else 0. Text is checked as it arrives, also that of an incomplete
# frame, so that a wrong byte fails the connection at once.
cdef void ws_next(
    ws_assembly* assembly, const ws_limits* limits, int reserved, uint8_t* data, size_t size, ws_step* step
) noexcept nogil
# Makes a compressed STEP_MESSAGE a plain one, its data inside the inflater until the next call; or a failure.
cdef void ws_inflate(gs_inflater* inflater, const ws_limits* limits, ws_step* step) noexcept nogil
# Frees what the assembly holds. To be called after a STEP_MESSAGE was used, and at the end.
cdef void ws_reset(ws_assembly* assembly) noexcept nogil
# The state behind these bytes, UTF8_WRONG as soon as no text can begin like this; begins with UTF8_WHOLE.
cdef uint32_t utf8_feed(uint32_t state, const uint8_t* data, size_t len) noexcept nogil
cdef bint utf8_valid(const uint8_t* data, size_t len) noexcept nogil
