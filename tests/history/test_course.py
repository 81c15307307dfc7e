"""A match's course: as many documents as its clock asks for, whoever stored them, and nothing that was taken back."""

from __future__ import annotations

import pytest

from gateway.history import course
from gateway.history.course import Courses, outline_of
from gateway.history.database import Database
from gateway.history.reader import Reader
from gateway.history.scribe import CLOCK_KEYFRAMES_MAX, Rows
from gateway.history.writer import Writer
from gateway.model.channel import ChannelLimits
from tests.history.stream import Stream, write

FAR = 2**62


def played(minutes: int, step_ms: int = 10_000, stream: Stream | None = None) -> Stream:
    """A match whose clock is told every ten seconds, and whose lead grows with it."""
    stream = stream or Stream()
    stream.open(clock={"t_ms": 0, "running": True})
    for t_ms in range(step_ms, minutes * 60_000 + 1, step_ms):
        figures = {"advantage": {"gold": t_ms // 1000}}
        stream.add({"op": "clock", "patch": {"clock": {"t_ms": t_ms}, "figures": figures}})
    return stream


def clocks(points: list[course.Point] | None) -> list[int]:
    return [point.outline["clock"]["t_ms"] for point in points or []]


@pytest.fixture
def courses(database: Database) -> Courses:
    return Courses(Reader(database, ChannelLimits()))


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_half_a_minute_apart_however_it_was_stored(writer: Writer, courses: Courses, batch: int) -> None:
    stream = played(10)
    await write(writer, "match:1", stream.entries, batch=batch)
    points = await courses.of("match:1", FAR)
    assert points is not None
    assert clocks(points) == list(range(0, 600_001, 30_000))
    assert [point.outline.get("figures") for point in points[1:3]] == [
        {"advantage": {"gold": 30}},
        {"advantage": {"gold": 60}},
    ]
    assert points[1].position == stream.entries[3].position
    assert points[1].at_ms == stream.entries[3].t_ms
    # What came since is told, too, and a delay cuts off what is too new.
    later = played(0, stream=stream)
    assert later.entries is stream.entries
    await write(writer, "match:1", stream.entries, batch=1000)
    again = await courses.of("match:1", FAR)
    assert again is not None
    assert again[: len(points)] == points
    assert clocks(again)[len(points) :] == [0]
    assert clocks(await courses.of("match:1", points[4].at_ms)) == clocks(points[:5])
    assert await courses.of("match:nobody", FAR) is None


async def test_what_was_taken_back_is_told_no_more(database: Database, writer: Writer, courses: Courses) -> None:
    stream = played(5)
    await write(writer, "match:1", stream.entries, batch=1000)
    assert len(await courses.of("match:1", FAR) or []) == 11
    await database.fetch("DELETE FROM keyframes WHERE seq > 9")
    assert clocks(await courses.of("match:1", FAR)) == [0, 30_000, 60_000, 90_000]
    await database.fetch("UPDATE keyframes SET frame = 'older'")
    emptied = await Courses(Reader(database, ChannelLimits())).of("match:1", FAR)
    assert [point.outline for point in emptied or []] == [{}] * 4


async def test_a_clock_that_leaps_makes_no_more_than_so_many(writer: Writer, courses: Courses) -> None:
    stream = Stream()
    stream.open(clock={"t_ms": 0})
    for number in range(CLOCK_KEYFRAMES_MAX + 300):
        stream.add({"op": "clock", "patch": {"clock": {"t_ms": 90_000_000 * (number % 2 + 1)}}})
    scribe, rows = await writer.open("match:1"), Rows()
    for entry in stream.entries:
        scribe.note(entry, stream.entries[-1].t_ms or 0, rows)
    assert CLOCK_KEYFRAMES_MAX < len(rows.keyframes) < CLOCK_KEYFRAMES_MAX + 5
    await writer.store(rows, stream.entries[-1].t_ms or 0)
    points = await courses.of("match:1", FAR)
    assert points is not None
    assert len(points) == course.POINTS_MAX
    assert points[0].position.seq == 0


def test_an_outline_has_numbers_only() -> None:
    document = {
        "title": "x",
        "clock": {"t_ms": 5},
        "teams": {"red": {"name": "Red", "score": 3, "won": True}, "odd": 7},
        "figures": {"lead": 4, "advantage": {"gold": 1.5, "who": "red"}, "draft": {"00": {"hero": "x"}}, "on": True},
        "players": {"p0": {"kills": 3}},
    }
    assert outline_of(document) == {
        "clock": {"t_ms": 5},
        "teams": {"red": {"score": 3}},
        "figures": {"lead": 4, "advantage": {"gold": 1.5}},
    }
    assert outline_of({"teams": [1], "clock": 3, "figures": None}) == {}
