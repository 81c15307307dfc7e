"""What a demonstration plays: recordings that are there, simulated matches otherwise, and from where in each.

Owns the choice of speeds and of the place where a first round begins; never plays anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.model.names import CHANNEL_MAX_ID_CHARS
from gateway.replay.finding import discover
from gateway.replay.recording import Recording
from gateway.replay.simulator import Simulation, simulate

SPEEDS: Mapping[str, float] = {"dota2": 4.0, "football": 4.0, "rocket-league": 1.0, "arena": 1.0}
"""Match seconds a second. Football and Dota have one event in two to four seconds: at four times their speed
something happens all the time. The other two have positions ten times a second and are shown as they were."""

HEADLINES = frozenset({"kill", "score", "objective"})
# A first round begins a little before the two minutes (of the spectator's time) with the most headlines.
WINDOW_S = 120.0
LEAD_IN_S = 5.0
SIMULATED_S = 600
SIMULATED_ALONE = 3
VARIABLE = "GRANDSTAND_MATCHES"
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Show:
    """One match of a demonstration after the other; `recording(round)` gives what the n-th round plays."""

    name: str
    recording: Callable[[int], Recording]
    simulated: bool = False


def speed_of(recording: Recording) -> float:
    """The speed at which a recording is worth watching."""
    return SPEEDS.get(recording.game, 1.0)


def interesting_start_ms(recording: Recording, speed: float) -> int:
    """The place in a recording from which the most happens soon, not in its last quarter."""
    times = [t_ms for t_ms, events in recording.events for event in events if event["op"] in HEADLINES]
    window_ms, lead_in_ms = round(WINDOW_S * 1000 * speed), round(LEAD_IN_S * 1000 * speed)
    best_ms = most = upper = 0
    for lower, t_ms in enumerate(times):
        if t_ms > recording.duration_ms * 3 // 4:
            break
        while upper < len(times) and times[upper] <= t_ms + window_ms:
            upper += 1
        if upper - lower > most:
            best_ms, most = t_ms, upper - lower
    return max(0, best_ms - lead_in_ms)


def matches_folder(environment: Mapping[str, str], installed: Path = PACKAGE) -> Path | None:
    """Where recorded matches are looked for: $GRANDSTAND_MATCHES, or `../shared/data` of the project's checkout.

    Args:
        installed: the package's folder.

    Returns:
        None where there is no checkout, as with an installed wheel.
    """
    named = environment.get(VARIABLE)
    if named:
        return Path(named)
    checkout = installed.parent
    return checkout.parent / "shared" / "data" if (checkout / "pyproject.toml").is_file() else None


def programme(folder: Path | None) -> list[Show]:
    """The matches of a folder and one simulated match; three simulated ones where the folder has none, or there is no folder."""
    shows = [Show(found.name, _always(found.open)) for found in discover(folder)] if folder is not None else []
    arenas = 1 if shows else SIMULATED_ALONE
    return shows + [Show(f"arena {number}", _arena(number, arenas), True) for number in range(1, arenas + 1)]


def channel_of(match_id: str) -> str:
    """The channel of a match: what a channel's name may not hold becomes a dash."""
    return "match:" + (re.sub(r"[^A-Za-z0-9._~-]", "-", match_id)[:CHANNEL_MAX_ID_CHARS] or "unnamed")


def _always(opener: Callable[[], Recording]) -> Callable[[int], Recording]:
    opened: list[Recording] = []

    def recording(_round: int) -> Recording:
        if not opened:
            opened.append(opener())
        return opened[0]

    return recording


def _arena(number: int, arenas: int) -> Callable[[int], Recording]:
    # Each round is another match, and none that another arena plays.
    return lambda round_number: simulate(Simulation(number + arenas * round_number, SIMULATED_S))
