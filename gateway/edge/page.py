"""The page: the built dashboard with hashed assets, its caching and its security headers.

Serves what `make dashboard` has put into `gateway/page`; without it, one line that says so.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE_DIR = Path(__file__).resolve().parent.parent / "page"

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class _Assets(StaticFiles):
    """Files whose names change with their content."""

    def file_response(self, full_path: object, stat_result: object, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response


async def _index(_request: Request) -> Response:
    index = PAGE_DIR / "index.html"
    if not index.is_file():
        return PlainTextResponse("The dashboard is not built: run `make dashboard`.\n", 404)
    return FileResponse(index, headers={"cache-control": "no-cache", **SECURITY_HEADERS})


def page_routes() -> list[BaseRoute]:
    """Routes of the dashboard: its addresses all serve one document."""
    routes: list[BaseRoute] = [Route("/", _index), Route("/matches/{id}", _index)]
    if (PAGE_DIR / "assets").is_dir():
        routes.append(Mount("/assets", _Assets(directory=PAGE_DIR / "assets")))
    icon = PAGE_DIR / "favicon.svg"
    if icon.is_file():

        async def favicon(_request: Request) -> Response:
            return FileResponse(icon, headers={"cache-control": "public, max-age=86400"})

        routes.append(Route("/favicon.svg", favicon))
    return routes
