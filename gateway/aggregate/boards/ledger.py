"""The boards' keys in the store, written: increments, corrections, and what is known of each stream. Thin: decides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.aggregate.boards.registry import Registry
from gateway.aggregate.boards.scripts import APPLY, BEGIN, REPLACE
from gateway.aggregate.boards.tally import Tally
from gateway.bus.client import guarded, make_client, mapped
from gateway.bus.errors import BusError
from gateway.bus.scripts import Call, Script, call_many
from gateway.model.boards import (
    FOUND_KEY,
    NAMES_KEY,
    RECOUNTS_KEY,
    RECOUNTS_LEFT_KEY,
    STAMP_CHARS,
    STATUS_KEY,
    board_marks_key,
    expires,
    fences_key,
    rank_key,
    score_key,
    stream_marks_key,
    tally_key,
)
from gateway.model.finding import elements

MEMBERS_OF_CALL = 2000
"""Increments of one call: a few milliseconds of the store's time."""
PARTS_OF_CALL = 20_000
"""Tallies looked at in one call of a correction: members times streams."""
PAIRS_OF_CALL = 1000
"""Watermarks read in one call."""
LEFT_KEPT_S = 3600
DONE = 1

_pack = msgspec.msgpack.Encoder().encode
_APPLY, _BEGIN, _REPLACE = Script(APPLY), Script(BEGIN), Script(REPLACE)


@dataclass(frozen=True, slots=True)
class Increment:
    """What one stream adds to one board.

    Args:
        expected: the watermark that it is added to; "" for none.
        after: the watermark then.
    """

    board: str
    channel: str
    expected: str
    after: str
    tally: Tally


class Overtaken(Exception):
    """Another process corrects the channel.

    Args:
        generation: the lease's generation that refused this one.
    """

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.generation = generation


class Ledger:
    """Writes boards.

    Args:
        kept_s: seconds after the last change after which boards of matches and windows are let go.

    Attributes:
        registry: which boards there are.
    """

    def __init__(self, url: str, kept_s: int) -> None:
        self._client = make_client(url)
        self._kept_s = kept_s
        self.registry = Registry(self._client)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    # -- streams -----------------------------------------------------------------------------------------------

    async def marks_of_stream(self, channel: str) -> dict[str, str]:
        """Watermark by board as last recorded; "" is up to where all boards have all, "!" what is wrong."""
        found: Any = await guarded(self._client.hgetall(stream_marks_key(channel)))
        return {key.decode(): value.decode() for key, value in found.items()}

    async def record(
        self, marks: Mapping[str, Mapping[str, str]], cleared: Iterable[tuple[str, str]] = ()
    ) -> dict[str, BusError]:
        """Remembers watermarks by channel and board; they are confirmed by now.

        Returns:
            The channels of which nothing can be remembered, and why.

        Raises:
            Unavailable
        """
        pipeline = self._client.pipeline(transaction=False)
        for channel, boards in marks.items():
            mapping: Any = dict(boards)
            pipeline.hset(stream_marks_key(channel), mapping=mapping)
        for channel, field in cleared:
            pipeline.hdel(stream_marks_key(channel), field)
        answers = await guarded(pipeline.execute(raise_on_error=False))
        refused: dict[str, BusError] = {}
        for channel, answer in zip(marks, answers, strict=False):
            if isinstance(answer, Exception):
                refused[channel] = mapped(answer)
                if refused[channel].temporary:
                    raise refused[channel]
        return refused

    # -- boards ------------------------------------------------------------------------------------------------

    async def apply(self, increments: Sequence[Increment]) -> dict[tuple[str, str], str | BusError]:
        """Adds; several streams' increments of a board go by one call.

        Returns:
            By board and channel: the watermark that is there now, or what is wrong with the board.

        Raises:
            Unavailable: some may have been added, which the watermarks tell next time.
        """
        groups: list[list[Increment]] = []
        by_board: dict[str, list[Increment]] = defaultdict(list)
        for one in increments:
            by_board[one.board].append(one)
        for several in by_board.values():
            members = MEMBERS_OF_CALL + 1
            for one in several:
                if members + len(one.tally) > MEMBERS_OF_CALL:
                    groups.append([])
                    members = 0
                groups[-1].append(one)
                members += len(one.tally)
        # A metric's boards share their tally, and its bytes.
        packs: dict[int, bytes] = {}
        for one in increments:
            if id(one.tally) not in packs:
                packs[id(one.tally)] = pack(one.tally)
        answers = await call_many(self._client, [self._call(group, packs) for group in groups])
        marks: dict[tuple[str, str], str | BusError] = {}
        for group, answer in zip(groups, answers, strict=True):
            for index, one in enumerate(group):
                if isinstance(answer, BusError):
                    marks[one.board, one.channel] = answer
                else:
                    said = answer[index]
                    marks[one.board, one.channel] = one.after if said == DONE else said.decode()
        return marks

    def _call(self, group: list[Increment], packs: Mapping[int, bytes]) -> Call:
        board = group[0].board
        keys = [rank_key(board), score_key(board), board_marks_key(board)]
        args: list[Any] = [self._ttl_s(board), tally_key(board, "")]
        for one in group:
            keys.append(tally_key(board, one.channel))
            args += [one.channel, one.expected, one.after, packs[id(one.tally)]]
        return Call(_APPLY, keys, args)

    def _ttl_s(self, board: str) -> int:
        return self._kept_s if expires(board) else 0

    async def board_marks(self, pairs: Sequence[tuple[str, str]]) -> list[str | BusError]:
        """The watermarks of channels on boards, as they are now; "" for none.

        Args:
            pairs: board and channel.
        """
        found: list[str | BusError] = []
        for start in range(0, len(pairs), PAIRS_OF_CALL):
            pipeline = self._client.pipeline(transaction=False)
            for board, channel in pairs[start : start + PAIRS_OF_CALL]:
                pipeline.hget(board_marks_key(board), channel)
            found += map(_mark, await guarded(pipeline.execute(raise_on_error=False)))
        return found

    async def replace(self, board: str, channel: str, tally: Tally, after: str, token: str, generation: int) -> None:
        """Replaces what a channel has added to a board, member by member, while the board stays up.

        Args:
            after: the watermark then.
            token: unique to this correction; nobody else adds for this channel until it is done.
            generation: of the lease under which it is done.

        Raises:
            Overtaken: under a newer lease another one has been done, or is under way.
            BusError: it is to be tried again.
        """
        marks_key, part_key = board_marks_key(board), tally_key(board, channel)
        keys = [rank_key(board), score_key(board), marks_key, part_key]
        seen = await self._one(Call(_BEGIN, [*keys, fences_key(board)], [channel, token, generation]))
        if seen:
            raise Overtaken(seen)
        stored: Any = await guarded(self._client.hgetall(part_key))
        old = {member.decode(errors="surrogateescape"): value.decode() for member, value in stored.items()}
        changes: list[tuple[str, object, object]] = [
            (member, points, reached_ms)
            for member, (points, reached_ms) in tally.items()
            if old.get(member) != f"{points} {reached_ms}"
        ]
        changes += [(member, "", "") for member in old if member not in tally]
        streams = int(await guarded(self._client.hlen(marks_key)))
        size = max(1, PARTS_OF_CALL // max(1, streams))
        chunks = [changes[start : start + size] for start in range(0, len(changes), size)] or [[]]
        ttl_s, prefix = self._ttl_s(board), tally_key(board, "")
        for index, chunk in enumerate(chunks):
            mark = after if index == len(chunks) - 1 else token
            args: list[Any] = [channel, token, mark, ttl_s, prefix]
            for change in chunk:
                args += change
            if await self._one(Call(_REPLACE, keys, args)) != DONE:
                raise Overtaken(generation)
        if ttl_s:
            await guarded(self._client.expire(fences_key(board), ttl_s))

    async def _one(self, call: Call) -> Any:
        answer = (await call_many(self._client, [call]))[0]
        if isinstance(answer, BusError):
            raise answer
        return answer

    async def usable(self, board: str) -> bool:
        """Whether the board's keys have the types that they should have.

        Raises:
            Unavailable
        """
        call = Call(_APPLY, [rank_key(board), score_key(board), board_marks_key(board)], [0, ""])
        return not isinstance((await call_many(self._client, [call]))[0], BusError)

    async def repair(self, board: str) -> None:
        """Makes every member's score anew from the tallies: one of the board's keys was gone or another's.

        Raises:
            BusError
        """
        marks: Any = await guarded(self._client.hkeys(board_marks_key(board)))
        known: Any = await guarded(self._client.hkeys(score_key(board)))
        members: dict[bytes, None] = dict.fromkeys(known)
        for channel in marks:
            known = await guarded(self._client.hkeys(tally_key(board, channel.decode())))
            members.update(dict.fromkeys(known))
        listed: Any = await guarded(self._client.zrange(rank_key(board), 0, -1))
        strangers = [one for one in listed if one[STAMP_CHARS:] not in members]
        if strangers:
            await guarded(self._client.zrem(rank_key(board), *strangers))
        names = list(members)
        size = max(1, PARTS_OF_CALL // max(1, len(marks)))
        keys = [rank_key(board), score_key(board), board_marks_key(board), tally_key(board, "")]
        for start in range(0, len(names), size):
            args: list[Any] = ["", "", "", self._ttl_s(board), tally_key(board, "")]
            for member in names[start : start + size]:
                args += [member, "=", ""]
            await self._one(Call(_REPLACE, keys, args))
        await self.registry.touch([board])

    async def requests(self) -> dict[str, str]:
        """Channels that are to be counted anew, each with the request's id."""
        found: Any = await guarded(self._client.hgetall(RECOUNTS_KEY))
        return {key.decode(): value.decode() for key, value in found.items()}

    async def served(self, channel: str, request: str, left: str) -> None:
        """The request has been carried out, unless another one has come.

        Args:
            left: why the channel was left as it is; empty: it was not.
        """
        if await guarded(self._client.hget(RECOUNTS_KEY, channel)) == request.encode():
            if left:
                await guarded(self._client.hset(RECOUNTS_LEFT_KEY, channel, left))
                await guarded(self._client.expire(RECOUNTS_LEFT_KEY, LEFT_KEPT_S))
            await guarded(self._client.hdel(RECOUNTS_KEY, channel))

    # -- what others read --------------------------------------------------------------------------------------

    async def name(self, names: Mapping[str, str]) -> None:
        """Members' names, and what they are found by; an empty name is not known, and changes no name that is."""
        mapping: Any = {member: name for member, name in names.items() if name}
        before: Any = await guarded(self._client.hmget(NAMES_KEY, list(mapping))) if mapping else []
        gone = [
            place
            for (member, name), old in zip(mapping.items(), before, strict=True)
            if old is not None and old.decode(errors="replace") != name
            for place in set(elements(member, old.decode(errors="replace"))) - set(elements(member, name))
        ]
        places = {place: 0 for member, name in names.items() for place in elements(member, name)}
        pipeline = self._client.pipeline(transaction=False)
        if gone:
            pipeline.zrem(FOUND_KEY, *gone)
        pipeline.zadd(FOUND_KEY, places)
        if mapping:
            pipeline.hset(NAMES_KEY, mapping=mapping)
        await guarded(pipeline.execute())

    async def tell(self, status: Mapping[int, bytes]) -> None:
        """How far the channels of these partitions are counted."""
        mapping: Any = {str(number): value for number, value in status.items()}
        await guarded(self._client.hset(STATUS_KEY, mapping=mapping))


def pack(tally: Tally) -> bytes:
    """Members, points and stamps as APPLY takes them: three lists in MessagePack."""
    return _pack((list(tally), [score[0] for score in tally.values()], [score[1] for score in tally.values()]))


def _mark(answer: Any) -> str | BusError:
    if isinstance(answer, Exception):
        return mapped(answer)
    return answer.decode() if answer is not None else ""
