# cython: language_level=3
"""The frames of a WebSocket client, parsed strictly and without a socket (RFC 6455 sections 5 to 8).

Owns nothing but the assembly of a fragmented message; never reads beyond the size it is given, and checks every length
against its limit before it is used. `Parser` is the same code with a Python face, for tests and tools.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from native.deflate cimport (
    INFLATE_CORRUPT, INFLATE_TOO_BIG, INFLATED, gs_inflate, gs_inflater, gs_inflater_free, gs_inflater_new
)
from native.frames cimport CONTROL_MAX, OP_BINARY, OP_CLOSE, OP_CONTINUATION, OP_PING, OP_PONG, OP_TEXT
from native.ledger cimport LIVE_BUFFERS, live


cdef inline void failed(ws_step* step, int code) noexcept nogil:
    step.kind = STEP_FAIL
    step.code = code


cdef inline void unmask(uint8_t* data, size_t len, const uint8_t* mask) noexcept nogil:
    """XORs the payload with its mask (section 5.3), eight bytes at a time; loads and stores go through memcpy."""
    cdef uint64_t wide
    cdef uint64_t word
    cdef size_t i = 0
    memcpy(&wide, mask, 4)
    memcpy((<uint8_t*> &wide) + 4, mask, 4)
    while len - i >= 8:
        memcpy(&word, data + i, 8)
        word ^= wide
        memcpy(data + i, &word, 8)
        i += 8
    while i < len:
        data[i] ^= mask[i & 3]
        i += 1


cdef uint32_t utf8_feed(uint32_t state, const uint8_t* data, size_t len) noexcept nogil:
    """Text piece by piece (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.

    Inside a character the state holds how many bytes are missing, and between which bounds the next one lies.
    """
    cdef size_t i = 0
    cdef uint64_t word
    cdef uint8_t byte
    while i < len:
        if state == UTF8_WHOLE and len - i >= 8:
            memcpy(&word, data + i, 8)
            if word & <uint64_t> 0x8080808080808080 == 0:
                i += 8
                continue
        byte = data[i]
        i += 1
        if state != UTF8_WHOLE:
            if byte < ((state >> 8) & 0xFF) or byte > (state >> 16):
                return UTF8_WRONG
            state = (state & 0xFF) - 1
            if state != UTF8_WHOLE:
                state |= 0xBF8000
        elif byte < 0x80:
            continue
        elif 0xC2 <= byte <= 0xDF:
            state = 0xBF8001
        elif byte == 0xE0:
            state = 0xBFA002
        elif byte == 0xED:
            state = 0x9F8002
        elif 0xE1 <= byte <= 0xEF:
            state = 0xBF8002
        elif byte == 0xF0:
            state = 0xBF9003
        elif byte == 0xF4:
            state = 0x8F8003
        elif 0xF1 <= byte <= 0xF3:
            state = 0xBF8003
        else:
            return UTF8_WRONG
    return state


cdef bint utf8_valid(const uint8_t* data, size_t len) noexcept nogil:
    """Whether the bytes are UTF-8 as a whole."""
    return utf8_feed(UTF8_WHOLE, data, len) == UTF8_WHOLE


cdef inline bint close_code_allowed(int code) noexcept nogil:
    """Codes that a peer may put into a close frame (section 7.4 and the registry)."""
    if 1000 <= code <= 1014:
        return code != 1004 and code != 1005 and code != 1006
    return 3000 <= code <= 4999


cdef void ws_reset(ws_assembly* assembly) noexcept nogil:
    if assembly.data != NULL:
        free(assembly.data)
        live(LIVE_BUFFERS, -1)
    memset(assembly, 0, sizeof(ws_assembly))


cdef bint assemble(ws_assembly* assembly, const uint8_t* data, size_t len) noexcept nogil:
    """Adds a fragment, its total already checked against the limit; False when there is no memory."""
    cdef uint64_t cap = assembly.cap
    cdef uint8_t* grown
    if len == 0:
        return True
    if assembly.len + len > cap:
        cap = max(<uint64_t> assembly.len + len, cap * 2)
        grown = <uint8_t*> realloc(assembly.data, cap)
        if grown == NULL:
            return False
        if assembly.data == NULL:
            live(LIVE_BUFFERS, 1)
        assembly.data = grown
        assembly.cap = <uint32_t> cap
    memcpy(assembly.data + assembly.len, data, len)
    assembly.len += <uint32_t> len
    return True


cdef void take_control(int opcode, uint8_t* payload, size_t len, ws_step* step) noexcept nogil:
    """A complete control frame (section 5.5)."""
    step.data = payload
    step.len = len
    if opcode == OP_PING:
        step.kind = STEP_PING
    elif opcode == OP_PONG:
        step.kind = STEP_PONG
    elif len == 0:
        step.kind = STEP_CLOSE
        step.code = CLOSE_NO_STATUS
    elif len == 1:
        failed(step, CLOSE_PROTOCOL_ERROR)
    else:
        step.code = (payload[0] << 8) | payload[1]
        step.data = payload + 2
        step.len = len - 2
        if not close_code_allowed(step.code):
            failed(step, CLOSE_PROTOCOL_ERROR)
        elif not utf8_valid(step.data, step.len):
            failed(step, CLOSE_INVALID_PAYLOAD)
        else:
            step.kind = STEP_CLOSE


cdef bint check_part(ws_assembly* assembly, const uint8_t* payload, size_t len, const uint8_t* mask) noexcept nogil:
    """Checks the text of an incomplete frame as far as it has come; False when it is none. Changes no byte of it."""
    cdef uint8_t plain[256]
    cdef size_t size
    cdef size_t i
    while assembly.checked < len:
        size = len - <size_t> assembly.checked
        if size > sizeof(plain):
            size = sizeof(plain)
        for i in range(size):
            plain[i] = payload[assembly.checked + i] ^ mask[(assembly.checked + i) & 3]
        assembly.utf8 = utf8_feed(assembly.utf8, plain, size)
        if assembly.utf8 == UTF8_WRONG:
            return False
        assembly.checked += size
    return True


cdef void take_data(ws_assembly* assembly, bint final, uint8_t* payload, size_t len, ws_step* step) noexcept nogil:
    """A complete data frame whose place in the sequence and whose sizes have been checked (section 5.4).

    The assembly knows the message's opcode already.
    """
    step.opcode = assembly.opcode
    step.compressed = assembly.compressed
    if assembly.opcode == OP_TEXT and not assembly.compressed:
        assembly.utf8 = utf8_feed(assembly.utf8, payload + assembly.checked, len - <size_t> assembly.checked)
        assembly.checked = 0
        if assembly.utf8 == UTF8_WRONG or (final and assembly.utf8 != UTF8_WHOLE):
            failed(step, CLOSE_INVALID_PAYLOAD)
            return
    if final and assembly.fragments == 0:
        # The usual case: nothing is copied, and nothing is left to be freed.
        assembly.opcode = assembly.compressed = 0
        step.kind = STEP_MESSAGE
        step.data = payload
        step.len = len
        return
    assembly.fragments += 1
    if not assemble(assembly, payload, len):
        step.kind = STEP_NO_MEMORY
    elif final:
        step.kind = STEP_MESSAGE
        step.data = assembly.data
        step.len = assembly.len
    else:
        step.kind = STEP_FRAGMENT


cdef void ws_next(
    ws_assembly* assembly, const ws_limits* limits, int reserved, uint8_t* data, size_t size, ws_step* step
) noexcept nogil:
    cdef int opcode
    cdef bint final
    cdef bint text
    cdef size_t head = 2
    cdef uint64_t length
    cdef int i
    memset(step, 0, sizeof(ws_step))
    step.kind = STEP_MORE
    step.need = 2
    if size < 2:
        return
    opcode = data[0] & 0x0F
    final = data[0] & 0x80 != 0
    length = data[1] & 0x7F
    # RSV1 marks the first frame of a compressed message and no other (RFC 7692 section 6).
    if data[0] & 0x70 and (data[0] & 0x70 != reserved or (opcode != OP_TEXT and opcode != OP_BINARY)):
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    if data[1] & 0x80 == 0:
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    if opcode >= OP_CLOSE:
        if opcode > OP_PONG or not final or length > CONTROL_MAX:
            failed(step, CLOSE_PROTOCOL_ERROR)
            return
    elif opcode > OP_BINARY:
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    elif (opcode == OP_CONTINUATION) != (assembly.fragments != 0):
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    if length == 126:
        head = 4
    elif length == 127:
        head = 10
    step.need = head
    if size < head:
        return
    if head == 4:
        length = (<uint64_t> data[2] << 8) | data[3]
        if length < 126:
            failed(step, CLOSE_PROTOCOL_ERROR)
            return
    elif head == 10:
        length = 0
        for i in range(8):
            length = (length << 8) | data[2 + i]
        if length <= 0xFFFF or length >> 63:
            failed(step, CLOSE_PROTOCOL_ERROR)
            return
    if opcode < OP_CLOSE:
        # Both terms are below 2**63, so the sum does not wrap.
        if length > limits.max_frame_bytes or length + assembly.len > limits.max_message_bytes:
            failed(step, CLOSE_TOO_BIG)
            return
        if (not final or opcode == OP_CONTINUATION) and assembly.fragments >= limits.max_fragments:
            failed(step, CLOSE_POLICY)
            return
    head += 4
    step.need = head + length
    if size < head:
        return
    if opcode == OP_TEXT or opcode == OP_BINARY:
        assembly.opcode = <uint8_t> opcode
        assembly.compressed = data[0] & RSV1 != 0
    text = opcode < OP_CLOSE and assembly.opcode == OP_TEXT and not assembly.compressed
    if size - head < length:
        if text and not check_part(assembly, data + head, size - head, data + head - 4):
            failed(step, CLOSE_INVALID_PAYLOAD)
        return
    unmask(data + head, <size_t> length, data + head - 4)
    step.consumed = head + <size_t> length
    if opcode >= OP_CLOSE:
        take_control(opcode, data + head, <size_t> length, step)
    else:
        take_data(assembly, final, data + head, <size_t> length, step)


cdef void ws_inflate(gs_inflater* inflater, const ws_limits* limits, ws_step* step) noexcept nogil:
    cdef int code = gs_inflate(
        inflater, step.data, step.len, limits.max_message_bytes, limits.max_inflate_ratio, &step.data, &step.len
    )
    if code == INFLATE_TOO_BIG:
        failed(step, CLOSE_TOO_BIG)
    elif code == INFLATE_CORRUPT:
        failed(step, CLOSE_INVALID_PAYLOAD)
    elif code != INFLATED:
        step.kind = STEP_NO_MEMORY
    elif step.opcode == OP_TEXT and not utf8_valid(step.data, step.len):
        failed(step, CLOSE_INVALID_PAYLOAD)
    step.compressed = False


cdef class Parser:
    """The parser with a Python face: bytes in, events out.

    Events: ("message", opcode, bytes), ("ping", bytes), ("pong", bytes), ("close", code, bytes), ("fail", code).
    After a close or a failure everything else is ignored.
    """

    cdef ws_assembly assembly
    cdef ws_limits limits
    cdef gs_inflater* inflater
    cdef bytes held
    cdef bint ended

    def __cinit__(
        self, *, uint64_t max_message_bytes=65536, uint32_t max_fragments=64, max_frame_bytes=None, bint deflate=False,
        uint32_t max_inflate_ratio=100
    ):
        memset(&self.assembly, 0, sizeof(ws_assembly))
        self.limits.max_message_bytes = min(max_message_bytes, <uint64_t> 0x7FFFFFFF)
        self.limits.max_frame_bytes = self.limits.max_message_bytes if max_frame_bytes is None else max_frame_bytes
        self.limits.max_fragments = max_fragments
        self.limits.max_inflate_ratio = max_inflate_ratio
        self.held = b""
        self.ended = False
        if deflate:
            self.inflater = gs_inflater_new()
            if self.inflater == NULL:
                raise MemoryError()

    def __dealloc__(self):
        ws_reset(&self.assembly)
        gs_inflater_free(self.inflater)

    def feed(self, bytes data not None) -> list:
        """What these bytes complete."""
        cdef list events = []
        cdef bytes whole = self.held + data
        cdef size_t size = <size_t> len(whole)
        cdef size_t at = 0
        cdef ws_step step
        cdef uint8_t* own
        if self.ended or size == 0:
            return events
        own = <uint8_t*> malloc(size)
        if own == NULL:
            raise MemoryError()
        memcpy(own, PyBytes_AS_STRING(whole), size)
        try:
            while not self.ended:
                ws_next(
                    &self.assembly, &self.limits, RSV1 if self.inflater != NULL else 0, own + at, size - at, &step
                )
                if step.kind == STEP_MORE:
                    break
                self.take(&step, events)
                at += step.consumed
            self.held = b"" if self.ended else PyBytes_FromStringAndSize(<char*> own + at, <Py_ssize_t> (size - at))
        finally:
            free(own)
        return events

    cdef int take(self, ws_step* step, list events) except -1:
        cdef bytes payload = b""
        if step.kind == STEP_MESSAGE and step.compressed:
            ws_inflate(self.inflater, &self.limits, step)
        if step.len > 0:
            payload = PyBytes_FromStringAndSize(<char*> step.data, <Py_ssize_t> step.len)
        if step.kind == STEP_MESSAGE:
            events.append(("message", step.opcode, payload))
            if self.assembly.opcode:
                ws_reset(&self.assembly)
        elif step.kind == STEP_PING:
            events.append(("ping", payload))
        elif step.kind == STEP_PONG:
            events.append(("pong", payload))
        elif step.kind == STEP_CLOSE:
            events.append(("close", step.code, payload))
            self.ended = True
        elif step.kind == STEP_FAIL:
            events.append(("fail", step.code))
            self.ended = True
        elif step.kind == STEP_NO_MEMORY:
            raise MemoryError()
        return 0
