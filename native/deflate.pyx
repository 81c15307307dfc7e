# cython: language_level=3
"""permessage-deflate's payloads (RFC 7692 section 7.2) on zlib, without context between messages in either direction.

A frame is compressed once and shared by all who agreed on the same window; a message of a viewer is inflated within bounds
of size and ratio. Never negotiates, never reads or sends.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from native.frames cimport Frame, OP_BINARY, OP_TEXT, frame_new, gs_frame, own, write_header
from native.ledger cimport LIVE_BUFFERS, live


cdef extern from "<zlib.h>" nogil:
    enum: Z_OK, Z_STREAM_END, Z_BUF_ERROR, Z_SYNC_FLUSH, Z_DEFLATED, Z_DEFAULT_STRATEGY
    int deflateInit2(z_stream* z, int level, int method, int window_bits, int mem_level, int strategy)
    int deflateReset(z_stream* z)
    int deflateEnd(z_stream* z)
    int deflate(z_stream* z, int flush)
    unsigned long deflateBound(z_stream* z, unsigned long size)
    int inflateInit2(z_stream* z, int window_bits)
    int inflateReset(z_stream* z)
    int inflateSetDictionary(z_stream* z, const uint8_t* dictionary, unsigned int size)
    int inflateEnd(z_stream* z)
    int inflate(z_stream* z, int flush)

cdef enum:
    KEPT_MAX = 65536        # a larger output buffer is given back
    FIRST_OUT = 1024
    WINDOW = 32768
    FINAL_BLOCKS_MAX = 16   # of one message; each costs a window's copy
    BETWEEN_BLOCKS = 128    # in z_stream.data_type, beside the number of bits that are left
    BITS_LEFT = 63

# What a sender takes off the end of a message, and a receiver puts back.
cdef uint8_t* TAIL = b"\x00\x00\xff\xff"
cdef uint64_t FRAME_PAYLOAD_MAX = 0x7FFFFFFF


# -- inflating --------------------------------------------------------------------------------------------------------

cdef gs_inflater* gs_inflater_new() noexcept nogil:
    cdef gs_inflater* inflater = <gs_inflater*> calloc(1, sizeof(gs_inflater))
    if inflater != NULL and inflateInit2(&inflater.z, -15) != Z_OK:
        free(inflater)
        return NULL
    return inflater


cdef void gs_inflater_free(gs_inflater* inflater) noexcept nogil:
    if inflater != NULL:
        inflateEnd(&inflater.z)
        free(inflater.out)
        free(inflater)


cdef bint _grow(gs_inflater* inflater, uint64_t limit) noexcept nogil:
    """Twice the room for output, at most one byte more than the limit; False when there is no memory."""
    cdef uint64_t cap = <uint64_t> inflater.cap * 2 if inflater.cap else FIRST_OUT
    cdef uint8_t* grown
    if cap > limit + 1:
        cap = limit + 1
    grown = <uint8_t*> realloc(inflater.out, <size_t> cap)
    if grown == NULL:
        return False
    inflater.out = grown
    inflater.cap = <size_t> cap
    return True


cdef int gs_inflate(
    gs_inflater* inflater, const uint8_t* data, size_t size, uint64_t max_bytes, uint32_t max_ratio,
    uint8_t** out, size_t* out_len
) noexcept nogil:
    cdef z_stream* z = &inflater.z
    cdef uint64_t limit = <uint64_t> size * max_ratio + FIRST_OUT
    cdef size_t made = 0
    cdef size_t room
    cdef size_t window
    cdef int code
    cdef int finals = 0
    cdef bint tail = False
    if limit > max_bytes:
        limit = max_bytes
    if inflater.cap > KEPT_MAX:
        free(inflater.out)
        inflater.out = NULL
        inflater.cap = 0
    if inflateReset(z) != Z_OK:
        return INFLATE_NO_MEMORY
    z.next_in = <uint8_t*> data
    z.avail_in = <unsigned int> size
    while True:
        if made == inflater.cap and not _grow(inflater, limit):
            return INFLATE_NO_MEMORY
        room = inflater.cap - made
        z.next_out = inflater.out + made
        z.avail_out = <unsigned int> room
        code = inflate(z, Z_SYNC_FLUSH)
        made += room - z.avail_out
        if made > limit:
            return INFLATE_TOO_BIG
        if code == Z_STREAM_END:
            # A block marked as the last one may be followed by others (section 7.2.3.4), which may refer to what came before.
            finals += 1
            window = made if made < WINDOW else WINDOW
            if finals > FINAL_BLOCKS_MAX or inflateReset(z) != Z_OK:
                return INFLATE_CORRUPT
            if window and inflateSetDictionary(z, inflater.out + made - window, <unsigned int> window) != Z_OK:
                return INFLATE_CORRUPT
        elif code != Z_OK and code != Z_BUF_ERROR:
            return INFLATE_CORRUPT
        if z.avail_in == 0 and z.avail_out > 0:
            if tail:
                break
            tail = True
            z.next_in = TAIL
            z.avail_in = 4
    # The end lies behind a whole block: nothing is missing.
    if code != Z_STREAM_END and z.data_type & (BETWEEN_BLOCKS | BITS_LEFT) != BETWEEN_BLOCKS:
        return INFLATE_CORRUPT
    out[0] = inflater.out
    out_len[0] = made
    return INFLATED


cdef class Inflater:
    """Inflating with a Python face, for tests and tools."""

    cdef gs_inflater* inflater

    def __cinit__(self):
        self.inflater = gs_inflater_new()
        if self.inflater == NULL:
            raise MemoryError()

    def __dealloc__(self):
        gs_inflater_free(self.inflater)

    def inflate(self, bytes data not None, uint64_t max_bytes=65536, uint32_t max_ratio=1100) -> bytes:
        """A whole message.

        Raises:
            OverflowError: it is longer than `max_bytes`, or than `max_ratio` allows.
            ValueError: it is not DEFLATE, or ends inside a block.
        """
        cdef uint8_t* out = NULL
        cdef size_t out_len = 0
        cdef int code = gs_inflate(
            self.inflater, <const uint8_t*> PyBytes_AS_STRING(data), <size_t> len(data), min(max_bytes, FRAME_PAYLOAD_MAX),
            max_ratio, &out, &out_len
        )
        if code == INFLATE_NO_MEMORY:
            raise MemoryError()
        if code == INFLATE_TOO_BIG:
            raise OverflowError("more than the bounds allow")
        if code == INFLATE_CORRUPT:
            raise ValueError("not a message in DEFLATE")
        return PyBytes_FromStringAndSize(<char*> out, <Py_ssize_t> out_len)


# -- deflating --------------------------------------------------------------------------------------------------------

cdef uint64_t _now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t> now.tv_sec * 1000000000 + <uint64_t> now.tv_nsec


cdef class Deflater:
    """Makes compressed frames; each message by itself (server_no_context_takeover).

    Args:
        level: of zlib, 1 (fast) to 9.
        window_bits: of the window agreed on, 9 to 15.
        min_bytes: a shorter payload is sent as it is.
        max_bytes: a longer payload is sent as it is, as compressing it would hold the loop.
        always: compress also what does not become shorter.

    Raises:
        ValueError: an argument is out of range.
    """

    def __cinit__(
        self, *, int level=6, int window_bits=15, size_t min_bytes=0, size_t max_bytes=0x7FFFFFFF, bint always=False
    ):
        memset(&self.z, 0, sizeof(z_stream))
        if not 1 <= level <= 9 or not 9 <= window_bits <= 15:
            raise ValueError("level is 1 to 9, window_bits 9 to 15")
        # A hash table in proportion to the window: it is cleared for every message.
        if deflateInit2(
            &self.z, level, Z_DEFLATED, -window_bits, 8 if window_bits > 12 else 4, Z_DEFAULT_STRATEGY
        ) != Z_OK:
            raise MemoryError()
        self.ready = True
        self.min_bytes = min_bytes
        self.always = always
        self.max_bytes = min(max_bytes, <size_t> FRAME_PAYLOAD_MAX)

    def __dealloc__(self):
        if self.ready:
            deflateEnd(&self.z)
        if self.out != NULL:
            live(LIVE_BUFFERS, -1)
            free(self.out)

    def frame(self, bytes payload not None, bint binary) -> Frame:
        """One final frame: compressed, or as it is where that is not shorter or the payload is out of bounds."""
        cdef const uint8_t* data = <const uint8_t*> PyBytes_AS_STRING(payload)
        cdef size_t size = <size_t> len(payload)
        cdef uint8_t header[10]
        cdef size_t head
        cdef size_t made = 0
        cdef uint64_t began
        cdef gs_frame* frame
        cdef int opcode = OP_BINARY if binary else OP_TEXT
        if self.min_bytes <= size <= self.max_bytes:
            began = _now_ns()
            made = self.deflated(data, size)
            self.ns += _now_ns() - began
        if made and (made < size or self.always):
            self.frames += 1
            self.bytes_in += size
            self.bytes_out += made
            head = write_header(header, 0x40 | opcode, made)
            data = self.out
            size = made
        else:
            self.plain += 1
            head = write_header(header, opcode, size)
        frame = frame_new(head + size)
        if frame != NULL:
            memcpy(&frame.data[0], header, head)
            if size:
                memcpy(&frame.data[head], data, size)
        if self.cap > KEPT_MAX:
            live(LIVE_BUFFERS, -1)
            free(self.out)
            self.out = NULL
            self.cap = 0
        return own(frame)

    cdef size_t deflated(self, const uint8_t* data, size_t size) noexcept:
        """Compresses into `out`; the length without the tail, or 0 when it did not work."""
        cdef size_t bound = deflateBound(&self.z, <unsigned long> size) + 16
        cdef uint8_t* grown
        cdef int code
        if deflateReset(&self.z) != Z_OK:
            return 0
        if bound > self.cap:
            grown = <uint8_t*> realloc(self.out, bound)
            if grown == NULL:
                return 0
            if self.out == NULL:
                live(LIVE_BUFFERS, 1)
            self.out = grown
            self.cap = bound
        self.z.next_in = <uint8_t*> data
        self.z.avail_in = <unsigned int> size
        self.z.next_out = self.out
        self.z.avail_out = <unsigned int> self.cap
        with nogil:
            code = deflate(&self.z, Z_SYNC_FLUSH)
        if code != Z_OK or self.z.avail_in or self.z.avail_out == 0:
            return 0
        return self.cap - self.z.avail_out - 4

    def stats(self) -> dict:
        """Counters: frames compressed and sent plain, bytes into and out of the compression, nanoseconds it took."""
        return {
            "frames": self.frames, "plain": self.plain, "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
            "ns": self.ns,
        }
