"""The page: the built dashboard, its addresses, its caching and its security headers.

Serves what `make dashboard` has put into `gateway/page`; without it, one line that says so. Every address that is nobody
else's is the page's: its own router says what it shows.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.edge.assets import HASHED, IDENTITY, Asset, read_assets
from gateway.edge.conditional import holds
from gateway.edge.failures import MethodNotAllowed, NotFound
from gateway.edge.preloads import preload_headers, read_manifest
from gateway.settings.tree import PageSettings

PAGE_DIR = Path(__file__).resolve().parent.parent / "page"
INDEX = "index.html"
MANIFEST = "manifest.json"
"""The build's own record of its files; not served."""
ELSEWHERE = ("v1/", "admin/", HASHED)
"""Below these nothing is the page's: a wrong address there is an error, not a page."""

NOT_BUILT = "the dashboard is not built: run `make dashboard`"

CACHE_IMMUTABLE = "public, max-age=31536000, immutable"
CACHE_ASK = "no-cache"

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
CROSS_ORIGIN = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
"""Files outside `assets/` are for other sites too: the element that they embed."""
SAME_ORIGIN = {"cross-origin-resource-policy": "same-origin"}


def content_security_policy(frame_ancestors: list[str]) -> str:
    """The policy (CSP Level 3): everything from here, nothing inline, in frames of these origins and our own."""
    ancestors = "*" if "*" in frame_ancestors else " ".join(["'self'", *frame_ancestors])
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
        ]
    )


class Page:
    """The dashboard's files and what goes with them.

    Args:
        secure: viewers come by TLS; browsers are told to stay with it.

    Where operators count reports by country, the page is told the one that the proxy in front has named, by Server-Timing: a script
    can read that of its own document, and nothing is stored. The document is the same at every address; what an address needs
    beside it is said by Link, so that a browser fetches it at once and not when the first script has run.
    """

    def __init__(self, settings: PageSettings, secure: bool, directory: Path = PAGE_DIR) -> None:
        self._assets = read_assets(directory)
        manifest = self._assets.pop(MANIFEST, None)
        chunks = {} if manifest is None else read_manifest(manifest.representations[IDENTITY].body)
        self._preloads = preload_headers(chunks, self._assets)
        self._policy = content_security_policy(settings.frame_ancestors)
        self._country_header = settings.country_header
        self._countries = frozenset(settings.countries)
        self._common = dict(SECURITY_HEADERS)
        if secure:
            self._common["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application for what no route takes.

        Raises:
            NotFound, MethodNotAllowed
        """
        response = self._answer(Request(scope, receive))
        await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.url.path.lstrip("/")
        asset = self._find(path)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("a page is only read", allowed=("GET", "HEAD"))
        chosen = asset.choose(request.headers.get("accept-encoding"))
        headers = {"etag": chosen.etag, "vary": "Accept-Encoding", **self._headers(asset)}
        if self._country_header and asset.media_type.startswith("text/html"):
            headers["vary"] += f", {self._country_header}"
            country = request.headers.get(self._country_header, "")
            if country in self._countries:
                headers["server-timing"] = f'country;desc="{country}"'
        if asset.name == INDEX and (preload := self._preloads.get(path.partition("/")[0])):
            headers["link"] = preload
        if holds(request.headers, chosen.etag):
            return Response(status_code=304, headers=headers)
        if chosen.coding != IDENTITY:
            headers["content-encoding"] = chosen.coding
        return Response(chosen.body, 200, headers, media_type=asset.media_type)

    def _find(self, path: str) -> Asset:
        """The file of an address: itself, a folder's index, else the one page.

        Raises:
            NotFound
        """
        folder = path.rstrip("/")
        asset = self._assets.get(path) or self._assets.get(f"{folder}/{INDEX}")
        if asset is None and not f"{folder}/".startswith(ELSEWHERE):
            asset = self._assets.get(INDEX)
        if asset is None:
            raise NotFound("there is nothing at this address" if self._assets else NOT_BUILT)
        return asset

    def _headers(self, asset: Asset) -> dict[str, str]:
        if asset.media_type.startswith("text/html"):
            return {"cache-control": CACHE_ASK, "content-security-policy": self._policy, **self._common, **SAME_ORIGIN}
        if asset.immutable:
            return {"cache-control": CACHE_IMMUTABLE, **self._common, **SAME_ORIGIN}
        return {"cache-control": CACHE_ASK, **self._common, **CROSS_ORIGIN}
