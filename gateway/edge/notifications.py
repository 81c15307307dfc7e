"""Posting to one user: a row in the document of `user:{id}`, which that user alone may watch."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.bus.errors import BusError, Fenced, WrongType
from gateway.bus.publisher import Publisher
from gateway.edge.answers import json_response
from gateway.edge.context import Context
from gateway.edge.failures import Conflict, Failure, Unavailable, Unprocessable
from gateway.edge.guard import Guard
from gateway.edge.http_body import read_body
from gateway.edge.hub import Hub

KEPT = 100
"""Notifications in a user's document, about; older ones leave it when a new one comes."""
BODY_MAX = 16_384
OPEN_KEY = "opened"
"""Idempotency key of the first entry: two posts at once open one epoch."""
PUBLIC = "public"


class NewNotification(msgspec.Struct, forbid_unknown_fields=True):
    """What is posted.

    Args:
        kind: what the page makes of it, such as `invitation` or `friend_online`.
        data: anything the page needs for it.
    """

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    kind: Annotated[str, Meta(min_length=1, max_length=64)] = "notification"
    data: dict[str, Any] = {}


class Posted(msgspec.Struct):
    """Where it stands."""

    id: str
    entry: str


_decode = msgspec.json.Decoder(NewNotification).decode


class Notifications:
    """The route of one worker.

    Args:
        publisher: the writing side of the bus; None where the gateway may not write.
    """

    def __init__(self, context: Context, hub: Hub, guard: Guard, publisher: Publisher | None) -> None:
        self._context = context
        self._hub = hub
        self._guard = guard
        self._publisher = publisher

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [Route("/v1/users/{id}/notifications", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Notifies a user."""
        name = self._guard.check_channel(f"user:{request.path_params['id']}")
        grant = self._guard.grant_of(request)
        self._guard.check_publisher(grant, name, request)
        publisher = self._publisher
        if publisher is None:
            raise Unavailable("this gateway does not take events")
        body = await read_body(request, BODY_MAX)
        try:
            wanted = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Unprocessable(_said(error), _field(error)) from None
        identity, now_ms = f"{self._context.now_ms():013d}-{secrets.token_hex(3)}", self._context.now_ms()
        row = {"kind": wanted.kind, "text": wanted.text, "data": wanted.data, "at_ms": now_ms}
        rows: dict[str, Any] = {identity: row, **dict.fromkeys(await self._old(name))}
        event = msgspec.json.encode(
            {"op": "notification", "id": identity, "kind": wanted.kind, "patch": {"notifications": rows}, "points": {}}
        )
        if len(event) > self._context.channel_limits.max_entry_bytes:
            raise Unprocessable("the notification is too large", "data")
        try:
            position = await self._append(publisher, name, event, now_ms)
        except WrongType:
            raise Conflict("the channel's key in the store is not a stream", "id") from None
        except BusError:
            raise Unavailable("the store cannot be written to now") from None
        return json_response(Posted(identity, position), 201)

    @staticmethod
    async def _append(publisher: Publisher, name: str, event: bytes, now_ms: int) -> str:
        try:
            position, _ = await publisher.append_idempotent(name, None, None, event, now_ms, False)
        except Fenced:
            # The first notification of this user.
            reset = msgspec.json.encode({"op": "reset", "state": {"notifications": {}}})
            await publisher.append_idempotent(name, None, OPEN_KEY, reset, now_ms, True)
            position, _ = await publisher.append_idempotent(name, None, None, event, now_ms, False)
        return str(position)

    async def _old(self, name: str) -> list[str]:
        """The notifications for which there is no room beside a new one."""
        try:
            if name not in self._hub.seats and await self._context.bus.tail(name) is None:
                # The first one: a channel that nobody watches is not served for it.
                return []
            outlet = await self._hub.outlet(name, PUBLIC)
        except (BusError, Failure):
            return []
        rows = outlet.view.doc.get("notifications")
        return sorted(rows)[: max(0, len(rows) - KEPT + 1)] if isinstance(rows, dict) else []


def _said(error: Exception) -> str:
    """What is wrong with a body: the decoder's own words, which repeat nothing of it."""
    return str(error).partition(" - at ")[0] if isinstance(error, msgspec.ValidationError) else "not a JSON object"


def _field(error: Exception) -> str:
    """The member that is to blame."""
    text = str(error)
    name = text.partition("field `")[2] or text.partition("`$.")[2]
    return name.partition("`")[0].partition(".")[0] or "body"
