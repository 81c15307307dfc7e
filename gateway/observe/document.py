"""`python -m gateway.observe.document`: writes docs/metrics.md from the metrics themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from gateway.observe import metrics

TARGET = Path(__file__).resolve().parent.parent.parent / "docs" / "metrics.md"

HEAD = """# Metrics

`GET /metrics` on the admin port, in Prometheus's text format, summed over all workers; a dead worker's gauges leave the sums, what
it counted stays. This page is made by `python -m gateway.observe.document` (`make generate`).

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def rows() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, kind, labels and meaning of every metric, in the module's order."""
    for member in vars(metrics).values():
        if isinstance(member, Counter | Gauge | Histogram):
            kind = type(member).__name__.lower()
            name = member._name + ("_total" if kind == "counter" else "")
            yield name, kind, tuple(member._labelnames), member._documentation
        elif isinstance(member, metrics.Own):
            yield member.name, "counter" if member.name.endswith("_total") else "gauge", (), member.meaning


def page() -> str:
    """The page's text."""
    lines = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"
        for name, kind, labels, meaning in rows()
    ]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page())
