"""A viewer's WebSocket, on picows: frames in, messages out, JSON or MessagePack.

Owns the connection; when its reader is slow it stops reading from the socket, so that what waits here is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from urllib.parse import quote

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from gateway.client.errors import ClientError, Lost
from gateway.client.source import CONNECT_TIMEOUT_S, Address, refusal
from gateway.model.errors import BadMessage
from gateway.model.messages import (
    JSON_SUBPROTOCOL,
    MSGPACK_SUBPROTOCOL,
    Beat,
    Unwatch,
    ViewerMessage,
    Watch,
    decode_server_json,
    decode_server_msgpack,
    encode_json,
    encode_msgpack,
)
from gateway.model.viewer import Heard, Malformed

WAITING_MAX = 256
"""Messages that wait here before reading stops; what picows has already read may come on top."""
MAX_MESSAGE_BYTES = 16 << 20
MESSAGE_TOO_BIG = 1009
CLOSE_TIMEOUT_S = 2.0


class _Listener(WSListener):
    """Collects one connection's messages."""

    def __init__(self, packed: bool) -> None:
        self._packed = packed
        self._fragments = bytearray()
        self._paused = False
        self._transport: WSTransport | None = None
        self.waiting: deque[Heard] = deque()
        self.changed = asyncio.Event()
        self.ended = False
        self.close_code: int | None = None
        self.fault: str | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self.close_code = code.value if isinstance(code, WSCloseCode) else int(code)
            transport.send_close(code)
            transport.disconnect()
            return
        if frame.msg_type not in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            return
        payload = frame.get_payload_as_bytes()
        if not frame.fin or self._fragments:
            self._fragments += payload
            if len(self._fragments) > MAX_MESSAGE_BYTES:
                self._give_up(transport, "a message is larger than this client takes", MESSAGE_TOO_BIG)
                return
            if not frame.fin:
                return
            payload = bytes(self._fragments)
            self._fragments.clear()
        message: Heard
        try:
            message = decode_server_msgpack(payload) if self._packed else decode_server_json(payload)
        except BadMessage as bad:
            message = Malformed(bad.detail)
        self.waiting.append(message)
        self.changed.set()
        if len(self.waiting) >= WAITING_MAX and not self._paused:
            self._paused = True
            transport.underlying_transport.pause_reading()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.ended = True
        self.changed.set()

    def take(self) -> Heard | None:
        """The next message that waits."""
        message = self.waiting.popleft() if self.waiting else None
        if self._paused and len(self.waiting) <= WAITING_MAX // 2 and not self.ended and self._transport is not None:
            self._paused = False
            self._transport.underlying_transport.resume_reading()
        return message

    def _give_up(self, transport: WSTransport, fault: str, code: int) -> None:
        self.fault = fault
        transport.send_close(WSCloseCode(code))
        transport.disconnect()


class WebSocketSource:
    """Watches a channel over a WebSocket.

    Args:
        packed: MessagePack instead of JSON.
    """

    def __init__(self, address: Address, packed: bool = False) -> None:
        self._address = address
        self._packed = packed
        self._transport: WSTransport | None = None

    async def messages(self, since: str | None) -> AsyncGenerator[Heard, None]:
        """One connection's messages; see `Source`."""
        listener = _Listener(self._packed)
        transport = await self._connect(listener, since)
        self._transport = transport
        try:
            while True:
                message = listener.take()
                if message is not None:
                    yield message
                elif listener.ended:
                    raise Lost(listener.fault or _ending(listener.close_code), listener.close_code)
                else:
                    listener.changed.clear()
                    await listener.changed.wait()
        finally:
            self._transport = None
            if not listener.ended:
                transport.send_close(WSCloseCode.OK)
                transport.disconnect()
            await _disconnected(transport)

    def tell(self, beat: Beat) -> bool:
        """Sends it on the open connection."""
        return self._send(beat)

    def ask_again(self, since: str | None) -> bool:
        """Watches anew on the open connection."""
        return self._send(Unwatch(self._address.channel)) and self._send(Watch(self._address.channel, since))

    def _send(self, message: ViewerMessage) -> bool:
        if self._transport is None:
            return False
        if self._packed:
            self._transport.send(WSMsgType.BINARY, encode_msgpack(message))
        else:
            self._transport.send(WSMsgType.TEXT, encode_json(message))
        return True

    async def _connect(self, listener: _Listener, since: str | None) -> WSTransport:
        protocol = MSGPACK_SUBPROTOCOL if self._packed else JSON_SUBPROTOCOL
        url = self._address.live_url + (f"&since={quote(since, safe='')}" if since else "")
        headers = {**self._address.headers(), "Sec-WebSocket-Protocol": protocol}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, _ = await ws_connect(
                    lambda: listener,
                    url,
                    extra_headers=headers,
                    websocket_handshake_timeout=CONNECT_TIMEOUT_S,
                    max_frame_size=MAX_MESSAGE_BYTES,
                    max_redirects=0,
                    logger_name="client",
                )
        except WSHandshakeError as error:
            raise _refused(error) from error
        except (OSError, TimeoutError, WSError) as error:
            raise Lost(f"cannot connect ({type(error).__name__})") from error
        if transport.response is None:
            # It ended before the whole answer was there.
            await _disconnected(transport)
            raise Lost("the connection was cut")
        chosen = transport.response.headers.get("Sec-WebSocket-Protocol")
        if chosen != protocol:
            transport.disconnect()
            await _disconnected(transport)
            raise Lost(f"the server chose the subprotocol {chosen!r}")
        return transport


async def _disconnected(transport: WSTransport) -> None:
    """Waits for the end, and takes what picows says of a server that broke the rules of RFC 6455."""
    # A transport that does not end in time is ended by picows without its peer.
    with suppress(TimeoutError, WSError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await transport.wait_disconnected()


def _refused(error: WSHandshakeError) -> ClientError:
    if error.response is None or int(error.response.status) < 300:
        return Lost("the server's handshake is not right")
    return refusal(int(error.response.status), error.raw_body or b"")


def _ending(code: int | None) -> str:
    return "the connection was cut" if code is None else f"the server closed the connection with {code}"
