"""`python -m tests.fuzz.seeds`: writes the corpus' seeds from the cases of the unit tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.edge import test_extensions
from tests.fuzz.run import CORPUS
from tests.native import test_opening, test_parser
from tests.native.stand import masked


def _marked(function: object) -> Iterator[object]:
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize":
            yield from mark.args[1]


def seeds() -> Iterator[tuple[str, bytes]]:
    """Target and input."""
    for data, _ in test_parser.CASES.values():
        yield "frames", b"\x00\x01" + data
    for data, _ in test_parser.COMPRESSED_CASES.values():
        yield "frames", b"\x01\x03" + data
    for head in (*test_opening.RIGHT, *test_opening.LEFT_TO_OTHERS):
        yield "requests", head[:-4]
    for case in _marked(test_extensions.test_taken):
        assert isinstance(case, tuple)
        yield "extensions", str(case[0]).encode("latin-1")
    for function in (test_extensions.test_declined, test_extensions.test_what_is_not_a_list_of_extensions_is_an_error):
        for header in _marked(function):
            yield "extensions", str(header).encode("latin-1")
    yield from _lives()


def _lives() -> Iterator[tuple[str, bytes]]:
    """What two sides may do: see `targets.closing`."""

    def sent(frame: bytes) -> bytes:
        return bytes([len(frame) * 10]) + frame

    normal = sent(masked(8, b"\x03\xe8"))
    poll, take, later = bytes([7]), bytes([8]), bytes([6 + 10 * 20])
    for options in range(8):
        start = bytes([options])
        yield "closing", start + normal + poll + take
        yield "closing", start + bytes([2]) + take + normal + poll
        yield "closing", start + bytes([2]) + later + poll
        yield "closing", start + sent(b"\x83\x80mask") + poll + later
        yield "closing", start + sent(masked(1, b"text"))[:-2] + bytes([3]) + poll
        yield "closing", start + bytes([5 + 10 * 20]) * 9 + bytes([2]) + poll + take + poll
        yield "closing", start + sent(masked(9, b"p")) * 10 + poll
        yield "closing", start + bytes([4 + 10 * 20]) * 9 + normal + poll + bytes([9 + 10 * 24])


def main() -> None:
    for target, data in seeds():
        directory = CORPUS / target
        directory.mkdir(parents=True, exist_ok=True)
        (directory / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    main()
