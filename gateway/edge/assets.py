"""Built files as they are served: all of them in memory, each in the codings that the build made, with their caching.

Pure but for reading the directory once; knows nothing of what the files are for.
"""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

CODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings with the suffix that the build gives them, the one preferred first."""
IDENTITY = "identity"
LOOKS = 20
LOOK_AGAIN_S = 0.05
HASHED = "assets/"
"""Below it, a file's name changes with its content."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Representation:
    """A file in one coding."""

    body: bytes
    coding: str
    etag: str


@dataclass(frozen=True, slots=True)
class Asset:
    """A file.

    Attributes:
        name: its path below the directory, with `/`.
        representations: by coding; `identity` is always there.
    """

    name: str
    media_type: str
    representations: Mapping[str, Representation]

    @property
    def immutable(self) -> bool:
        """Whether what its name stands for never changes."""
        return self.name.startswith(HASHED)

    def choose(self, accept_encoding: str | None) -> Representation:
        """The representation for a request's Accept-Encoding."""
        return self.representations[choose_coding(accept_encoding, self.representations)]


def choose_coding(accept_encoding: str | None, available: Iterable[str]) -> str:
    """The coding to answer with (RFC 9110 section 12.5.3): of those with the highest weight, the preferred one.

    Where nothing that the peer takes is there, the file goes as it is, which the section allows.
    """
    if not accept_encoding:
        return IDENTITY
    weights: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in element.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value.strip())
        if coding:
            weights["gzip" if coding == "x-gzip" else coding] = weight
    anything = weights.get("*", 0.0)
    there = set(available)
    best, chosen = weights.get(IDENTITY, anything) if IDENTITY in weights or "*" in weights else 0.0, IDENTITY
    for coding in reversed(CODINGS):
        weight = weights.get(coding, anything)
        if coding in there and weight > 0 and weight >= best:
            best, chosen = weight, coding
    return chosen


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def read_assets(directory: Path) -> dict[str, Asset]:
    """Every file below the directory by its name; none if there is no such directory.

    Another directory may be put in its place at any time (`dashboard/scripts/place.mjs`): what is read is all of one of them.

    Raises:
        OSError: it cannot be read, or is replaced again and again.
    """
    for _ in range(LOOKS):
        before = _identity(directory)
        if before is None:
            # None for good, or none for the moment in which one takes the other's place?
            time.sleep(LOOK_AGAIN_S)
            if _identity(directory) is None:
                return {}
            continue
        with suppress(FileNotFoundError):
            assets = _read(directory)
            if _identity(directory) == before:
                return assets
    raise OSError(f"{directory} changes while it is read")


def _identity(directory: Path) -> tuple[int, int, int] | None:
    try:
        found = directory.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _read(directory: Path) -> dict[str, Asset]:
    assets: dict[str, Asset] = {}
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.suffix in CODINGS.values():
            continue
        bodies = {IDENTITY: path.read_bytes()}
        for coding, suffix in CODINGS.items():
            coded = path.with_name(path.name + suffix)
            if coded.is_file():
                bodies[coding] = coded.read_bytes()
        name = path.relative_to(directory).as_posix()
        digest = blake2b(bodies[IDENTITY], digest_size=12).hexdigest()
        assets[name] = Asset(
            name,
            TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            {coding: Representation(body, coding, _etag(digest, coding)) for coding, body in bodies.items()},
        )
    return assets


def _etag(digest: str, coding: str) -> str:
    return f'"{digest}"' if coding == IDENTITY else f'"{digest}-{coding}"'
