"""Plays matches round after round on one channel, each round an epoch of its own.

Owns the pauses between rounds; what a round does is the player's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.replay.player import Outcome, Played, Progress, Publishing, play
from gateway.replay.recording import Recording

# Long enough to read the final score before the next round's first snapshot replaces it.
PAUSE_S = 8.0


async def play_rounds(
    recording: Callable[[int], Recording],
    publisher: Publishing,
    channel: str,
    speed: Callable[[Recording], float],
    stop: asyncio.Event,
    *,
    start_ms: Callable[[Recording], int] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_played: Callable[[Played], None] | None = None,
    on_round: Callable[[int, Recording, int], None] | None = None,
    rounds: int | None = None,
    pause_s: float = PAUSE_S,
) -> Played | None:
    """Plays until `stop` is set, or for a number of rounds, and returns the last playing.

    Args:
        recording: what the n-th round plays, from 0; called in a thread, as it may read a file.
        start_ms: where the first round begins to be played at its speed (in a thread, too); later rounds begin at
            the beginning.
        on_round: told the round's number, what it plays and where it begins.
    """
    played: Played | None = None
    number = 0
    while rounds is None or number < rounds:
        chosen = await asyncio.to_thread(recording, number)
        begin_ms = await asyncio.to_thread(start_ms, chosen) if start_ms is not None and number == 0 else 0
        if on_round is not None:
            on_round(number, chosen, begin_ms)
        played = await play(chosen, publisher, channel, speed(chosen), on_progress, stop, start_ms=begin_ms)
        if on_played is not None:
            on_played(played)
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
