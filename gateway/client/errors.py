"""What can go wrong for a client: refused for good, or lost for now. Both carry what the server said, if it said anything."""

from __future__ import annotations


class ClientError(Exception):
    """Anything that a client reports."""


class Refused(ClientError):
    """The server does not serve this request, and asking again would not help.

    Args:
        status: HTTP status; 0 when the refusal came on the live connection.
        detail: the server's words.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status
        self.detail = detail


class Lost(ClientError):
    """The connection could not be made or has ended; the next attempt may do better.

    Args:
        detail: what happened.
        close_code: of the WebSocket, where there was one.
        retry_after_ms: when the server wants to be asked again, where it said so.
    """

    def __init__(self, detail: str, close_code: int | None = None, retry_after_ms: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.close_code = close_code
        self.retry_after_ms = retry_after_ms
