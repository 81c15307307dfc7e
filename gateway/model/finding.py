"""How members are found by the beginning of a name's word or of their id: case and accents make no difference. Pure."""

from __future__ import annotations

import unicodedata

WORDS_MAX = 4
"""Words of a name that it is found by."""
SEPARATOR = "\0"


def folded(text: str) -> str:
    """Without case, accents, and spaces around: what is compared (Unicode Standard, section 5.18)."""
    if text.isascii():
        return " ".join(text.lower().split())
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join("".join(one for one in spread if not unicodedata.combining(one)).split())


def beginnings(member: str, name: str) -> list[str]:
    """What a member is found by: the id, the name, and the name from its second, third and fourth word on."""
    whole = folded(name)
    words = whole.split(" ") if whole else []
    found = [" ".join(words[first:]) for first in range(min(len(words), WORDS_MAX))]
    return list(dict.fromkeys([folded(member), *found]))


def is_found(wanted: str, member: str, name: str) -> bool:
    """Whether folded text begins one of them."""
    return any(one.startswith(wanted) for one in beginnings(member, name))


def elements(member: str, name: str) -> list[str]:
    """The member's places in an index that is ordered by bytes."""
    return [f"{one}{SEPARATOR}{member}" for one in beginnings(member, name)]


def member_found(element: str) -> str:
    """Whose place it is."""
    return element.rpartition(SEPARATOR)[2]
