"""The closed tree of what can go wrong for a peer, and the one place that maps it to an answer.

A Failure becomes a problem document (RFC 9457) before the upgrade and an `error` message after it. Peers never see
the text of any other exception.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway.model.messages import ErrorCode, ErrorMessage

PROBLEM_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """An RFC 9457 problem document; `code` is the protocol's error code."""

    title: str
    status: int
    detail: str = ""
    code: str = ""
    field: str = ""


class Failure(Exception):
    """A request that cannot be served.

    Args:
        detail: one sentence for the peer; never text of another exception.
        field: the part of the request that is wrong, where there is one.
    """

    status = 500
    title = "Internal error"
    code: ErrorCode = ErrorCode.INTERNAL
    retry_after_s: int | None = None

    def __init__(self, detail: str = "", field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def problem(self) -> bytes:
        """The problem document's bytes."""
        return msgspec.json.encode(
            Problem(title=self.title, status=self.status, detail=self.detail, code=self.code.value, field=self.field)
        )

    def headers(self) -> dict[str, str]:
        """Response headers beside the content type."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    def message(self, channel: str | None) -> ErrorMessage:
        """The same as a message of an open connection."""
        return ErrorMessage(code=self.code, message=self.detail or self.title, channel=channel)


class BadRequest(Failure):
    status, title, code = 400, "Bad request", ErrorCode.BAD_REQUEST


class Unprocessable(Failure):
    status, title, code = 422, "Unprocessable content", ErrorCode.BAD_REQUEST


class Unauthorized(Failure):
    status, title, code = 401, "Unauthorized", ErrorCode.UNAUTHORIZED

    def headers(self) -> dict[str, str]:
        return {"www-authenticate": "Bearer"}


class Forbidden(Failure):
    status, title, code = 403, "Forbidden", ErrorCode.FORBIDDEN


class NotFound(Failure):
    status, title, code = 404, "Not found", ErrorCode.BAD_REQUEST


class UnknownChannel(Failure):
    status, title, code = 404, "Unknown channel", ErrorCode.UNKNOWN_CHANNEL


class MethodNotAllowed(Failure):
    """An address that does not take a method.

    Args:
        allowed: the methods that it takes, which the answer must name (RFC 9110, section 15.5.6).
    """

    status, title, code = 405, "Method not allowed", ErrorCode.BAD_REQUEST

    def __init__(self, detail: str = "", field: str = "", allowed: Iterable[str] = ()) -> None:
        super().__init__(detail, field)
        self.allowed = sorted(allowed)

    def headers(self) -> dict[str, str]:
        return {"allow": ", ".join(self.allowed)}


class Conflict(Failure):
    status, title, code = 409, "Conflict", ErrorCode.BAD_REQUEST


class TooLarge(Failure):
    status, title, code = 413, "Content too large", ErrorCode.MESSAGE_TOO_LARGE


class UpgradeRequired(Failure):
    status, title, code = 426, "Upgrade required", ErrorCode.BAD_REQUEST

    def headers(self) -> dict[str, str]:
        return {"upgrade": "websocket", "sec-websocket-version": "13"}


class HeadTooLarge(Failure):
    """Answered by the table itself, with the same bytes (`native/intake.pyx`)."""

    status, title, code = 431, "Request header fields too large", ErrorCode.BAD_REQUEST


class RateLimited(Failure):
    status, title, code = 429, "Too many requests", ErrorCode.RATE_LIMITED
    retry_after_s = 1


class Unavailable(Failure):
    status, title, code = 503, "Service unavailable", ErrorCode.UNAVAILABLE
    retry_after_s = 2


class RewindUnavailable(Unavailable):
    code = ErrorCode.REWIND_UNAVAILABLE


def response(failure: Failure) -> bytes:
    """A whole HTTP/1.1 response for a peer that is refused before the upgrade."""
    body = failure.problem()
    lines = [
        f"HTTP/1.1 {failure.status} {failure.title}",
        f"content-type: {PROBLEM_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "connection: close",
        *(f"{name}: {value}" for name, value in failure.headers().items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
