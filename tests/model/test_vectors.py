"""Golden vectors: the same cases for the server, the Python client and the TypeScript client; and what is generated is new."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.model import generate, messages, status_header
from gateway.model.errors import BadMessage, BadVersion
from gateway.model.patch import apply, compose
from gateway.model.version import Version
from gateway.model.viewer import Heard, Malformed, ViewerState

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    assert found
    return found


@pytest.mark.parametrize("case", load("patch"), ids=lambda case: case["name"])
def test_patch(case: dict[str, Any]) -> None:
    document = case["document"]
    for patch in case["patches"]:
        document = apply(document, patch)
    assert document == case["result"]
    whole = case["patches"][0]
    for patch in case["patches"][1:]:
        whole = compose(whole, patch)
    assert apply(case["document"], whole) == case["result"]


@pytest.mark.parametrize("case", load("messages"), ids=lambda case: case["name"])
def test_messages(case: dict[str, Any]) -> None:
    message = messages.decode_server_json(case["json"].encode())
    assert messages.decode_server_msgpack(base64.b64decode(case["msgpack"])) == message
    assert messages.encode_json(message).decode() == case["json"]
    assert base64.b64encode(messages.encode_msgpack(message)).decode() == case["msgpack"]
    assert type(message).__name__ == case["name"].split()[0]


@pytest.mark.parametrize("case", load("status_header"), ids=lambda case: case["name"])
def test_status_header(case: dict[str, Any]) -> None:
    found = status_header.read("match:1", case["value"])
    assert (found and [found.status, found.behind_ms]) == case["status"]


@pytest.mark.parametrize("case", load("viewer"), ids=lambda case: case["name"])
def test_viewer(case: dict[str, Any]) -> None:
    viewer = ViewerState()
    for step in case["steps"]:
        message: Heard
        try:
            message = messages.decode_server_json(msgspec.json.encode(step["message"]))
        except BadMessage as bad:
            message = Malformed(bad.detail)
        assert viewer.receive(message).value == step["action"], step
    assert viewer.doc == case["document"]
    assert (viewer.version, viewer.since) == (case["version"], case["since"])


@pytest.mark.parametrize("case", load("reading"), ids=lambda case: case["name"])
def test_reading(case: dict[str, Any]) -> None:
    if case["fits"]:
        messages.decode_server_json(case["text"].encode())
        return
    with pytest.raises(BadMessage):
        messages.decode_server_json(case["text"].encode())


@pytest.mark.parametrize("case", load("viewer_messages"), ids=lambda case: case["name"])
def test_viewer_messages(case: dict[str, Any]) -> None:
    message = messages.decode_viewer_json(case["json"].encode())
    assert messages.decode_viewer_msgpack(base64.b64decode(case["msgpack"])) == message
    assert messages.encode_json(message).decode() == case["json"]
    assert base64.b64encode(messages.encode_msgpack(message)).decode() == case["msgpack"]
    assert type(message).__name__ == case["name"].split()[0]


@pytest.mark.parametrize("case", load("versions"), ids=lambda case: repr(case["text"]))
def test_versions(case: dict[str, Any]) -> None:
    if case["valid"]:
        assert str(Version.parse(case["text"])) == case["text"]
    else:
        with pytest.raises(BadVersion):
            Version.parse(case["text"])


def test_generated_files_are_up_to_date() -> None:
    assert generate.TYPESCRIPT.read_text() == generate.typescript(), "run: make generate"
    assert generate.SCHEMA.read_text() == generate.schema(), "run: make generate"
