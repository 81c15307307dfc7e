"""The admin port: metrics of all workers summed, health, what everything is doing, and the operator's page. Not for the public."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.bus.board_orders import LETTERS_DEFAULT, LETTERS_MAX, BoardOrders, Letters
from gateway.bus.errors import BusError
from gateway.edge.answers import EXCEPTION_HANDLERS, json_response
from gateway.edge.failures import Unavailable
from gateway.edge.openapi import OPERATORS, openapi_routes
from gateway.edge.operator import operator_routes
from gateway.edge.overview import Overview
from gateway.edge.page import Page
from gateway.edge.parameters import text, whole
from gateway.observe import metrics

if TYPE_CHECKING:
    from gateway.edge.supervisor import Supervisor


class _Server(uvicorn.Server):
    """uvicorn's server inside the supervisor's loop: signals stay with the supervisor."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def _to_operator(_request: Request) -> Response:
    return RedirectResponse("/operator")


class Admin:
    """Serves the admin port from the supervisor."""

    def __init__(self, supervisor: Supervisor, metrics_dir: str) -> None:
        self._supervisor = supervisor
        self._metrics_dir = metrics_dir
        self.overview = Overview(supervisor, metrics_dir)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._board_orders: BoardOrders | None = None
        self.url = ""

    async def start(self) -> None:
        """Returns when the port is open."""
        settings = self._supervisor.settings.admin
        page = self._supervisor.settings.page
        routes: list[BaseRoute] = [
            Route("/", _to_operator),
            Route("/metrics", self._metrics),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/admin/v1/workers", self._workers),
            Route("/admin/v1/channels", self._channels),
            Route("/admin/v1/dead-letters", self._letters),
            *operator_routes(self.overview.view),
        ]
        app = Starlette(exception_handlers=EXCEPTION_HANDLERS, routes=[*routes, *openapi_routes(OPERATORS, routes)])
        app.router.default = Page(page, secure=False)
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        self.url = f"http://{settings.host}:{sock.getsockname()[1]}"
        config = uvicorn.Config(app, ws="none", log_config=None, access_log=False, lifespan="off", server_header=False)
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve([sock]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Closes the port."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        if self._board_orders is not None:
            await self._board_orders.close()

    async def _metrics(self, _request: Request) -> Response:
        return Response(metrics.exposition(self._metrics_dir), media_type=metrics.CONTENT_TYPE)

    async def _healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        ready = self._supervisor.ready
        return json_response({"status": "ready" if ready else "starting"}, 200 if ready else 503)

    async def _workers(self, _request: Request) -> Response:
        reports = await self._supervisor.reports()
        return json_response([{k: v for k, v in report.items() if k != "channels"} for report in reports])

    async def _letters(self, request: Request) -> Response:
        """Entries that could not be counted, the newest first."""
        count = whole(request, "limit", LETTERS_DEFAULT, 1, LETTERS_MAX)
        try:
            letters = await self._orders().letters(count, text(request, "channel"))
        except BusError:
            raise Unavailable("the store cannot be read now") from None
        return json_response(Letters(letters), headers={"cache-control": "no-store"})

    def _orders(self) -> BoardOrders:
        if self._board_orders is None:
            bus = self._supervisor.settings.bus
            # The edge's own user may not read dead letters.
            self._board_orders = BoardOrders(bus.url if bus.write_url in ("", "none") else bus.write_url)
        return self._board_orders

    async def _channels(self, _request: Request) -> Response:
        reports = await self._supervisor.reports()
        return json_response(
            [{"worker": report["index"], **channel} for report in reports for channel in report["channels"]]
        )
