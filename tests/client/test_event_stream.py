"""The event-stream parser against the standard's own examples, whole, byte by byte and split at random."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.client.event_stream import EventStreamParser, EventTooLarge, StreamEvent

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "event_stream.json").read_text())
CASES = [
    (b"data: one\n\n", [("one", "")]),
    (b"data:one\n\n", [("one", "")]),
    (b"data:  one\n\n", [(" one", "")]),
    (b"id: 1\ndata: a\ndata: b\n\n", [("a\nb", "1")]),
    (b"id: 1\ndata: a\n\ndata: b\n\n", [("a", "1"), ("b", "1")]),
    (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [("a", "1"), ("b", "")]),
    (b": comment\n\ndata: a\n\n", [("a", "")]),
    (b"event: x\nretry: 10\ndata\n\n", [("", "")]),
    (b"id: 5\n\n", []),
    (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("a", ""), ("b", ""), ("c", "")]),
    (b"\xef\xbb\xbfdata: a\n\n", [("a", "")]),
    ("data: grün ⚽\n\n".encode(), [("grün ⚽", "")]),
    (b"id: a\0b\ndata: x\n\n", [("x", "")]),
    (b"data: unfinished\n", []),
    (b"unknown: field\ndata: a\n\n", [("a", "")]),
]


def events(pieces: list[bytes]) -> list[tuple[str, str]]:
    parser = EventStreamParser()
    found: list[StreamEvent] = []
    for piece in pieces:
        found += parser.feed(piece)
    return [(event.data, event.last_id) for event in found]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_however_it_is_cut(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert events([data]) == expected
    assert events([data[i : i + 1] for i in range(len(data))]) == expected
    for seed in range(20):
        draw, pieces, at = random.Random(seed), [], 0
        while at < len(data):
            size = draw.randint(1, 5)
            pieces.append(data[at : at + size])
            at += size
        assert events(pieces) == expected


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    assert [data for data, _ in events([case["text"].encode()])] == case["data"]


def test_an_event_has_a_bound() -> None:
    parser = EventStreamParser(max_event_bytes=100)
    parser.feed(b"data: " + b"x" * 80 + b"\n\n")
    parser.feed(b"data: " + b"x" * 80 + b"\n\n")
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: " + b"x" * 120)
    parser = EventStreamParser(max_event_bytes=100)
    with pytest.raises(EventTooLarge):
        for _ in range(20):
            parser.feed(b"data: 1234567890\n")
