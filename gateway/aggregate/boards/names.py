"""Names of members, from the documents of the matches in which they made points."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.tally import Counted
from gateway.bus.errors import BusError
from gateway.model.channel import Channel
from gateway.observe.log import logger

KNOWN_MAX = 200_000
NAME_MAX_CHARS = 128


class Names:
    """Tells the store of names that are new."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, str] = {}
        self._fresh: dict[str, str] = {}

    def learn(self, channel: Channel | None, counted: Iterable[Counted]) -> None:
        """Looks for the names of members that have just been counted in their match's document."""
        players = channel.doc.get("players") if channel is not None else None
        if not isinstance(players, dict):
            return
        for member in {member for one in counted for tally in one.groups.values() for member in tally}:
            row = players.get(member)
            name = row.get("name") if isinstance(row, dict) else None
            if isinstance(name, str) and 0 < len(name) <= NAME_MAX_CHARS and self._known.get(member) != name:
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[member] = self._fresh[member] = name

    async def tell(self) -> None:
        """Writes what is new.

        Raises:
            Unavailable: it is lost until the name is seen again.
        """
        if self._fresh:
            names, self._fresh = self._fresh, {}
            try:
                await self._ledger.name(names)
            except BusError as error:
                if error.temporary:
                    raise
                logger.warning("names_not_told", detail=str(error))
