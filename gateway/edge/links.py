"""The links of this worker to its siblings: one for each (worker, audience), opened when first needed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.edge.link import Link


def socket_path(runtime_dir: Path, index: int) -> Path:
    """Where worker `index` listens for its siblings."""
    return runtime_dir / f"worker-{index}.sock"


class Links:
    """Opens links and closes those that nobody uses any more."""

    def __init__(self, runtime_dir: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._runtime_dir = runtime_dir
        self._loop = loop
        self._links: dict[tuple[int, str], Link] = {}

    def to(self, index: int, audience: str) -> Link:
        """The link to worker `index` for `audience`."""
        link = self._links.get((index, audience))
        if link is None:
            link = Link(index, audience, socket_path(self._runtime_dir, index), self._loop)
            self._links[(index, audience)] = link
        return link

    def release(self, link: Link) -> None:
        """Closes the link if it is idle."""
        if link.idle and self._links.get((link.index, link.audience)) is link:
            del self._links[(link.index, link.audience)]
            link.close()

    def close(self) -> None:
        """Closes all links."""
        for link in self._links.values():
            link.close()
        self._links.clear()
