"""The HTTP routes on Starlette: snapshots, ingest, matches, health and the page. Thin: it asks the hub and answers.

Every error is an RFC 9457 problem document made in `failures`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway.edge.answers import EXCEPTION_HANDLERS, json_response
from gateway.edge.archive import Archive
from gateway.edge.asking import Asking
from gateway.edge.beats import Beats
from gateway.edge.conditional import holds
from gateway.edge.context import Context
from gateway.edge.failures import BadRequest, Unavailable
from gateway.edge.guard import Guard
from gateway.edge.http_body import read_body
from gateway.edge.hub import Hub
from gateway.edge.ingest import Ingest
from gateway.edge.leaderboards import Leaderboards
from gateway.edge.notifications import Notifications
from gateway.edge.openapi import PUBLIC, openapi_routes
from gateway.edge.operator import operator_routes
from gateway.edge.outlet import Outlet
from gateway.edge.page import Page
from gateway.edge.validated import PRIVATE_CACHE
from gateway.model import status_header
from gateway.model.messages import encode_json
from gateway.observe import metrics

PUBLIC_CACHE = "public, s-maxage=1, stale-while-revalidate=5"
STREAMS = ("/v1/live", "/v1/channels/{channel}/stream")
"""Answered by the door; what comes here has passed it by."""


class Api:
    """The routes of one worker."""

    def __init__(
        self,
        context: Context,
        hub: Hub,
        guard: Guard,
        ingest: Ingest,
        beats: Beats,
        asking: Asking,
        archive: Archive,
        notifications: Notifications,
        leaderboards: Leaderboards,
        ready: Callable[[], bool],
    ) -> None:
        self._context = context
        self._hub = hub
        self._guard = guard
        self._ingest = ingest
        self._beats = beats
        self._asking = asking
        self._archive = archive
        self._notifications = notifications
        self._leaderboards = leaderboards
        self._ready = ready

    def app(self) -> ASGIApp:
        """The ASGI application."""
        settings = self._context.settings
        routes: list[BaseRoute] = [
            Route("/v1/channels/{channel}", self._snapshot, methods=["GET"]),
            Route("/v1/channels/{channel}/events", self._publish, methods=["POST"]),
            *self._beats.routes(),
            *self._archive.routes(),
            *self._notifications.routes(),
            *self._leaderboards.routes(),
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
            *operator_routes(self._asking.ask, self._check_operator),
        ]
        routes += openapi_routes(PUBLIC, routes)
        origins = list(settings.access.origins)
        cors = Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", status_header.NAME],
        )
        app = Starlette(
            routes=[*routes, *(Route(path, _passed_by, methods=["GET"]) for path in STREAMS)],
            middleware=[cors] if origins else [],
            exception_handlers=EXCEPTION_HANDLERS,
        )
        app.router.default = Page(settings.page, secure=bool(settings.listen.tls_cert))
        return app

    def _check_operator(self, request: Request) -> None:
        self._guard.check_operator(self._guard.grant_of(request))

    async def _outlet(self, request: Request, name: str) -> tuple[Outlet, str]:
        grant = self._guard.grant_of(request)
        self._guard.check_scope(grant, "watch", name)
        outlet = await self._hub.outlet(name, grant.audience)
        return outlet, PUBLIC_CACHE if grant.subject == "" else PRIVATE_CACHE

    async def _snapshot(self, request: Request) -> Response:
        name = self._guard.check_channel(request.path_params["channel"])
        outlet, cache = await self._outlet(request, name)
        version = outlet.view.version
        if version is None:
            raise Unavailable("the channel has not been read yet")
        etag = f'"{version}"'
        # Told beside the body: an unchanged version says nothing of a publisher that has gone silent.
        headers = {
            "etag": etag,
            "cache-control": cache,
            "vary": "Authorization, Origin",
            status_header.NAME: status_header.write(outlet.status),
        }
        if holds(request.headers, etag):
            return Response(status_code=304, headers=headers)
        metrics.SNAPSHOTS.labels("http").inc()
        return Response(encode_json(outlet.snapshot()), 200, headers, media_type="application/json")

    async def _publish(self, request: Request) -> Response:
        name = self._guard.check_channel(request.path_params["channel"])
        grant = self._guard.grant_of(request)
        self._guard.check_publisher(grant, name, request)
        body = await read_body(request, self._context.settings.ingest.max_bytes)
        published = await self._ingest.publish(
            name,
            body,
            content_type=request.headers.get("content-type", "application/json"),
            epoch=request.query_params.get("epoch"),
            idempotency_key=request.headers.get("idempotency-key"),
            publisher=grant.subject or (request.client.host if request.client else ""),
        )
        return json_response(published, 200 if published.duplicate else 201)

    async def _healthz(self, _request: Request) -> Response:
        return json_response({"status": "ok"}, headers={"cache-control": "no-store"})

    async def _readyz(self, _request: Request) -> Response:
        if not self._ready():
            raise Unavailable("this worker does not serve now")
        return json_response({"status": "ready"}, headers={"cache-control": "no-store"})


async def _passed_by(_request: Request) -> Response:
    raise BadRequest("a stream cannot be asked for behind a request that was not answered yet")


__all__ = ["Api", "json_response"]
