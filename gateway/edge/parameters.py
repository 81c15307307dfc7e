"""Query parameters of the HTTP side: read with their bounds; a wrong one is a 422 problem that names its field."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from gateway.edge.failures import Unprocessable


def text(request: Request, name: str, max_chars: int = 256) -> str | None:
    """A parameter that is given at most once; None where it is not given.

    Raises:
        Unprocessable
    """
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Unprocessable(f"{name} is given more than once", name)
    if values and (len(values[0]) > max_chars or "\0" in values[0]):
        raise Unprocessable(f"{name} has at most {max_chars} characters, and no NUL", name)
    return values[0] if values else None


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds.

    Raises:
        Unprocessable
    """
    value = text(request, name, 20)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise Unprocessable(f"{name} is a whole number from {low} to {high}", name)
    return int(value)


def word(request: Request, name: str, words: Collection[str]) -> str | None:
    """One of some words.

    Raises:
        Unprocessable
    """
    value = text(request, name)
    if value is not None and value not in words:
        raise Unprocessable(f"{name} is one of {', '.join(sorted(words))}", name)
    return value


def names(request: Request, name: str, most: int, max_chars: int = 1024) -> list[str] | None:
    """Names with commas between them, each once, in the order given; None where the parameter is not given.

    Raises:
        Unprocessable: also where there is nothing before, between or after commas.
    """
    value = text(request, name, max_chars)
    if value is None:
        return None
    found = value.split(",")
    if not all(found) or len(found) > most:
        raise Unprocessable(f"{name} is 1 to {most} names with commas between them", name)
    return list(dict.fromkeys(found))
