"""What `grandstand watch` draws: connection, score, figures and feed of one channel. Draws what a viewer holds, asks nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.client import Connection, Update, Viewer
from gateway.model.messages import Delta, Snapshot

FEED_LINES = 12
PLAYER_LINES = 12
RATE_WINDOW_S = 5.0
FIGURES = ("kills", "deaths", "assists", "goals", "score")
CONNECTION_STYLES = {
    Connection.OPEN: "green",
    Connection.CONNECTING: "yellow",
    Connection.WAITING: "red",
    Connection.CLOSED: "dim",
}


class WatchView:
    """Draws a viewer.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, viewer: Viewer, url: str, clock: Callable[[], float]) -> None:
        self._viewer = viewer
        self._url = url
        self._clock = clock
        self._arrivals: deque[float] = deque(maxlen=1000)
        self._retry_at_s = 0.0
        self._detail = ""
        self._last = ""

    def note(self, update: Update) -> None:
        """Takes an update."""
        now_s = self._clock()
        if update.connection is Connection.WAITING:
            self._retry_at_s, self._detail = now_s + update.retry_ms / 1000, update.detail
        if isinstance(update.message, Delta):
            self._arrivals.append(now_s)
            skipped = f", {update.message.skipped} events skipped" if update.message.skipped else ""
            self._last = f"delta from {update.message.from_}{skipped}"
        elif isinstance(update.message, Snapshot):
            self._last = "snapshot"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._heading()
        yield Panel(self._score(), title=Text(_shown(self._viewer.doc.get("title", self._viewer.channel))))
        players = self._players()
        if players is not None:
            yield players
        yield self._feed()

    def _heading(self) -> Text:
        viewer, state, counts = self._viewer, self._viewer.state, self._viewer.counts
        word = viewer.connection.value
        if viewer.connection is Connection.WAITING:
            word = f"again in {max(0.0, self._retry_at_s - self._clock()):.1f} s ({self._detail})"
        text = Text.assemble(
            (f"{viewer.channel} ", "bold"),
            (word, CONNECTION_STYLES[viewer.connection]),
            f"  {self._url}\n",
            ("version ", "dim"),
            viewer.version or "none",
            ("  status ", "dim"),
            _shown(state.status),
            ("  behind ", "dim"),
            f"{state.behind_ms} ms",
            ("  messages/s ", "dim"),
            f"{self._rate():.1f}",
            ("\nsnapshots ", "dim"),
            str(counts.snapshots),
            ("  deltas ", "dim"),
            str(counts.deltas),
            ("  resumed ", "dim"),
            str(counts.resumed),
            ("  resyncs ", "dim"),
            str(counts.resyncs),
            ("  lost ", "dim"),
            str(counts.losses),
            ("  last ", "dim"),
            self._last,
        )
        return text

    def _rate(self) -> float:
        oldest_s = self._clock() - RATE_WINDOW_S
        return sum(1 for at_s in self._arrivals if at_s >= oldest_s) / RATE_WINDOW_S

    def _score(self) -> Text:
        doc = self._viewer.doc
        rows = _rows(doc.get("teams"))
        rows.sort(key=lambda row: (_number(row[1].get("order")), row[0]))
        score = "   ".join(f"{_shown(team.get('name', key))}  {_shown(team.get('score', 0))}" for key, team in rows)
        clock = doc.get("clock")
        shown = ""
        if isinstance(clock, dict):
            t_ms = int(_number(clock.get("t_ms")))
            shown = f"{t_ms // 60_000}:{t_ms // 1000 % 60:02}{'' if clock.get('running') else ' (stopped)'}"
            shown += f"  {_shown(clock['period'])}" if clock.get("period") else ""
        if not score:
            names = ", ".join(sorted(_shown(key) for key in doc))
            score = f"members: {names}" if names else "nothing yet"
        return Text.assemble((score, "bold"), f"\n{shown}  {_shown(doc.get('status', ''))}")

    def _players(self) -> Table | None:
        rows = _rows(self._viewer.doc.get("players"))
        if not rows:
            return None
        figures = [name for name in FIGURES if any(name in player for _, player in rows)]
        table = Table(expand=True)
        for heading in ("player", "team", *figures):
            table.add_column(heading, justify="right" if heading in figures else "left")
        rows.sort(key=lambda row: [-_number(row[1].get(name)) for name in figures[:1]])
        for key, player in rows[:PLAYER_LINES]:
            cells = [_shown(player.get("name", key)), _shown(player.get("team", ""))]
            table.add_row(*(Text(cell) for cell in [*cells, *(_shown(player.get(name, "")) for name in figures)]))
        return table

    def _feed(self) -> Panel:
        lines = Text()
        for event in list(self._viewer.state.feed)[-FEED_LINES:]:
            fields = ", ".join(f"{_shown(name)} {_shown(value)}" for name, value in event.items() if name != "op")
            lines.append(_shown(event.get("op", "event")), style="cyan")
            lines.append(f"  {fields}\n")
        return Panel(lines, title="feed", height=FEED_LINES + 2)


def _rows(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a table of the document; nothing where it is none."""
    if not isinstance(value, dict):
        return []
    return [(key, row) for key, row in value.items() if isinstance(row, dict)]


def _shown(value: Any) -> str:
    """A publisher's text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "·" for letter in str(value))


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0
