"""The ids of a recording's players: theirs over all matches of their game, so that boards add up what is one person's.

Owns how an id is made of what a source says of a player; never reads a file.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def member_ids(game: str, match_id: str, known_as: Mapping[str, str | None]) -> dict[str, str]:
    """The member of each key that a source's rows name a player by.

    Args:
        known_as: what the player is known as in all matches of the game; None where nobody knows. Who is not known, or
            by a name that another one of the match has too, is somebody of this match only.
    """
    names = {key: _plain(name) if name else "" for key, name in known_as.items()}
    times = Counter(names.values())
    return {key: f"{game}-{name}" if name and times[name] == 1 else f"{match_id}-{key}" for key, name in names.items()}


def _plain(name: str) -> str:
    """Lower case, without accents, a dash for what is no letter or digit."""
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return _BETWEEN_WORDS.sub("-", "".join(letters).casefold()).strip("-")
