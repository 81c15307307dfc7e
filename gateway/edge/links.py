"""The links of this worker to its siblings: one for each (worker, audience, purpose), opened when first needed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from gateway.edge.link import Link

Purpose = Literal["follow", "inquire"]
"""A connection watches a channel once: what follows it cannot also ask about older versions of it."""


def socket_path(runtime_dir: Path, index: int) -> Path:
    """Where worker `index` listens for its siblings."""
    return runtime_dir / f"worker-{index}.sock"


class Links:
    """Opens links and closes those that nobody uses any more."""

    def __init__(self, runtime_dir: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._runtime_dir = runtime_dir
        self._loop = loop
        self._links: dict[tuple[int, str, Purpose], Link] = {}

    def to(self, index: int, audience: str, purpose: Purpose = "follow") -> Link:
        """The link to worker `index` for `audience`."""
        key = (index, audience, purpose)
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = Link(index, audience, socket_path(self._runtime_dir, index), self._loop)
        return link

    def release(self, link: Link) -> None:
        """Closes the link if it is idle."""
        key = next((key for key, held in self._links.items() if held is link), None)
        if link.idle and key is not None:
            del self._links[key]
            link.close()

    def close(self) -> None:
        """Closes all links."""
        for link in self._links.values():
            link.close()
        self._links.clear()
