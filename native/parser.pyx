# cython: language_level=3
"""The frames of a WebSocket client, parsed strictly and without a socket (RFC 6455 sections 5 to 8).

Owns nothing but the assembly of a fragmented message; never reads beyond the size it is given, and checks every length
against its limit before it is used. `Parser` is the same code with a Python face, for tests and tools.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

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


cdef bint utf8_valid(const uint8_t* data, size_t len) noexcept nogil:
    """Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF."""
    cdef size_t i = 0
    cdef uint64_t word
    cdef uint8_t first
    cdef uint8_t low
    cdef uint8_t high
    cdef size_t more
    while i < len:
        if len - i >= 8:
            memcpy(&word, data + i, 8)
            if word & <uint64_t> 0x8080808080808080 == 0:
                i += 8
                continue
        first = data[i]
        i += 1
        if first < 0x80:
            continue
        low = 0x80
        high = 0xBF
        if 0xC2 <= first <= 0xDF:
            more = 1
        elif 0xE0 <= first <= 0xEF:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return False
        if len - i < more:
            return False
        if not low <= data[i] <= high:
            return False
        i += 1
        more -= 1
        while more > 0:
            if data[i] & 0xC0 != 0x80:
                return False
            i += 1
            more -= 1
    return True


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


cdef void take_data(
    ws_assembly* assembly, int opcode, bint final, uint8_t* payload, size_t len, ws_step* step
) noexcept nogil:
    """A complete data frame whose place in the sequence and whose sizes have been checked (section 5.4)."""
    step.kind = STEP_MESSAGE
    if opcode != OP_CONTINUATION and final:
        step.opcode = opcode
        step.data = payload
        step.len = len
    else:
        if opcode != OP_CONTINUATION:
            assembly.opcode = opcode
        assembly.fragments += 1
        if not assemble(assembly, payload, len):
            step.kind = STEP_NO_MEMORY
            return
        if not final:
            step.kind = STEP_FRAGMENT
            return
        step.opcode = assembly.opcode
        step.data = assembly.data
        step.len = assembly.len
    if step.opcode == OP_TEXT and not utf8_valid(step.data, step.len):
        failed(step, CLOSE_INVALID_PAYLOAD)


cdef void ws_next(
    ws_assembly* assembly, const ws_limits* limits, uint8_t* data, size_t size, ws_step* step
) noexcept nogil:
    cdef int opcode
    cdef bint final
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
    if data[0] & 0x70 or data[1] & 0x80 == 0:
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    if opcode >= OP_CLOSE:
        if opcode > OP_PONG or not final or length > CONTROL_MAX:
            failed(step, CLOSE_PROTOCOL_ERROR)
            return
    elif opcode > OP_BINARY:
        failed(step, CLOSE_PROTOCOL_ERROR)
        return
    elif (opcode == OP_CONTINUATION) != (assembly.opcode != 0):
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
        if length + assembly.len > limits.max_message_bytes:
            failed(step, CLOSE_TOO_BIG)
            return
        if (not final or opcode == OP_CONTINUATION) and assembly.fragments >= limits.max_fragments:
            failed(step, CLOSE_POLICY)
            return
    head += 4
    step.need = head + length
    if size < head or size - head < length:
        return
    unmask(data + head, <size_t> length, data + head - 4)
    step.consumed = head + <size_t> length
    if opcode >= OP_CLOSE:
        take_control(opcode, data + head, <size_t> length, step)
    else:
        take_data(assembly, opcode, final, data + head, <size_t> length, step)


cdef class Parser:
    """The parser with a Python face: bytes in, events out.

    Events: ("message", opcode, bytes), ("ping", bytes), ("pong", bytes), ("close", code, bytes), ("fail", code).
    After a close or a failure everything else is ignored.
    """

    cdef ws_assembly assembly
    cdef ws_limits limits
    cdef bytes held
    cdef bint ended

    def __cinit__(self, *, uint64_t max_message_bytes=65536, uint32_t max_fragments=64):
        memset(&self.assembly, 0, sizeof(ws_assembly))
        self.limits.max_message_bytes = min(max_message_bytes, <uint64_t> 0x7FFFFFFF)
        self.limits.max_fragments = max_fragments
        self.held = b""
        self.ended = False

    def __dealloc__(self):
        ws_reset(&self.assembly)

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
                ws_next(&self.assembly, &self.limits, own + at, size - at, &step)
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
        if step.len > 0:
            payload = PyBytes_FromStringAndSize(<char*> step.data, <Py_ssize_t> step.len)
        if step.kind == STEP_MESSAGE:
            events.append(("message", step.opcode, payload))
            ws_reset(&self.assembly) if self.assembly.opcode else None
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
