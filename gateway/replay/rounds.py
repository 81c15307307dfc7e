"""Plays matches round after round.

Owns the pauses between rounds; what a round does is the player's, which match it is and where is the caller's choice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.replay.player import Outcome, Played, Progress, Publishing, play
from gateway.replay.recording import Recording

# Long enough to read the final score before the list shows the next match in its place.
PAUSE_S = 8.0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round plays, into which channel, and from where at its speed."""

    channel: str
    recording: Recording
    begin_ms: int = 0


async def play_rounds(
    following: Callable[[int], Awaitable[Round]],
    publisher: Publishing,
    speed: Callable[[Recording], float],
    stop: asyncio.Event,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_played: Callable[[Round, Played], None] | None = None,
    on_round: Callable[[int, Round], None] | None = None,
    rounds: int | None = None,
    pause_s: float = PAUSE_S,
) -> Played | None:
    """Plays until `stop` is set, or for a number of rounds, and returns the last playing.

    Args:
        following: what the n-th round plays, from 0.
        on_round: told the round's number and the round when it begins.
    """
    played: Played | None = None
    number = 0
    while rounds is None or number < rounds:
        chosen = await following(number)
        if on_round is not None:
            on_round(number, chosen)
        recording = chosen.recording
        played = await play(
            recording, publisher, chosen.channel, speed(recording), on_progress, stop, start_ms=chosen.begin_ms
        )
        if on_played is not None:
            on_played(chosen, played)
        if played.outcome is Outcome.STOPPED:
            break
        number += 1
        if rounds is None or number < rounds:
            try:
                async with asyncio.timeout(pause_s):
                    await stop.wait()
            except TimeoutError:
                continue
            break
    return played
