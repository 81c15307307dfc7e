"""Settings from file, environment and flags, in rising order, checked as a whole before anything starts.

Nothing reads the environment after this. A wrong setting is one error that names it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from gateway.settings.checks import check_together
from gateway.settings.errors import SettingsError
from gateway.settings.tree import AudienceSettings, Section, Settings

PREFIX = "GRANDSTAND_"
FILE_VARIABLE = "GRANDSTAND_CONFIG"
NOT_SETTINGS = frozenset({FILE_VARIABLE, "GRANDSTAND_MATCHES", "GRANDSTAND_SANITIZE", "GRANDSTAND_SKIP_NATIVE"})
WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def keys() -> Iterator[tuple[str, Any]]:
    """Every setting's dotted name and its type, in the tree's order."""
    for section, kind in get_type_hints(Settings).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            for name, inner in get_type_hints(kind).items():
                yield f"{section}.{name}", inner
        else:
            yield section, kind


def load(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]
) -> tuple[Settings, dict[str, str]]:
    """The effective settings and where each of the given ones came from.

    Args:
        file: a TOML file; None takes the one that $GRANDSTAND_CONFIG names, if any.
        flags: dotted names with their text.

    Raises:
        SettingsError
    """
    known = dict(keys())
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    path = file if file is not None else Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None
    if path is not None:
        for key, value in _from_file(path):
            _check_known(key, known)
            values[key], origins[key] = value, f"file {path}"
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS:
            key = variable[len(PREFIX) :].lower().replace("__", ".")
            _check_known(key, known)
            values[key], origins[key] = _parse(key, text, known[key]), f"environment {variable}"
    for key, text in flags.items():
        _check_known(key, known)
        values[key], origins[key] = _parse(key, text, known[key]), "flag"
    settings = _build(values)
    check_together(settings)
    return settings, origins


def _from_file(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"is not TOML ({error})") from None
    for name, value in tree.items():
        if isinstance(value, dict) and name != "audiences":
            for inner, member in value.items():
                yield f"{name}.{inner}", member
        else:
            yield name, value


def _check_known(key: str, known: Mapping[str, Any]) -> None:
    if key not in known:
        close = difflib.get_close_matches(key, known, 1)
        raise SettingsError(key, "there is no such setting" + (f"; did you mean {close[0]}?" if close else ""))


def _parse(key: str, text: str, kind: Any) -> Any:
    """A value from text: JSON for lists and tables (a list may also be words between commas), else by its type."""
    bare = get_args(kind)[0] if get_origin(kind) is not None and hasattr(kind, "__metadata__") else kind
    origin = get_origin(bare)
    if origin is list and not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    if origin in (list, dict):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise SettingsError(key, "is not JSON") from None
    if bare is bool:
        if text.lower() not in WORDS:
            raise SettingsError(key, f"{text!r} is not true or false")
        return WORDS[text.lower()]
    if bare in (int, float):
        try:
            return bare(text)
        except ValueError:
            raise SettingsError(key, f"{text!r} is not a number") from None
    return text


def _build(values: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        section, dot, name = key.partition(".")
        if dot:
            tree.setdefault(section, {})[name] = value
        else:
            tree[section] = value
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        detail, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`").replace("[...]", "")
        raise SettingsError(key or "settings", detail[:1].lower() + detail[1:] + _choices(key)) from None
    audiences = {"public": AudienceSettings(), **settings.audiences}
    return msgspec.structs.replace(settings, audiences=audiences)


def _choices(key: str) -> str:
    """What may be chosen, where a setting is one of a few words."""
    bare = dict(keys()).get(key)
    return f"; one of {', '.join(get_args(bare))}" if get_origin(bare) is Literal else ""
