"""The viewer over every source, on real sockets: the rules, resuming, and what ends it for good."""

from __future__ import annotations

import asyncio
import struct
from contextlib import aclosing

import msgspec
import pytest

from gateway.client import Connection, Mode, Refused, Viewer
from gateway.model.messages import (
    Beat,
    Bye,
    ErrorCode,
    ErrorMessage,
    ServerMessage,
    Status,
    Tick,
    Unwatch,
    ViewerMessage,
    Watch,
    decode_viewer_json,
    decode_viewer_msgpack,
    encode_json,
)
from tests.client.server import CHANNEL, Exchange, delta, serving, snapshot, version

TIMEOUT_S = 10.0


def now() -> float:
    """No jitter: come back at once."""
    return 0.0


async def open_live(exchange: Exchange, mode: Mode) -> None:
    await (exchange.stream() if mode == "sse" else exchange.upgrade())


async def tell(exchange: Exchange, mode: Mode, *messages: ServerMessage) -> None:
    await (exchange.event(*messages) if mode == "sse" else exchange.send(*messages))


LIVE: list[Mode] = ["websocket", "msgpack", "sse"]


@pytest.mark.parametrize("mode", LIVE)
async def test_snapshot_then_deltas(mode: Mode) -> None:
    async def script(exchange: Exchange) -> None:
        assert exchange.path == (f"/v1/channels/{CHANNEL}/stream" if mode == "sse" else "/v1/live")
        assert exchange.headers["authorization"] == "Bearer secret"
        assert exchange.since is None
        await open_live(exchange, mode)
        await tell(exchange, mode, snapshot(1), delta(2), Status(CHANNEL, "lagging", 700), delta(3, skipped=2))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, token="secret")
        await viewer.until(lambda v: v.version == version(3), TIMEOUT_S)
    assert viewer.doc == {"n": 3}
    assert [event["n"] for event in viewer.state.feed] == [1, 2, 3]
    assert (viewer.state.status, viewer.state.behind_ms, viewer.state.skipped) == ("lagging", 700, 2)
    assert (viewer.counts.snapshots, viewer.counts.deltas, viewer.counts.resyncs) == (1, 2, 0)
    assert viewer.connection is Connection.CLOSED


@pytest.mark.parametrize("mode", LIVE)
async def test_comes_back_with_the_version_held(mode: Mode) -> None:
    async def first(exchange: Exchange) -> None:
        await open_live(exchange, mode)
        await tell(exchange, mode, snapshot(1), delta(2))

    async def second(exchange: Exchange) -> None:
        assert exchange.since == version(2)
        await open_live(exchange, mode)
        await tell(exchange, mode, delta(5, before=2))
        await exchange.until_closed()

    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, random=now)
        await viewer.until(lambda v: v.version == version(5), TIMEOUT_S)
    counts = viewer.counts
    assert (counts.connects, counts.losses, counts.resumed, counts.resyncs) == (2, 1, 1, 0)


@pytest.mark.parametrize("mode", ["websocket", "msgpack"])
async def test_gap_is_asked_for_on_the_same_connection(mode: Mode) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        # Two that do not fit: one question.
        await exchange.send(snapshot(1), delta(3), delta(4))
        decoded = [asked(exchange, (await exchange.client_frame())[1]) for _ in range(2)]
        assert decoded == [Unwatch(CHANNEL), Watch(CHANNEL, version(1))]
        await exchange.send(delta(4, before=1), delta(5))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL, mode=mode)  # type: ignore[arg-type]
        await viewer.until(lambda v: v.version == version(5), TIMEOUT_S)
    assert (viewer.counts.resyncs, viewer.counts.losses, viewer.doc) == (1, 0, {"n": 5})


async def test_gap_on_a_stream_opens_it_anew() -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.event(snapshot(1), delta(3))
        await exchange.until_closed()

    async def second(exchange: Exchange) -> None:
        assert exchange.since == version(1)
        await exchange.stream()
        await exchange.event(delta(3, before=1))
        await exchange.until_closed()

    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, mode="sse", random=now)
        await viewer.until(lambda v: v.version == version(3), TIMEOUT_S)
    assert viewer.counts.resyncs == 1


async def test_tick_of_another_version_is_a_gap() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1), Tick(CHANNEL, version(1)), Tick(CHANNEL, version(2)))
        await exchange.client_frame()
        assert decode_viewer_json((await exchange.client_frame())[1]) == Watch(CHANNEL, version(1))
        await exchange.send(delta(2))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL)
        await viewer.until(lambda v: v.version == version(2), TIMEOUT_S)


async def test_duplicates_change_nothing() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1), delta(2), delta(2), delta(3))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL)
        await viewer.until(lambda v: v.version == version(3), TIMEOUT_S)
    assert (viewer.counts.duplicates, viewer.counts.resyncs) == (1, 0)
    assert [event["n"] for event in viewer.state.feed] == [1, 2, 3]


async def test_snapshot_over_http_then_live_from_its_version() -> None:
    async def http(exchange: Exchange) -> None:
        assert exchange.path == f"/v1/channels/{CHANNEL}"
        await exchange.answer_snapshot(snapshot(4))

    async def live(exchange: Exchange) -> None:
        assert exchange.since == version(4)
        await exchange.upgrade()
        await exchange.send(delta(5))
        await exchange.until_closed()

    async with serving(http, live) as url:
        viewer = Viewer(url, CHANNEL, snapshot_first=True)
        await viewer.until(lambda v: v.version == version(5), TIMEOUT_S)
    assert viewer.doc == {"n": 5}


async def test_polling_asks_with_the_version_it_holds() -> None:
    asked: list[str | None] = []

    async def changed(exchange: Exchange) -> None:
        asked.append(exchange.headers.get("if-none-match"))
        await exchange.answer_snapshot(snapshot(len(asked)))

    async def unchanged(exchange: Exchange) -> None:
        asked.append(exchange.headers.get("if-none-match"))
        await exchange.answer(304, ETag=f'"{version(1)}"')

    async def again(exchange: Exchange) -> None:
        await exchange.answer_snapshot(snapshot(9))

    async with serving(changed, unchanged, again) as url:
        viewer = Viewer(url, CHANNEL, mode="poll", poll_interval_s=0.001)
        await viewer.until(lambda v: v.version == version(9), TIMEOUT_S)
    assert asked == [None, f'"{version(1)}"']
    assert viewer.counts.snapshots == 2


async def test_bye_says_when_to_come_back() -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1), Bye("drain", (40, 60)))
        await exchange.close_frame(1012)

    async def second(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(delta(2))
        await exchange.until_closed()

    waits: list[int] = []
    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, random=lambda: 0.5)
        async with asyncio.timeout(TIMEOUT_S), aclosing(viewer.updates()) as updates:
            async for update in updates:
                if update.connection is Connection.WAITING:
                    waits.append(update.retry_ms)
                    assert "1012" in update.detail
                if viewer.version == version(2):
                    break
    assert waits == [50]


async def test_fragments_and_pings() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        whole = encode_json(snapshot(1, text="x" * 70_000))
        await exchange.frame(whole[:10], 1, fin=False)
        await exchange.frame(b"still there?", 9)
        await exchange.frame(whole[10:40_000], 0, fin=False)
        await exchange.frame(whole[40_000:], 0)
        assert await exchange.client_frame() == (10, b"still there?")
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL)
        await viewer.until(lambda v: v.version == version(1), TIMEOUT_S)
    assert len(viewer.doc["text"]) == 70_000


async def test_more_than_may_wait_all_arrives() -> None:
    count = 3000

    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(0), *(delta(number) for number in range(1, count + 1)))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL)
        async with asyncio.timeout(TIMEOUT_S), aclosing(viewer.updates()) as updates:
            async for _ in updates:
                await asyncio.sleep(0)
                if viewer.version == version(count):
                    break
    assert (viewer.counts.deltas, viewer.counts.resyncs) == (count, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("mode", [*LIVE, "poll"])
async def test_refusal_ends_it(mode: Mode, status: int) -> None:
    async def script(exchange: Exchange) -> None:
        body = msgspec.json.encode({"title": "No", "detail": "not for you", "status": status})
        await exchange.answer(status, body, Content_Type="application/problem+json")

    async with serving(script) as url:
        with pytest.raises(Refused) as refused:
            await Viewer(url, CHANNEL, mode=mode).until(lambda _: False, TIMEOUT_S)
    assert refused.value.status == status
    if mode in ("sse", "poll"):
        assert refused.value.detail == "not for you"


@pytest.mark.parametrize("mode", [*LIVE, "poll"])
async def test_busy_server_is_asked_again(mode: Mode) -> None:
    async def busy(exchange: Exchange) -> None:
        await exchange.answer(503, Retry_After="0")

    async def ready(exchange: Exchange) -> None:
        if mode == "poll":
            await exchange.answer_snapshot(snapshot(1))
            return
        await open_live(exchange, mode)
        await tell(exchange, mode, snapshot(1))
        await exchange.until_closed()

    async with serving(busy, ready) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, random=now)
        await viewer.until(lambda v: v.version == version(1), TIMEOUT_S)
    assert viewer.counts.losses == 1


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (ErrorCode.UNKNOWN_CHANNEL, True),
        (ErrorCode.FORBIDDEN, True),
        (ErrorCode.TOKEN_EXPIRED, True),
        (ErrorCode.UNAVAILABLE, False),
    ],
)
async def test_error_of_the_channel(code: ErrorCode, ends: bool) -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(ErrorMessage(code, "it is so", CHANNEL))
        await exchange.until_closed()

    async def second(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1))
        await exchange.until_closed()

    async with serving(first, *([] if ends else [second])) as url:
        viewer = Viewer(url, CHANNEL, random=now)
        if ends:
            with pytest.raises(Refused, match="it is so"):
                await viewer.until(lambda _: False, TIMEOUT_S)
        else:
            await viewer.until(lambda v: v.version == version(1), TIMEOUT_S)
    assert viewer.last_error is not None
    assert viewer.last_error.code is code


def asked(exchange: Exchange, payload: bytes) -> ViewerMessage:
    return decode_viewer_msgpack(payload) if exchange.packed else decode_viewer_json(payload)


@pytest.mark.parametrize("mode", ["websocket", "msgpack"])
async def test_what_cannot_be_read_is_counted_told_and_a_snapshot_asked_for(mode: Mode) -> None:
    told: asyncio.Future[list[ViewerMessage]] = asyncio.get_running_loop().create_future()

    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1))
        # Twice, and one question: for a snapshot, as what leads on may be what cannot be read.
        for _ in range(2):
            await exchange.frame(b"\xc1oops", 2 if exchange.packed else 1)
        heard = [asked(exchange, (await exchange.client_frame())[1]) for _ in range(4)]
        told.set_result(heard)
        await exchange.send(snapshot(5))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, beat_s=0)
        await viewer.until(lambda v: v.version == version(5), TIMEOUT_S)
    assert await told == [Unwatch(CHANNEL), Watch(CHANNEL), Beat(malformed=1), Beat(malformed=1)]
    assert (viewer.counts.malformed, viewer.counts.resyncs, viewer.counts.losses) == (2, 0, 0)


async def test_what_cannot_be_read_on_a_stream_opens_it_anew_for_a_snapshot() -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.event(snapshot(1))
        await exchange.write(b"e\r\ndata: {oops}\n\n\r\n")
        await exchange.until_closed()

    async def second(exchange: Exchange) -> None:
        assert exchange.since is None
        await exchange.stream()
        await exchange.event(snapshot(3))
        await exchange.until_closed()

    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, mode="sse", random=now)
        await viewer.until(lambda v: v.version == version(3), TIMEOUT_S)
    assert (viewer.counts.malformed, viewer.counts.resyncs, viewer.counts.losses) == (1, 0, 1)


@pytest.mark.parametrize("mode", ["sse", "poll"])
async def test_what_was_counted_is_told_by_a_request_where_there_is_no_websocket(mode: Mode) -> None:
    told: asyncio.Future[tuple[str, str, ViewerMessage]] = asyncio.get_running_loop().create_future()

    async def serve(exchange: Exchange) -> None:
        if exchange.path == "/v1/beats":
            message = decode_viewer_json(await exchange.read_body())
            await exchange.answer(204)
            if not told.done():
                told.set_result((exchange.headers["content-type"], exchange.headers["authorization"], message))
        elif mode == "poll":
            await exchange.answer(200, b"oops", ETag='"x"')
        else:
            await exchange.stream()
            await exchange.event(snapshot(1))
            await exchange.write(b"e\r\ndata: {oops}\n\n\r\n")
            await exchange.until_closed()

    async with serving(*[serve] * 2000) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, token="secret", beat_s=0, poll_interval_s=0.05, random=lambda: 0.05)
        await viewer.until(lambda _: told.done(), TIMEOUT_S)
    assert await told == ("application/json", "Bearer secret", Beat(malformed=1))


async def test_what_cannot_be_read_when_polling_is_asked_for_anew() -> None:
    async def odd(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"type":"snapshot"}', ETag='"x"')

    async def good(exchange: Exchange) -> None:
        assert "if-none-match" not in exchange.headers
        await exchange.answer_snapshot(snapshot(2))

    async with serving(odd, good) as url:
        viewer = Viewer(url, CHANNEL, mode="poll", poll_interval_s=0.001)
        await viewer.until(lambda v: v.version == version(2), TIMEOUT_S)
    assert (viewer.counts.malformed, viewer.counts.losses) == (1, 0)


async def test_gaps_are_told() -> None:
    told: asyncio.Future[ViewerMessage] = asyncio.get_running_loop().create_future()

    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1), delta(3))
        for _ in range(2):
            await exchange.client_frame()
        told.set_result(asked(exchange, (await exchange.client_frame())[1]))
        await exchange.send(delta(3, before=1))
        await exchange.until_closed()

    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL, beat_s=0)
        await viewer.until(lambda v: v.version == version(3), TIMEOUT_S)
    assert await told == Beat(resyncs=1)


async def test_polling_is_told_of_the_status_with_and_without_a_body() -> None:
    async def changed(exchange: Exchange) -> None:
        # A cache has renewed the header of what it keeps: the body is the older of the two.
        message = snapshot(1)
        await exchange.answer(
            200, encode_json(message), ETag=f'"{message.version}"', Grandstand_Status="lagging;behind_ms=700"
        )

    async def unchanged(exchange: Exchange) -> None:
        await exchange.answer(304, ETag=f'"{version(1)}"', Grandstand_Status="paused;behind_ms=9000")

    seen: list[tuple[str, int]] = []
    async with serving(changed, unchanged) as url:
        viewer = Viewer(url, CHANNEL, mode="poll", poll_interval_s=0.001)
        async with asyncio.timeout(TIMEOUT_S), aclosing(viewer.updates()) as updates:
            async for update in updates:
                if isinstance(update.message, Status):
                    seen.append((viewer.state.status, viewer.state.behind_ms))
                if viewer.state.status == "paused":
                    break
    assert seen == [("lagging", 700), ("paused", 9000)]


@pytest.mark.parametrize("mode", LIVE)
async def test_a_token_that_has_expired_is_replaced(mode: Mode) -> None:
    tokens = iter(["first", RuntimeError("not now"), "second", "third"])

    async def give() -> str:
        token = next(tokens)
        if isinstance(token, RuntimeError):
            raise token
        return token

    async def first(exchange: Exchange) -> None:
        assert exchange.headers["authorization"] == "Bearer first"
        await open_live(exchange, mode)
        await tell(exchange, mode, snapshot(1), ErrorMessage(ErrorCode.TOKEN_EXPIRED, "the token has expired"))

    async def second(exchange: Exchange) -> None:
        assert exchange.headers["authorization"] == "Bearer second"
        await exchange.answer(401, b'{"code":"unauthorized","detail":"not that one"}')

    async def third(exchange: Exchange) -> None:
        assert (exchange.headers["authorization"], exchange.since) == ("Bearer third", version(1))
        await open_live(exchange, mode)
        await tell(exchange, mode, delta(2))
        await exchange.until_closed()

    details: list[str] = []
    async with serving(first, second, third) as url:
        viewer = Viewer(url, CHANNEL, mode=mode, token=give, random=now)
        async with asyncio.timeout(TIMEOUT_S), aclosing(viewer.updates()) as updates:
            async for update in updates:
                if update.connection is Connection.WAITING:
                    details.append(update.detail)
                if viewer.version == version(2):
                    break
    expired, none, refused = details
    assert "expired" in expired
    assert "RuntimeError" in none
    assert "not now" not in none
    assert "not that one" in refused
    assert (viewer.counts.resumed, viewer.counts.resyncs) == (1, 0)


async def test_other_subprotocol_is_a_loss() -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.upgrade(protocol=None)
        await exchange.until_closed()

    async def second(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1))
        await exchange.until_closed()

    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, random=now)
        await viewer.until(lambda v: v.version == version(1), TIMEOUT_S)


async def test_silence_is_a_loss() -> None:
    async def first(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1))
        await exchange.until_closed()

    async def second(exchange: Exchange) -> None:
        assert exchange.since == version(1)
        await exchange.upgrade()
        await exchange.send(delta(2))
        await exchange.until_closed()

    async with serving(first, second) as url:
        viewer = Viewer(url, CHANNEL, silence_s=2, random=now)
        await viewer.until(lambda v: v.version == version(2), TIMEOUT_S)


async def test_close_ends_a_wait() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.upgrade()
        await exchange.send(snapshot(1))
        opcode, payload = await exchange.client_frame()
        assert (opcode, payload) == (8, struct.pack(">H", 1000))

    seen: list[Connection] = []
    async with serving(script) as url:
        viewer = Viewer(url, CHANNEL)

        def on_update(update: object) -> None:
            seen.append(viewer.connection)
            if viewer.version is not None:
                asyncio.get_running_loop().call_soon(viewer.close)

        async with asyncio.timeout(TIMEOUT_S):
            await viewer.run(on_update)
    assert seen == [Connection.CONNECTING, Connection.OPEN, Connection.OPEN]
    assert viewer.connection is Connection.CLOSED


async def test_nobody_listens_and_close_ends_the_back_off() -> None:
    async with serving() as url:
        pass
    viewer = Viewer(url, CHANNEL, random=lambda: 0.999)
    async with asyncio.timeout(TIMEOUT_S):
        await viewer.run(lambda update: viewer.close() if update.connection is Connection.WAITING else None)
    assert viewer.counts.losses == 1


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://localhost", "http://"])
def test_not_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        Viewer(url, CHANNEL)
