"""The Python client: watches a channel over WebSocket, event stream or plain HTTP, by the rules of docs/protocol.md."""

from gateway.client.errors import ClientError, Lost, Refused
from gateway.client.viewer import Connection, Counts, Mode, Update, Viewer

__all__ = ["ClientError", "Connection", "Counts", "Lost", "Mode", "Refused", "Update", "Viewer"]
