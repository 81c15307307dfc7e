"""`python -m gateway.model.generate`: the TypeScript types and the JSON Schema of every message, made from the structs."""

from __future__ import annotations

import inspect
import json
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as mi

from gateway.model import messages
from gateway.model.names import LOBBY

ROOT = Path(__file__).resolve().parent.parent.parent
TYPESCRIPT = ROOT / "dashboard" / "client" / "src" / "messages.ts"
SCHEMA = ROOT / "docs" / "protocol.schema.json"

HEAD = """// Made by `python -m gateway.model.generate` from gateway/model/messages.py; not written by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
"""


def typescript() -> str:
    """The types of all messages."""
    parts = [HEAD]
    codes = [code.value for code in messages.ErrorCode]
    parts.append(f"export type ErrorCode = {_union(codes)};\n")
    parts.append(f"export const ERROR_CODES: readonly ErrorCode[] = {json.dumps(codes)};\n")
    fatal = {code.value: close for code, close in messages.FATAL.items()}
    parts.append(f"export const FATAL: Partial<Record<ErrorCode, number>> = {json.dumps(fatal)};\n")
    parts.append(f"export const JSON_SUBPROTOCOL = {json.dumps(messages.JSON_SUBPROTOCOL)};\n")
    parts.append(f"export const MSGPACK_SUBPROTOCOL = {json.dumps(messages.MSGPACK_SUBPROTOCOL)};\n")
    parts.append(f"export const LOBBY = {json.dumps(LOBBY)};\n")
    parts.append(f"export const DOCUMENT_DEPTH_MAX = {messages.DOCUMENT_DEPTH_MAX};\n")
    version = mi.type_info(messages.Version)
    assert isinstance(version, mi.StrType)
    parts.append(f"export const VERSION = /{version.pattern}/;\n")
    for struct in (*messages.SERVER_MESSAGES, *messages.VIEWER_MESSAGES):
        parts.append(_interface(struct))
    parts.append(_forms())
    parts.append(f"export type ServerMessage = {' | '.join(s.__name__ for s in messages.SERVER_MESSAGES)};\n")
    parts.append(f"export type ViewerMessage = {' | '.join(s.__name__ for s in messages.VIEWER_MESSAGES)};\n")
    return "\n".join(parts)


def _interface(struct: type[msgspec.Struct]) -> str:
    info = mi.type_info(struct)
    assert isinstance(info, mi.StructType)
    lines = [f"/** {inspect.getdoc(struct)} */", f"export interface {struct.__name__} {{"]
    lines.append(f"  {info.tag_field}: {json.dumps(info.tag)};")
    for field in info.fields:
        optional = "" if field.required else "?"
        lines.append(f"  {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}"]) + "\n"


def _type(kind: mi.Type) -> str:
    match kind:
        case mi.StrType():
            return "string"
        case mi.IntType() | mi.FloatType():
            return "number"
        case mi.BoolType():
            return "boolean"
        case mi.NoneType():
            return "null"
        case mi.LiteralType():
            return _union([str(value) for value in kind.values])
        case mi.EnumType():
            return kind.cls.__name__
        case mi.DictType():
            return "JsonObject"
        case mi.ListType():
            return f"{_type(kind.item_type)}[]"
        case mi.TupleType():
            return f"[{', '.join(_type(item) for item in kind.item_types)}]"
        case mi.UnionType():
            return " | ".join(_type(item) for item in kind.types)
    raise TypeError(f"no TypeScript for {kind!r}")


def _forms() -> str:
    """What a client holds the server's messages against, small enough to be sent to every page."""
    lines = [
        "/**",
        " * What each field of a server's message must be: `t` text, `v` a version, `n` a whole number, `o` an object,",
        " * `e` an error's code; `*` a list of them, twice or more a list of so many; `?` it may be left out, `0` it may be null.",
        " */",
        "export const FORMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {",
    ]
    for struct in messages.SERVER_MESSAGES:
        info = mi.type_info(struct)
        assert isinstance(info, mi.StructType)
        fields = [
            f"{field.encode_name}: {json.dumps(_form(field.type) + ('' if field.required else '?'))}"
            for field in info.fields
        ]
        lines.append(f"  {info.tag}: {{ {', '.join(fields)} }},")
    return "\n".join([*lines, "};"]) + "\n"


def _form(kind: mi.Type) -> str:
    match kind:
        case mi.StrType():
            return "t" if kind.pattern is None else "v"
        case mi.IntType():
            return "n"
        case mi.EnumType() if kind.cls is messages.ErrorCode:
            return "e"
        case mi.DictType():
            return "o"
        case mi.ListType():
            return f"{_form(kind.item_type)}*"
        case mi.TupleType():
            return "".join(_form(item) for item in kind.item_types)
        case mi.UnionType(types=(one, mi.NoneType())):
            return f"{_form(one)}0"
    raise TypeError(f"no form for {kind!r}")


def _union(values: list[str]) -> str:
    return " | ".join(json.dumps(value) for value in values)


def schema() -> str:
    """The JSON Schema of all messages."""
    _, components = msgspec.json.schema_components(
        [messages.ServerMessage, messages.ViewerMessage], ref_template="#/$defs/{name}"
    )
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Grandstand protocol, version 1",
        "$comment": "Made by python -m gateway.model.generate",
        "oneOf": [
            {"$ref": f"#/$defs/{struct.__name__}"} for struct in (*messages.SERVER_MESSAGES, *messages.VIEWER_MESSAGES)
        ],
        "$defs": components,
    }
    return json.dumps(document, indent=2, default=_plain) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    TYPESCRIPT.parent.mkdir(parents=True, exist_ok=True)
    TYPESCRIPT.write_text(typescript())
    SCHEMA.write_text(schema())
