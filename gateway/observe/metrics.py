"""Every metric of the gateway: all names are here. Counted in each process, summed over processes by the exposition.

The directory in $PROMETHEUS_MULTIPROC_DIR, set before the first import, makes a process's figures visible to the supervisor.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
LOOP_BUCKETS_S: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)

_pid = os.getpid()


def _forked() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_forked)
if values.ValueClass._multiprocess:
    # Asked for with every increment, by default of the kernel.
    values.ValueClass = values.MultiProcessValue(lambda: _pid)  # type: ignore[no-untyped-call]

# Viewers
CONNECTIONS = Gauge("grandstand_connections", "Connections now, by state", ["state"], multiprocess_mode="livesum")
BEHIND = Gauge("grandstand_behind_viewers", "Viewers whose socket is full", multiprocess_mode="livesum")
HANDSHAKES = Counter("grandstand_handshakes_total", "Viewers that were let in, by kind", ["kind"])
REFUSALS = Counter("grandstand_refusals_total", "Requests that were not served, by error code", ["code"])
CLOSED = Counter("grandstand_closed_total", "Connections that ended, by reason", ["reason"])
VIEWER_MESSAGES = Counter("grandstand_viewer_messages_total", "Messages of viewers")
BEATS = Counter("grandstand_beats_total", "Reports of viewers' pages", ["country", "browser"])
PAGE_FRAME = Histogram(
    "grandstand_page_frame_seconds",
    "Mean time between two frames of a viewer's page, by country and browser",
    ["country", "browser"],
    buckets=(0.007, 0.009, 0.012, 0.0168, 0.0182, 0.02, 0.025, 0.034, 0.05, 0.1, 0.5),
)
PAGE_DROPPED = Counter(
    "grandstand_page_dropped_frames_total", "Frames that viewers' pages missed", ["country", "browser"]
)
PAGE_MALFORMED = Counter(
    "grandstand_page_malformed_total", "Messages that viewers' clients could not read", ["country", "browser"]
)
PAGE_RESYNCS = Counter(
    "grandstand_page_resyncs_total",
    "Times that a version which did not fit made a viewer's client ask again",
    ["country", "browser"],
)
PAGE_FAILURES = Counter(
    "grandstand_page_failures_total", "Parts of viewers' pages that could not be shown", ["country", "browser"]
)
PAGE_TICK_TO_PIXEL = Histogram(
    "grandstand_page_tick_to_pixel_seconds",
    "From a message's arrival to the frame that shows it, by country and browser; a sample",
    ["country", "browser"],
    buckets=LAG_BUCKETS_S,
)
DROPPED_ERRORS = Counter("grandstand_dropped_errors_total", "Error messages that a full connection could not take")

# Events
EVENTS_IN = Counter("grandstand_events_total", "Events folded by owners")
MALFORMED = Counter("grandstand_entries_malformed_total", "Entries that were skipped, by reason", ["reason"])
GAPS = Counter("grandstand_gaps_total", "Times that entries were missing in a stream")
HISTORIES_LOST = Counter("grandstand_histories_started_over_total", "Channels read anew, by cause", ["why"])
INGESTED = Counter("grandstand_ingested_events_total", "Events taken over HTTP")
PUBLISH_TO_FLUSH = Histogram(
    "grandstand_publish_to_flush_seconds",
    "From a publisher's stamp (without its clock's offset) to the flush of the entry",
    buckets=LAG_BUCKETS_S,
)

# Out
FRAMES_OUT = Counter("grandstand_frames_out_total", "Frames sent whole")
BYTES_OUT = Counter("grandstand_bytes_out_total", "Bytes sent to viewers")
BYTES_IN = Counter("grandstand_bytes_in_total", "Bytes received from viewers")
DEFLATED_FRAMES = Counter(
    "grandstand_deflated_frames_total", "Frames that were compressed, each once for all its viewers"
)
DEFLATE_BYTES_IN = Counter("grandstand_deflate_bytes_in_total", "Bytes of the messages in those frames")
DEFLATE_BYTES_OUT = Counter("grandstand_deflate_bytes_out_total", "Bytes that they were compressed to")
DEFLATE_SECONDS = Counter("grandstand_deflate_seconds_total", "Time that compressing took")
INFLATE_BYTES_IN = Counter("grandstand_inflate_bytes_in_total", "Bytes of viewers' compressed messages")
INFLATE_BYTES_OUT = Counter("grandstand_inflate_bytes_out_total", "Bytes that those became")
INFLATE_FAILURES = Counter(
    "grandstand_inflate_failures_total", "Compressed messages of viewers that were malformed or beyond the limits"
)
CONFLATED = Counter("grandstand_conflated_total", "Catch-up messages to viewers that were behind")
SNAPSHOTS = Counter("grandstand_snapshots_total", "Snapshots sent, by reason", ["reason"])
REWINDS = Counter("grandstand_rewinds_total", "Rewinds that viewers have begun")
REWINDING = Gauge("grandstand_rewinding_viewers", "Viewers that see the past now", multiprocess_mode="livesum")
RESUMES = Counter("grandstand_resumes_total", "Viewers that went on from their version, by kind", ["kind"])

# Inside
CHANNELS = Gauge("grandstand_channels", "Channels served now, by role", ["role"], multiprocess_mode="livesum")
SIBLING_LINKS = Gauge("grandstand_sibling_links", "Links to sibling workers", multiprocess_mode="livesum")
RESYNCS = Counter("grandstand_sibling_resyncs_total", "Times that a follower asked its owner again")
STORE_RECONNECTS = Counter("grandstand_store_reconnects_total", "Times that the store's connection came back")
PARTITIONS = Gauge("grandstand_aggregate_partitions", "Partitions held by aggregators", multiprocess_mode="livesum")
HISTORY_SPLIT = Gauge(
    "grandstand_aggregate_history_split",
    "Aggregators that do nothing, because those that work on the store write another history",
    multiprocess_mode="livesum",
)
AGGREGATE_ENTRIES = Counter(
    "grandstand_aggregate_entries_total", "Entries given to what derives from streams", ["sink"]
)
AGGREGATE_BACKLOG = Gauge(
    "grandstand_aggregate_backlog", "Entries taken and not yet written", ["sink"], multiprocess_mode="livesum"
)
HISTORY_ENTRIES = Counter("grandstand_history_entries_total", "Entries stored in the history")
HISTORY_FORGOTTEN = Counter(
    "grandstand_history_forgotten_total", "Entries taken out of the history because the store has lost them"
)
HISTORY_REFUSED = Counter("grandstand_history_points_refused_total", "Points that the history cannot store")
HISTORY_FAILURES = Counter(
    "grandstand_history_failures_total", "Times that the history could not be written, by cause", ["why"]
)
HISTORY_WRITE = Histogram(
    "grandstand_history_write_seconds",
    "Time to store one batch",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
BOARDS_WRITTEN = Counter("grandstand_boards_written_total", "Writes of boards that had changed")
BOARDS_BROKEN = Gauge("grandstand_boards_broken", "Boards that cannot be written", multiprocess_mode="livesum")
BOARDS_SHOWN = Counter("grandstand_boards_shown_total", "Messages of boards published as channels")
BOARDS_INCOMPLETE = Gauge(
    "grandstand_boards_incomplete_channels",
    "Channels of which something is not counted, by reason",
    ["reason"],
    multiprocess_mode="livesum",
)
RECOUNTS = Counter("grandstand_board_recounts_total", "Streams whose points were counted anew")
DEAD_LETTERS = Counter("grandstand_dead_letters_total", "Entries that could not be counted, by reason", ["reason"])
LETTERS_DROPPED = Counter(
    "grandstand_dead_letters_dropped_total",
    "Dead letters that the store refused and of which there were too many to wait",
)
ENTRIES_TRIMMED = Counter("grandstand_entries_trimmed_total", "Entries taken out of streams of what is over")
STREAMS_DELETED = Counter(
    "grandstand_streams_deleted_total", "Streams of matches that were deleted long after their end"
)
KEYFRAMES = Counter("grandstand_keyframes_total", "Keyframes written")
LOOP_LAG = Histogram("grandstand_loop_lag_seconds", "How late a worker's loop ran a timer", buckets=LOOP_BUCKETS_S)
LOOP_HELD = Histogram(
    "grandstand_loop_held_seconds", "How late, as far as the loop's own work explains it", buckets=LOOP_BUCKETS_S
)
GC_PAUSE = Histogram("grandstand_gc_pause_seconds", "Garbage collections", ["generation"], buckets=LOOP_BUCKETS_S)
GC_FROZEN = Gauge(
    "grandstand_gc_frozen_objects",
    "Objects that collections passed over after the last full one",
    multiprocess_mode="livesum",
)
BUGS = Counter("grandstand_bugs_total", "Exceptions that nobody expected")


class Own:
    """A figure of the one process that makes the exposition (the supervisor), which counts before any directory is set."""

    def __init__(self, kind: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, meaning: str) -> None:
        self._kind = kind
        self.name = name
        self.meaning = meaning
        self.value = 0

    def inc(self, by: int = 1) -> None:
        """Counts."""
        self.value += by

    def set(self, value: int) -> None:
        """Takes a new value."""
        self.value = value

    def family(self) -> Metric:
        """The figure as it is exposed."""
        return self._kind(self.name, self.meaning, value=self.value)


WORKERS: Final = Own(GaugeMetricFamily, "grandstand_workers", "Workers that serve now")
WORKER_RESTARTS: Final = Own(
    CounterMetricFamily, "grandstand_worker_restarts_total", "Workers that died and were brought back"
)
OWN: Final = (WORKERS, WORKER_RESTARTS)


class _OwnFigures(Collector):
    def collect(self) -> Iterator[Metric]:
        for figure in OWN:
            yield figure.family()


_OF_TABLE: Final = {
    "frames_out": FRAMES_OUT,
    "bytes_out": BYTES_OUT,
    "bytes_in": BYTES_IN,
    "inflated_in": INFLATE_BYTES_IN,
    "inflated_out": INFLATE_BYTES_OUT,
    "inflate_failures": INFLATE_FAILURES,
}
_OF_DEFLATE: Final = {"frames": DEFLATED_FRAMES, "bytes_in": DEFLATE_BYTES_IN, "bytes_out": DEFLATE_BYTES_OUT}


def copy_table(stats: Mapping[str, int], last: Mapping[str, int], http_connections: int) -> None:
    """Copies the native table's figures: gauges as they are, counters by what they grew since `last`."""
    for state in ("head", "held", "ws", "sse", "closing", "lingering"):
        CONNECTIONS.labels(state).set(stats[state])
    CONNECTIONS.labels("http").set(http_connections)
    BEHIND.set(stats["behind"])
    for refused in ("refused_late", "refused_full"):
        REFUSALS.labels("unavailable").inc(stats[refused] - last.get(refused, 0))
    for name, counter in _OF_TABLE.items():
        counter.inc(stats[name] - last.get(name, 0))


def copy_deflate(stats: Mapping[str, int], last: Mapping[str, int]) -> None:
    """Copies the compressors' counters by what they grew since `last`."""
    for name, counter in _OF_DEFLATE.items():
        counter.inc(stats[name] - last.get(name, 0))
    DEFLATE_SECONDS.inc((stats["ns"] - last.get("ns", 0)) / 1e9)


class Figures:
    """All processes' figures at one moment."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._samples: dict[str, list[Sample]] = {}
        for family in families:
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append(sample)

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples that carry these labels."""
        return sum(
            sample.value
            for sample in self._samples.get(name, [])
            if all(sample.labels.get(label) == value for label, value in labels.items())
        )

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """The samples' sums by one label's values."""
        sums: dict[str, float] = {}
        for sample in self._samples.get(name, []):
            value = sample.labels.get(label, "")
            sums[value] = sums.get(value, 0.0) + sample.value
        return sums

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """A histogram's cumulative buckets by bound."""
        bounds: dict[float, float] = {}
        for sample in self._samples.get(f"{name}_bucket", []):
            if all(sample.labels.get(label) == value for label, value in labels.items()):
                bound = float(sample.labels["le"])
                bounds[bound] = bounds.get(bound, 0.0) + sample.value
        return bounds


class _Processes(Collector):
    """What every process has written; a file that one has only just created is empty and left out."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        files = [str(path) for path in Path(self._directory).glob("*.db") if path.stat().st_size > 0]
        yield from multiprocess.MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def _registry(directory: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Processes(directory))
    registry.register(_OwnFigures())
    return registry


def exposition(directory: str) -> bytes:
    """All processes' figures in the text format."""
    return generate_latest(_registry(directory))


def figures(directory: str) -> Figures:
    """All processes' figures, to look things up in."""
    return Figures(_registry(directory).collect())


def bury(pid: int, directory: str) -> None:
    """Takes a dead process's gauges out of the sums; what it counted stays."""
    multiprocess.mark_process_dead(pid, path=directory)  # type: ignore[no-untyped-call]
