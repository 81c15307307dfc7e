"""Plots of the latest results as SVG, made from the same figures as the tables; by `python -m loadtest.report`.

Plain shapes and text in a colour that is readable on light and dark; no library, so that the same figures give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 720
ROW = 30
LABEL = 250
INK = "#7d8590"
OURS = "#2f81f7"
OTHERS = "#9aa4b2"
FLOOR = "#d29922"

Result = dict[str, Any]
Bar = tuple[str, float, str]


def bars(title: str, unit: str, rows: list[Bar]) -> str:
    """Horizontal bars: (name, value, colour)."""
    most = max((value for _, value, _ in rows), default=1.0) or 1.0
    parts = [_text(0, 18, title, 15)]
    for number, (name, value, colour) in enumerate(rows):
        y = 34 + number * ROW
        length = max(1.0, value / most * (WIDTH - LABEL - 110))
        parts.append(_text(0, y + 15, name, 13))
        parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="20" rx="3" fill="{colour}"/>')
        parts.append(_text(LABEL + length + 8, y + 15, f"{value:,.4g} {unit}", 13))
    return _picture(parts, 44 + len(rows) * ROW)


def line(title: str, unit: str, points: list[tuple[float, float]]) -> str:
    """One line over the horizontal axis; the vertical one begins at zero."""
    height, left, bottom = 220, 70, 190
    last = max((x for x, _ in points), default=1.0) or 1.0
    most = (max((y for _, y in points), default=1.0) or 1.0) * 1.15
    path = " ".join(
        f"{left + x / last * (WIDTH - left - 20):.1f},{bottom - y / most * (bottom - 40):.1f}" for x, y in points
    )
    return _picture(
        [
            _text(0, 18, title, 15),
            f'<path d="M{left} 40V{bottom}H{WIDTH - 20}" fill="none" stroke="{INK}"/>',
            f'<polyline points="{path}" fill="none" stroke="{OURS}" stroke-width="2"/>',
            _text(0, bottom, f"0 {unit}", 12),
            _text(0, 48, f"{most:,.0f} {unit}", 12),
            _text(left, bottom + 20, "0", 12),
            _text(WIDTH - 110, bottom + 20, f"{last:,.0f}", 12),
        ],
        height,
    )


def _text(x: float, y: float, words: str, size: int) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{INK}">{escape(words)}</text>'


def _picture(parts: list[str], height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif">'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _fanout(result: Result) -> str:
    rows: list[Bar] = []
    names = (
        ("floor", "C loop", FLOOR),
        ("fanout", "Grandstand", OURS),
        ("picows", "picows", OTHERS),
        ("ws", "npm ws", OTHERS),
        ("websockets", "PyPI websockets", OTHERS),
    )
    for size in result["sizes"]:
        rows += [
            (f"{size['viewers']:,} viewers, {name}", size[way]["cpu_us_per_frame"], colour)
            for way, name, colour in names
            if way in size
        ]
    return bars("CPU for each delivered frame", "µs", rows)


def _openings(result: Result) -> str:
    names = (
        ("floor", "C loop", FLOOR),
        ("open", "Grandstand, no token", OURS),
        ("token", "Grandstand, token checked", OURS),
        ("ws", "npm ws", OTHERS),
        ("picows", "picows", OTHERS),
        ("websockets", "PyPI websockets", OTHERS),
    )
    return bars("CPU for each opening", "µs", [(name, result["servers"][way]["cpu_us"], c) for way, name, c in names])


def _churn(result: Result) -> str:
    points = [(sample["connections"], sample["bytes"] / 2**20) for sample in result["samples"]]
    return line("Private memory of the worker over connections that came and went", "MB", points)


PLOTS: dict[str, Callable[[Result], str]] = {"fanout": _fanout, "openings": _openings, "churn": _churn}


def draw(latest: dict[str, Result]) -> dict[Path, str]:
    """Every picture by its file."""
    return {DIRECTORY / f"performance-{name}.svg": plot(latest[name]) for name, plot in PLOTS.items() if name in latest}
