"""Answers of the HTTP side: JSON, and the one mapping of what is raised to a problem document (RFC 9457)."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler

from gateway.edge.failures import PROBLEM_TYPE, Failure, MethodNotAllowed, NotFound
from gateway.observe import metrics
from gateway.observe.log import logger


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def _problem(failure: Failure) -> Response:
    metrics.REFUSALS.labels(failure.code.value).inc()
    headers = {"cache-control": "no-store", **failure.headers()}
    return Response(failure.problem(), failure.status, headers, media_type=PROBLEM_TYPE)


async def _on_failure(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Failure)
    return _problem(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _problem(MethodNotAllowed("this address does not take that method", allowed=_methods_at(request)))
    return _problem(NotFound("there is nothing at this address") if error.status_code == 404 else Failure())


def _methods_at(request: Request) -> set[str]:
    """All that the address takes: each of its methods has a route of its own."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    here = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in here for method in route.methods or ()}


async def _on_bug(_request: Request, error: Exception) -> Response:
    metrics.BUGS.inc()
    logger.error("request_failed", exc_info=error)
    return _problem(Failure())


EXCEPTION_HANDLERS: dict[Any, ExceptionHandler] = {
    Failure: _on_failure,
    HTTPException: _on_http_error,
    Exception: _on_bug,
}
