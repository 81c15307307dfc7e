"""From a name on the command line, or a folder of matches, to recordings.

Owns which file is of which kind; never reads more of a file than it needs to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.replay.lines import read_document, read_rows
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.sources.dota2 import open_dota2
from gateway.replay.sources.football import open_football
from gateway.replay.sources.grandstand import is_recording, open_grandstand
from gateway.replay.sources.rocket_league import open_rocket_league

OPENDOTA_PREFIX = "opendota:"
_EVENT_NAMES = ("events.ndjson.gz", "events.ndjson")
_POSITION_NAMES = ("positions_10hz.ndjson.gz", "positions_10hz.ndjson")
_RECORDING_ENDINGS = (".ndjson", ".ndjson.gz")
_OPENDOTA_ENDINGS = (".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that is there to be opened."""

    name: str
    path: Path
    open: Callable[[], Recording]


def open_recording(name: str) -> Recording:
    """The recording of a name: a file, a folder of a match, or `opendota:MATCH_ID`."""
    if name.startswith(OPENDOTA_PREFIX):
        # It brings an HTTP client, which nothing else here needs.
        from gateway.replay.sources.opendota import fetch_opendota

        return fetch_opendota(name.removeprefix(OPENDOTA_PREFIX))
    path = Path(name)
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise RecordingError(name, "no such file or folder")
    if path.name.endswith(_OPENDOTA_ENDINGS):
        from gateway.replay.sources.opendota import open_opendota

        return open_opendota(path)
    _, first = next(read_rows(path), (0, {}))
    return open_grandstand(path) if is_recording(first) or not _sheet_of(path).is_file() else _open_game(path)


def discover(folder: Path) -> list[Found]:
    """What a folder holds that can be played: match folders (one level down) and Grandstand recordings, by name."""
    found: list[Found] = []
    if not folder.is_dir():
        return found
    for path in sorted(folder.iterdir()):
        if path.is_dir() and _events_of(path) is not None:
            found.append(Found(path.name, path, _opener(path)))
        elif path.is_file() and path.name.endswith(_RECORDING_ENDINGS):
            found.append(Found(path.name.split(".ndjson")[0], path, _opener(path)))
    return found


def _opener(path: Path) -> Callable[[], Recording]:
    return lambda: open_recording(str(path))


def _events_of(folder: Path) -> Path | None:
    return next((folder / name for name in _EVENT_NAMES if (folder / name).is_file()), None)


def _sheet_of(events: Path) -> Path:
    return events.with_name("meta.json")


def _open_folder(folder: Path) -> Recording:
    events = _events_of(folder)
    if events is None:
        raise RecordingError(str(folder), "no events.ndjson or events.ndjson.gz in this folder")
    return _open_game(events)


def _open_game(events: Path) -> Recording:
    meta = _sheet_of(events)
    game = str(read_document(meta).get("game", "")).lower()
    if game == "dota 2":
        return open_dota2(events, meta)
    if game == "rocket league":
        names = (events.with_name(name) for name in _POSITION_NAMES)
        return open_rocket_league(events, meta, next((path for path in names if path.is_file()), None))
    if game == "football":
        return open_football(events, meta)
    raise RecordingError(str(meta), f"unknown game {game!r}")
