"""What operators ask over HTTP, the same on the admin port and, with a token of scope `admin`, on the public one.

Routes only: the answers come from the supervisor's overview, directly or over a worker's control line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.edge.failures import NotFound

View = Callable[[str, str], Awaitable[Any]]
"""Gives the view of that name (`overview`, `channel`, `connection`) of that thing; None when there is none."""


def operator_routes(view: View, check: Callable[[Request], None] = lambda _request: None) -> list[BaseRoute]:
    """The routes.

    Args:
        check: refuses those who may not ask, by raising.
    """

    async def answer(request: Request, name: str, of: str = "") -> Response:
        check(request)
        value = await view(name, of)
        if value is None:
            raise NotFound(f"there is no such {name} now", name)
        headers = {"cache-control": "no-store"}
        return Response(msgspec.json.encode(value), 200, headers, media_type="application/json")

    async def overview(request: Request) -> Response:
        return await answer(request, "overview")

    async def channel(request: Request) -> Response:
        return await answer(request, "channel", request.path_params["channel"])

    async def connection(request: Request) -> Response:
        return await answer(request, "connection", request.path_params["connection"])

    return [
        Route("/admin/v1/overview", overview, methods=["GET"]),
        Route("/admin/v1/channels/{channel}", channel, methods=["GET"]),
        Route("/admin/v1/connections/{connection}", connection, methods=["GET"]),
    ]
