"""Inflating once more, as RFC 1951 reads, bit by bit in plain Python: the yardstick of the native one. Slow and obvious."""

from __future__ import annotations

TAIL = b"\x00\x00\xff\xff"
WINDOW = 32768
FINAL_BLOCKS_MAX = 16
LENGTH_BASE = (
    *range(3, 11),
    *range(11, 19, 2),
    *range(19, 35, 4),
    *range(35, 67, 8),
    *range(67, 131, 16),
    *range(131, 258, 32),
    258,
)
LENGTH_BITS = (0,) * 8 + (1,) * 4 + (2,) * 4 + (3,) * 4 + (4,) * 4 + (5,) * 4 + (0,)
DISTANCE_BASE = tuple(1 + sum(1 << max(0, n // 2 - 1) for n in range(code)) for code in range(30))
DISTANCE_BITS = tuple(max(0, code // 2 - 1) for code in range(30))
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class TooBig(Exception):
    """More comes out than the limit allows."""


class End(Exception):
    """The bits are used up."""


class Bits:
    """The bits of a message, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> int:
        value = 0
        for i in range(count):
            if self.at >= 8 * len(self.data):
                raise End
            value |= (self.data[self.at >> 3] >> (self.at & 7) & 1) << i
            self.at += 1
        return value

    def align(self) -> None:
        self.at = (self.at + 7) & ~7


class Code:
    """A Huffman code from the lengths of its symbols (section 3.2.2)."""

    def __init__(self, lengths: list[int], may_be_incomplete: bool = False) -> None:
        self.symbols: dict[tuple[int, int], int] = {}
        code = 0
        used = 0
        for length in range(1, 16):
            code <<= 1
            for symbol, wanted in enumerate(lengths):
                if wanted == length:
                    self.symbols[length, code] = symbol
                    code += 1
                    used += 1 << (15 - length)
        if used > 1 << 15 or (used < 1 << 15 and not (may_be_incomplete and max(lengths) <= 1)):
            raise ValueError("not a code")

    def read(self, bits: Bits) -> int:
        code = 0
        for length in range(1, 16):
            code = code << 1 | bits.take(1)
            if (length, code) in self.symbols:
                return self.symbols[length, code]
        raise ValueError("no such symbol")


FIXED = Code([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8), Code([5] * 32)


def dynamic(bits: Bits) -> tuple[Code, Code]:
    literals, distances, count = bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4
    if literals > 286 or distances > 30:
        raise ValueError("too many symbols")
    lengths = [0] * 19
    for symbol in ORDER[:count]:
        lengths[symbol] = bits.take(3)
    code = Code(lengths)
    lengths = []
    while len(lengths) < literals + distances:
        symbol = code.read(bits)
        if symbol < 16:
            lengths.append(symbol)
        elif symbol == 16:
            if not lengths:
                raise ValueError("nothing to repeat")
            lengths += [lengths[-1]] * (3 + bits.take(2))
        else:
            lengths += [0] * (3 + bits.take(3) if symbol == 17 else 11 + bits.take(7))
    if len(lengths) > literals + distances or lengths[256] == 0:
        raise ValueError("not the lengths of two codes")
    return Code(lengths[:literals], True), Code(lengths[literals:], True)


def block(bits: Bits, kind: int, out: bytearray, limit: int) -> None:
    if kind == 0:
        bits.align()
        size = bits.take(16)
        if bits.take(16) != size ^ 0xFFFF:
            raise ValueError("the length and its complement differ")
        for _ in range(size):
            out.append(bits.take(8))
            check(out, limit)
        return
    if kind == 3:
        raise ValueError("no such kind of block")
    literals, distances = FIXED if kind == 1 else dynamic(bits)
    while (symbol := literals.read(bits)) != 256:
        if symbol < 256:
            out.append(symbol)
        else:
            if symbol > 285:
                raise ValueError("no such length")
            length = LENGTH_BASE[symbol - 257] + bits.take(LENGTH_BITS[symbol - 257])
            code = distances.read(bits)
            if code > 29:
                raise ValueError("no such distance")
            distance = DISTANCE_BASE[code] + bits.take(DISTANCE_BITS[code])
            if distance > min(len(out), WINDOW):
                raise ValueError("points before the beginning")
            for _ in range(length):
                out.append(out[-distance])
                check(out, limit)
        check(out, limit)


def check(out: bytearray, limit: int) -> None:
    if len(out) > limit:
        raise TooBig


def inflate(data: bytes, limit: int) -> bytes:
    """A message of permessage-deflate (RFC 7692 section 7.2.2).

    Raises:
        TooBig: it is longer than `limit`.
        ValueError: it is not DEFLATE, or ends inside a block.
    """
    bits, out, finals = Bits(data + TAIL), bytearray(), 0
    while bits.at < 8 * len(bits.data):
        try:
            final = bits.take(1)
            block(bits, bits.take(2), out, limit)
        except End:
            raise ValueError("ends inside a block") from None
        if final:
            bits.align()
            finals += 1
            if finals > FINAL_BLOCKS_MAX:
                raise ValueError("too many final blocks")
    return bytes(out)
