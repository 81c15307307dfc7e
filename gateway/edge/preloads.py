"""What a browser is told to fetch with a page's document: the files of the address's own part, which it would else learn of only
from the first script.

Pure: of the build's manifest (Vite's) and the names of the files that are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

ENTRY: Final = "index.html"
"""What the document itself names, in the manifest."""

PARTS: Final = {
    "match": "src/match/MatchPage.tsx",
    "boards": "src/board/BoardsPage.tsx",
    "board": "src/board/BoardPage.tsx",
    "player": "src/player/PlayerPage.tsx",
    "operator": "src/operator/OperatorPage.tsx",
}
"""By the first step of an address: the source of the part that the page's own router loads for it. The list of matches is in the
first file."""


class Chunk(msgspec.Struct, rename="camel"):
    """A file of the build, as far as it says what goes with it."""

    file: str
    imports: list[str] = []
    css: list[str] = []


def read_manifest(text: bytes) -> dict[str, Chunk]:
    """The build's chunks by their sources.

    Raises:
        msgspec.MsgspecError: it is no such manifest.
    """
    return msgspec.json.decode(text, type=dict[str, Chunk])


def preload_headers(chunks: Mapping[str, Chunk], there: Collection[str]) -> dict[str, str]:
    """The value of the header `Link` (RFC 8288) by an address's first step; none where the document names all there is.

    Args:
        there: names of the files that are served; others are not told of.
    """
    known = set(_files(chunks, ENTRY))
    headers = {}
    for step, source in PARTS.items():
        links = [_link(file) for file in _files(chunks, source) if file in there and file not in known]
        if links:
            headers[step] = ", ".join(links)
    return headers


def _files(chunks: Mapping[str, Chunk], source: str) -> Iterator[str]:
    """A chunk's file, its styles, and those of all that it cannot do without."""
    waiting, seen = [source], {source}
    while waiting:
        chunk = chunks.get(waiting.pop(0))
        if chunk is None:
            continue
        yield from [chunk.file, *chunk.css]
        waiting += [name for name in chunk.imports if name not in seen]
        seen.update(chunk.imports)


def _link(file: str) -> str:
    # As the scripts of the build ask for them: a style that is fetched otherwise would be fetched twice.
    relation = "preload; as=style; crossorigin" if file.endswith(".css") else "modulepreload"
    return f"</{file}>; rel={relation}"
