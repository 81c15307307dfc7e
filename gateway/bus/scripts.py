"""Many calls of Lua scripts in one round trip, each answered for itself; a store that has forgotten a script is given it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import redis.asyncio as redis
from redis import exceptions

from gateway.bus.client import guarded, mapped
from gateway.bus.errors import BusError, Unavailable

CALLS_AT_ONCE = 200
"""Calls of one round trip."""


class Script:
    """A script by its digest, as EVALSHA takes it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """One call; all its keys are in one slot."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Any]


async def call_many(client: redis.Redis, calls: Sequence[Call]) -> list[Any]:
    """Each call's answer, or the BusError that it ended with.

    Raises:
        Unavailable: the store is away; nothing is known of which calls were carried out.
    """
    answers: list[Any] = []
    for start in range(0, len(calls), CALLS_AT_ONCE):
        answers += await _round(client, calls[start : start + CALLS_AT_ONCE])
    return answers


async def _round(client: redis.Redis, calls: Sequence[Call]) -> list[Any]:
    answers = await _ask(client, calls)
    missing = [i for i, answer in enumerate(answers) if isinstance(answer, exceptions.NoScriptError)]
    if missing:
        for text in {calls[i].script.text for i in missing}:
            await guarded(client.script_load(text))
        for i, answer in zip(missing, await _ask(client, [calls[i] for i in missing]), strict=True):
            answers[i] = answer
    return [_judged(answer) for answer in answers]


async def _ask(client: redis.Redis, calls: Sequence[Call]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for call in calls:
        pipeline.execute_command("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)
    return list(await guarded(pipeline.execute(raise_on_error=False)))


def _judged(answer: Any) -> Any:
    if not isinstance(answer, Exception):
        return answer
    error: BusError = mapped(answer)
    if isinstance(error, Unavailable):
        raise error
    return error
