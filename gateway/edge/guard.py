"""Who may do what, before anything is opened: token, scope, channel, audience, origin.

Turns the access room's denials into the edge's failures; the same for HTTP, SSE and WebSocket.
"""

from __future__ import annotations

import time

from starlette.requests import HTTPConnection

from gateway.access.origins import allowed
from gateway.access.tokens import AccessDenied, Grant, Verifier
from gateway.edge.failures import BadRequest, Forbidden, Unauthorized
from gateway.edge.request import Request
from gateway.model.errors import BadName
from gateway.model.names import check_channel
from gateway.settings import Settings


class Guard:
    """Checks requests against the access settings."""

    def __init__(self, verifier: Verifier, settings: Settings) -> None:
        self._verifier = verifier
        self._settings = settings

    def grant(self, token: str | None) -> Grant:
        """The grant of a token, or of an anonymous peer.

        Raises:
            Unauthorized, Forbidden
        """
        try:
            return self._verifier.verify(token, time.time()) if token else self._verifier.anonymous()
        except AccessDenied as denied:
            raise (Forbidden if denied.code == "forbidden" else Unauthorized)(denied.detail) from None

    def grant_of(self, request: HTTPConnection) -> Grant:
        """The grant of an HTTP request, by its Authorization header.

        Raises:
            Unauthorized, Forbidden
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.grant(token.strip() if scheme.lower() == "bearer" and token else None)

    def check_origin(self, request: Request) -> None:
        """Refuses browsers of other sites: a WebSocket is not subject to CORS (RFC 6455 section 10.2).

        Raises:
            Forbidden
        """
        origin = request.headers.get("origin")
        if origin is not None and not allowed(origin, request.headers.get("host", ""), self._settings.access.origins):
            raise Forbidden("this origin may not watch", "origin")

    def check_publisher(self, grant: Grant, channel: str, request: HTTPConnection) -> None:
        """Refuses whoever may not publish to a channel, and other sites' pages where anybody may.

        A page of another site publishes by its viewer's browser, which is let in without a token where the site is not: where
        anybody may publish, only sites that are named do, and `*` names none.

        Raises:
            Unauthorized, Forbidden
        """
        self.check_scope(grant, "publish", channel)
        origin = request.headers.get("origin")
        if grant.subject or origin is None:
            return
        named = [known for known in self._settings.access.origins if known != "*"]
        if not allowed(origin, request.headers.get("host", ""), named):
            raise Forbidden("pages of this origin publish with a token only", "origin")

    @staticmethod
    def check_channel(name: str) -> str:
        """Returns the name if it is one.

        Raises:
            BadRequest
        """
        try:
            return check_channel(name)
        except BadName:
            raise BadRequest("a channel is named kind:id", "channel") from None

    @staticmethod
    def check_scope(grant: Grant, scope: str, channel: str) -> None:
        """Refuses what the grant does not cover.

        Raises:
            Unauthorized: nobody in particular asks, a token might help.
            Forbidden: the token does not allow it.
        """
        if grant.may(scope, channel):
            return
        if grant.subject == "":
            raise Unauthorized(f"a token with scope {scope} is needed for {channel}")
        raise Forbidden(f"the token does not allow {scope} on {channel}")

    @staticmethod
    def check_operator(grant: Grant) -> None:
        """Refuses who may not see how the gateway is doing.

        Raises:
            Unauthorized, Forbidden
        """
        if grant.subject == "":
            raise Unauthorized("a token with scope admin is needed")
        if "admin" not in grant.scopes:
            raise Forbidden("the token does not allow admin")
