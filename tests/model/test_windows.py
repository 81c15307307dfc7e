"""Which day's and week's boards a moment belongs to: UTC, weeks as ISO 8601 has them, at the ends of years too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.boards import DAY_MS, Scopes, parse_board, scopes_of


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def windows(t_ms: int, now_ms: int | None = None) -> tuple[str, ...]:
    scopes = scopes_of("match:1", t_ms, Scopes(kept_ms=7 * DAY_MS), t_ms if now_ms is None else now_ms)
    return tuple(scope for scope in scopes if scope not in ("all", "match.1"))


@pytest.mark.parametrize(
    ("moment", "day", "week"),
    [
        ("2026-11-25T23:59:59.999", "2026-11-25", "2026-W48"),
        ("2026-11-26T00:00:00.000", "2026-11-26", "2026-W48"),
        ("2026-12-27T23:59:59.999", "2026-12-27", "2026-W52"),
        ("2026-12-28T00:00:00.000", "2026-12-28", "2026-W53"),
        ("2027-01-03T23:59:59.999", "2027-01-03", "2026-W53"),
        ("2027-01-04T00:00:00.000", "2027-01-04", "2027-W01"),
        ("2024-12-29T23:59:59.999", "2024-12-29", "2024-W52"),
        ("2024-12-30T00:00:00.000", "2024-12-30", "2025-W01"),
        ("2024-02-29T12:00:00.000", "2024-02-29", "2024-W09"),
    ],
)
def test_at_the_edges(moment: str, day: str, week: str) -> None:
    assert windows(ms(moment)) == (f"day.{day}", f"week.{week}")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_week_is_seven_days_from_a_monday(moment: datetime) -> None:
    monday = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) - timedelta(days=moment.weekday())
    week = {windows(int(monday.timestamp() * 1000) + day * DAY_MS)[1] for day in range(7)}
    assert len(week) == 1
    assert windows(int(monday.timestamp() * 1000) - 1)[1] not in week
    assert windows(int(monday.timestamp() * 1000) + 7 * DAY_MS)[1] not in week
    assert parse_board(f"kills.{week.pop()}") is not None


def test_what_is_too_old_or_not_yet_has_no_window() -> None:
    now_ms = ms("2026-12-31T12:00:00")
    assert windows(now_ms - 7 * DAY_MS, now_ms) == ()
    assert windows(now_ms - 7 * DAY_MS + 1, now_ms) == ("day.2026-12-24", "week.2026-W52")
    assert windows(now_ms + DAY_MS - 1, now_ms) == ("day.2027-01-01", "week.2026-W53")
    assert windows(now_ms + DAY_MS, now_ms) == ()
