"""A server whose every connection follows a script of the test: WebSocket, event stream or HTTP, right or wrong.

Raw asyncio streams: what the client sees is exactly what the script writes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from gateway.model.messages import Delta, ServerMessage, Snapshot, encode_json, encode_msgpack

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHANNEL = "match:1"


def version(number: int) -> str:
    """A version that looks like one."""
    return f"7-{number}.{number * 2654435761 % 2**32:08x}"


def snapshot(number: int, **state: object) -> Snapshot:
    """The state at version `number`."""
    return Snapshot(CHANNEL, version(number), {"n": number, **state}, [{"op": "score", "n": number}], "live")


def delta(number: int, before: int | None = None, skipped: int = 0) -> Delta:
    """What leads to version `number`."""
    origin = version(number - 1 if before is None else before)
    return Delta(
        channel=CHANNEL,
        from_=origin,
        version=version(number),
        patch={"n": number},
        events=[{"op": "score", "n": number}],
        skipped=skipped,
    )


class Exchange:
    """One accepted connection, its request read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.target = ""
        self.headers: dict[str, str] = {}
        self.packed = False

    async def read_request(self) -> None:
        """Reads the head."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.target = head[0].split(" ")[1]
        pairs = (line.partition(":") for line in head[1:] if line)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def read_body(self) -> bytes:
        """What comes after the head."""
        return await self._reader.readexactly(int(self.headers.get("content-length", "0")))

    @property
    def path(self) -> str:
        """The request's path."""
        return urlsplit(self.target).path

    @property
    def since(self) -> str | None:
        """The version asked for."""
        found = parse_qs(urlsplit(self.target).query).get("since", [None])[0]
        return found if found is not None else self.headers.get("last-event-id")

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole HTTP answer."""
        fields = {"Content-Length": str(len(body)), "Connection": "close"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.write(f"HTTP/1.1 {status} Answer\r\n{text}\r\n".encode() + body)

    async def answer_snapshot(self, message: Snapshot) -> None:
        """A snapshot over HTTP, with its ETag."""
        await self.answer(200, encode_json(message), ETag=f'"{message.version}"', Content_Type="application/json")

    async def upgrade(self, protocol: str | None = "asked") -> None:
        """Accepts the WebSocket, with the subprotocol asked for."""
        asked = self.headers.get("sec-websocket-protocol", "")
        self.packed = asked.endswith("msgpack")
        accept = base64.b64encode(hashlib.sha1((self.headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
        chosen = asked if protocol == "asked" else protocol
        line = f"Sec-WebSocket-Protocol: {chosen}\r\n" if chosen else ""
        await self.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n{line}\r\n".encode()
        )

    async def stream(self) -> None:
        """Begins an event stream."""
        await self.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

    async def frame(self, payload: bytes, opcode: int, fin: bool = True) -> None:
        """One frame."""
        first = (0x80 if fin else 0) | opcode
        if len(payload) > 65535:
            head = struct.pack(">BBQ", first, 127, len(payload))
        elif len(payload) > 125:
            head = struct.pack(">BBH", first, 126, len(payload))
        else:
            head = struct.pack(">BB", first, len(payload))
        await self.write(head + payload)

    async def send(self, *messages: ServerMessage) -> None:
        """Messages over the WebSocket."""
        for message in messages:
            if self.packed:
                await self.frame(encode_msgpack(message), 2)
            else:
                await self.frame(encode_json(message), 1)

    async def event(self, *messages: ServerMessage) -> None:
        """Messages over the event stream."""
        for message in messages:
            held = getattr(message, "version", None)
            text = (f"id: {held}\n" if held else "").encode() + b"data: " + encode_json(message) + b"\n\n"
            await self.write(b"%x\r\n%b\r\n" % (len(text), text))

    async def close_frame(self, code: int) -> None:
        """A close frame; the client's is waited for."""
        await self.frame(struct.pack(">H", code), 8)
        while (await self.client_frame())[0] != 8:
            pass

    async def client_frame(self) -> tuple[int, bytes]:
        """The client's next frame, unmasked."""
        first, second = await self._reader.readexactly(2)
        assert second & 0x80, "a client's frame must be masked"
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", await self._reader.readexactly(2))[0]
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    async def until_closed(self) -> None:
        """Waits for the client to go."""
        with contextlib.suppress(ConnectionResetError):
            while await self._reader.read(4096):
                pass


Script = Callable[[Exchange], Awaitable[None]]


class ScriptedServer:
    """Gives each connection the next script; a connection too many is a failure of the test."""

    def __init__(self, scripts: list[Script]) -> None:
        self._scripts = list(scripts)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.errors: list[BaseException] = []
        self.url = ""

    async def start(self) -> None:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Ends everything; what a script raised is raised."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        if self.errors:
            raise self.errors[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        exchange = Exchange(reader, writer)
        try:
            try:
                await exchange.read_request()
            except asyncio.IncompleteReadError:
                # Given up before it was asked anything.
                return
            if not self._scripts:
                raise AssertionError(f"one connection too many: {exchange.target}")
            await self._scripts.pop(0)(exchange)
        except (AssertionError, asyncio.IncompleteReadError, struct.error) as error:
            self.errors.append(error)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)


@contextlib.asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[str]:
    """A scripted server's address."""
    server = ScriptedServer(list(scripts))
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
