"""The live path end to end: XADD in, deltas out, on every transport, with every way to join and resume."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.model.twin import merge
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import STATE, Studio
from tests.wire.peer import Closed, Document, Peer, peer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("live")
    with gateway(directory, aggregate__enabled=False, access__anonymous_publish=True) as process:
        yield process


@pytest.fixture
def studio(served: GatewayProcess, request: pytest.FixtureRequest) -> Iterator[Studio]:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    url = served.wait_for_log("embedded_store", 1)["url"]
    match = Studio(url, f"match:{name}")
    match.open()
    yield match
    match.close()


def get(served: GatewayProcess, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def watch(served: GatewayProcess, studio: Studio, since: str | None = None, **headers: str) -> Peer:
    connection = Peer(served.port)
    target = f"/v1/live?channel={studio.channel}" + (f"&since={since}" if since else "")
    connection.upgrade(target, **headers)
    assert connection.status == 101, connection.body
    return connection


def test_an_event_reaches_a_parked_viewer(served: GatewayProcess, studio: Studio) -> None:
    viewer, held = watch(served, studio), Document()
    held.receive(viewer.next("snapshot"))
    assert held.state == STATE
    studio.patch({"teams": {"red": {"score": 1}}}, op="goal", player="p3")
    delta = viewer.next("delta")
    held.receive(delta)
    assert delta["patch"] == {"teams": {"red": {"score": 1}}}
    assert delta["events"] == [{"op": "goal", "player": "p3"}]
    assert held.state["teams"]["red"]["score"] == 1
    assert "t" not in delta["events"][0]
    viewer.close()


def test_every_transport_ends_on_the_same_document(served: GatewayProcess, studio: Studio) -> None:
    text = watch(served, studio, Sec_WebSocket_Protocol="grandstand.v1.json")
    assert text.headers["sec-websocket-protocol"] == "grandstand.v1.json"
    binary = watch(served, studio, Sec_WebSocket_Protocol="grandstand.v1.msgpack")
    stream = Peer(served.port).stream(studio.channel)
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    documents = [Document(), Document(), Document()]
    last = ""
    for number in range(30):
        last = studio.patch({"figures": {"n": number, f"k{number % 7}": number if number % 3 else None}})
    position = last + "."
    while not (documents[0].version or "").startswith(position):
        documents[0].receive(text.message())
    while not (documents[1].version or "").startswith(position):
        opcode, payload = binary.frame()
        assert opcode == 2
        documents[1].receive(msgspec.msgpack.decode(payload))
    while not (documents[2].version or "").startswith(position):
        event_id, message = stream.event()
        documents[2].receive(message)
        if message["type"] in ("snapshot", "delta"):
            assert event_id == message["version"]
    status, headers, body = get(served, f"/v1/channels/{studio.channel}")
    assert status == 200
    assert headers["etag"] == f'"{documents[0].version}"'
    assert documents[0].state == documents[1].state == documents[2].state == json.loads(body)["state"]
    assert documents[0].version == documents[1].version == documents[2].version
    for connection in (text, binary, stream):
        connection.close()


def test_http_snapshot_has_validators_and_cache_headers(served: GatewayProcess, studio: Studio) -> None:
    path = f"/v1/channels/{studio.channel}"
    status, headers, _ = get(served, path)
    assert status == 200
    assert headers["cache-control"].startswith("public, s-maxage=1")
    assert "Authorization" in headers["vary"]
    assert headers["grandstand-status"].startswith("live;behind_ms=")
    status, again, body = get(served, path, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")
    assert again["grandstand-status"].startswith("live;behind_ms=")
    studio.score()
    until(lambda: get(served, path, If_None_Match=headers["etag"])[0] == 200)


def test_resume_inside_the_ring_is_one_delta(served: GatewayProcess, studio: Studio) -> None:
    viewer, held = watch(served, studio), Document()
    held.receive(viewer.next("snapshot"))
    viewer.close()
    last = ""
    for number in range(40):
        last = studio.patch({"figures": {"n": number}})
    until(lambda: get(served, f"/v1/channels/{studio.channel}")[1]["etag"].startswith(f'"{last}.'))
    back = watch(served, studio, since=held.version)
    while not (held.version or "").startswith(f"{last}."):
        held.receive(back.message())
    assert held.snapshots == 1
    assert held.deltas <= 2, "the other worker may be a flush behind"
    assert held.state["figures"] == {"n": 39}
    back.close()


def test_a_worker_that_has_just_begun_to_follow_resumes_too(served: GatewayProcess, studio: Studio) -> None:
    """Its own view has never had the versions of those who come to it: it asks the owner how to go on from them."""
    first, held = watch(served, studio), Document()
    held.receive(first.next("snapshot"))
    versions = [held.version]
    while len(versions) < 5:
        studio.patch({"figures": {f"n{len(versions)}": 1}})
        held.receive(first.next("delta"))
        versions.append(held.version)
    first.close()
    last = studio.patch({"figures": {"n1": None, "last": True}})
    for number in range(20):
        back, again = watch(served, studio, since=versions[number % 4]), Document()
        again.version, again.state = versions[number % 4], {}
        while not (again.version or "").startswith(f"{last}."):
            again.receive(back.message())
        assert again.snapshots == 0
        assert again.state["figures"] == {f"n{n}": 1 for n in range(number % 4 + 1, 5) if n > 1} | {"last": True}
        back.close()
    roles = {entry["role"] for entry in served.channels() if entry["channel"] == studio.channel}
    assert roles == {"owner", "follower"}


def test_a_channel_that_was_asked_for_too_early_is_there_once_it_begins(
    served: GatewayProcess,
) -> None:
    """By every worker, the owner and those that follow it; and nothing is kept of a channel that nobody publishes."""
    early = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:too-early")
    kept = [http.client.HTTPConnection("127.0.0.1", served.port, timeout=10) for _ in range(16)]

    def ask(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", f"/v1/channels/{early.channel}")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert {ask(connection) for connection in kept} == {404}
    assert early.channel not in {entry["channel"] for entry in served.channels()}
    early.open()
    assert {ask(connection) for connection in kept} == {200}
    for connection in kept:
        connection.close()
    early.close()


def test_resume_at_the_newest_version_is_told_so(served: GatewayProcess, studio: Studio) -> None:
    viewer = watch(served, studio)
    version = viewer.next("snapshot")["version"]
    viewer.close()
    back = watch(served, studio, since=version)
    assert back.message() == {"type": "tick", "channel": studio.channel, "version": version}
    back.close()


@pytest.mark.parametrize(
    "since", ["1-0.00000000", "0-0.ffffffff", "nonsense", "1-0", "999999999999999999999-1.00000000"]
)
def test_a_version_that_does_not_match_gets_a_snapshot(served: GatewayProcess, studio: Studio, since: str) -> None:
    back = watch(served, studio, since=since)
    assert back.message()["type"] == "snapshot"
    back.close()


def test_a_version_ahead_of_the_worker_waits_for_it(served: GatewayProcess, studio: Studio) -> None:
    viewer, held = watch(served, studio), Document()
    held.receive(viewer.next("snapshot"))
    studio.patch({"figures": {"n": 1}})
    held.receive(viewer.next("delta"))
    assert held.version is not None
    ahead = held.version.replace("1-1.", "1-3.", 1)
    waiting = watch(served, studio, since=ahead)
    studio.patch({"figures": {"n": 2}})
    studio.patch({"figures": {"n": 3}})
    # The digest does not match when the worker gets there, so the waiting viewer is given the state.
    assert waiting.next("snapshot")["state"]["figures"] == {"n": 3}
    for connection in (viewer, waiting):
        connection.close()


def test_a_version_far_ahead_gets_a_snapshot_after_five_seconds(served: GatewayProcess, studio: Studio) -> None:
    waiting = watch(served, studio, since="9-9.00000000")
    assert waiting.next("snapshot")["state"] == STATE
    waiting.close()


def test_last_event_id_resumes_a_stream(served: GatewayProcess, studio: Studio) -> None:
    stream, held = Peer(served.port).stream(studio.channel), Document()
    event_id, message = stream.event()
    held.receive(message)
    stream.close()
    studio.patch({"figures": {"n": 1}})
    until(lambda: get(served, f"/v1/channels/{studio.channel}")[1]["etag"].startswith('"1-1.'))
    assert event_id is not None
    back = Peer(served.port).stream(studio.channel, Last_Event_ID=event_id)
    # Of two workers it may be the one that hears of it later.
    while "figures" not in held.state:
        held.receive(back.event()[1])
    assert (held.snapshots, held.state["figures"]) == (1, {"n": 1})
    back.close()


def test_several_channels_over_one_connection(served: GatewayProcess, studio: Studio) -> None:
    other = Studio(served.wait_for_log("embedded_store", 1)["url"], studio.channel + "-b")
    other.open(title="Other")
    viewer = watch(served, studio)
    viewer.next("snapshot")
    viewer.say(op="watch", channel=other.channel)
    assert viewer.next("snapshot")["state"]["title"] == "Other"
    studio.score()
    other.score()
    heard = {viewer.next("delta")["channel"] for _ in range(2)}
    assert heard == {studio.channel, other.channel}
    viewer.say(op="unwatch", channel=studio.channel)
    viewer.say(op="dance")
    assert viewer.next("error")["code"] == "bad_request", "what was said before it is done"
    studio.score()
    other.score()
    assert viewer.next("delta")["channel"] == other.channel
    viewer.close()
    other.close()


def test_a_new_epoch_replaces_the_document_and_fences_the_old_one(served: GatewayProcess, studio: Studio) -> None:
    viewer, held = watch(served, studio), Document()
    held.receive(viewer.next("snapshot"))
    studio.patch({"figures": {"n": 1}})
    held.receive(viewer.next("delta"))
    studio.open(title="Second round")
    held.receive(viewer.next("snapshot"))
    assert held.state == {**STATE, "title": "Second round"}
    with pytest.raises(Exception, match="equal or smaller"):
        studio.publish({"op": "status", "status": "ended"}, epoch=1)
    viewer.close()


def test_malformed_entries_are_skipped_and_reported(served: GatewayProcess, studio: Studio) -> None:
    viewer, held = watch(served, studio), Document()
    held.receive(viewer.next("snapshot"))
    for bad in (
        b"not json",
        b"17",
        b'{"op":3}',
        b'{"op":"x","patch":[1]}',
        b"[" * 5000,
        b'{"op":"x","points":{"k":{"p":"1"}}}',
    ):
        studio.store.xadd(studio.key, {"t": "1", "e": bad}, id=f"{studio.epoch}-*")
    studio.store.xadd(studio.key, {"other": "field"}, id=f"{studio.epoch}-*")
    studio.patch({"figures": {"n": 1}})
    while "figures" not in held.state:
        held.receive(viewer.next("delta"))
    errors = next(c["errors"] for c in served.channels() if c["channel"] == studio.channel and c["role"] == "owner")
    assert len(errors) == 7
    assert all(error["position"].startswith("1-") and error["reason"] for error in errors)
    assert served.metric("grandstand_entries_malformed_total") >= 7
    viewer.close()


def test_unknown_channel_is_a_problem_before_the_upgrade_and_an_error_after(
    served: GatewayProcess, studio: Studio
) -> None:
    connection = Peer(served.port).upgrade("/v1/live?channel=match:nobody")
    assert connection.status == 404
    assert connection.headers["content-type"] == "application/problem+json"
    assert json.loads(connection.body)["code"] == "unknown_channel"
    connection.close()
    status, headers, body = get(served, "/v1/channels/match:nobody")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(body)["code"] == "unknown_channel"
    viewer = watch(served, studio)
    viewer.next("snapshot")
    viewer.say(op="watch", channel="match:nobody")
    assert viewer.next("error")["code"] == "unknown_channel"
    viewer.say(op="dance")
    assert viewer.next("error")["code"] == "bad_request"
    studio.score()
    viewer.next("delta")
    viewer.close()


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/v1/live?channel=Nonsense", {}, 400),
        ("/v1/live?channel=match:a%2Fb", {}, 400),
        ("/v1/live?channel=match:a&channel=match:a", {}, 400),
        ("/v1/live?channel=match:a&since=x&since=y", {}, 400),
        ("/v1/live", {"Sec_WebSocket_Version": "12"}, 426),
        ("/v1/live", {"Sec_WebSocket_Key": "bad"}, 400),
        ("/v1/live", {"Sec_WebSocket_Protocol": "graphql-ws"}, 400),
        ("/v1/live", {"Host": "a b"}, 400),
        ("/v1/live", {"Content_Length": "5"}, 400),
        ("/v1/live", {"Authorization": "Bearer nonsense"}, 401),
        ("/v1/live", {"Origin": "https://elsewhere.example"}, 403),
    ],
)
def test_bad_handshakes_are_problems(served: GatewayProcess, target: str, headers: dict[str, str], status: int) -> None:
    with peer(served.port) as connection:
        connection.upgrade(target, **headers)
        assert connection.status == status
        assert connection.headers["content-type"] == "application/problem+json"
        assert json.loads(connection.body)["status"] == status
        with pytest.raises(Closed):
            connection.frame()


def test_oversize_message_closes_with_1009(served: GatewayProcess, studio: Studio) -> None:
    viewer = watch(served, studio)
    viewer.next("snapshot")
    viewer.send(b" " * 70_000)
    with pytest.raises(Closed) as closed:
        while True:
            viewer.message()
    assert closed.value.code == 1009
    viewer.close()


def test_too_many_messages_close_with_1008(served: GatewayProcess, studio: Studio) -> None:
    viewer = watch(served, studio)
    viewer.next("snapshot")
    with pytest.raises((Closed, OSError)) as closed:
        for _ in range(2000):
            viewer.say(op="beat")
        while True:
            viewer.message()
    assert isinstance(closed.value, OSError) or closed.value.code == 1008
    viewer.close()


def test_http_ingest_opens_an_epoch_and_appends(served: GatewayProcess, studio: Studio) -> None:
    channel = studio.channel + "-http"

    def post(body: bytes, kind: str = "application/json", **headers: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        fields = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request("POST", f"/v1/channels/{channel}/events", body, fields)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        connection.close()
        return answer.status, found

    status, first = post(json.dumps({"op": "reset", "state": STATE}).encode())
    assert (status, first["id"]) == (201, "1-0")
    lines = b'{"op":"kill","actor":"p1","target":"p6"}\n{"op":"kill","actor":"p1","target":"p7"}\n'
    status, appended = post(lines, "application/x-ndjson", Idempotency_Key="abc")
    assert (status, appended["id"], appended["events"], appended["duplicate"]) == (201, "1-1", 2, False)
    status, again = post(lines, "application/x-ndjson", Idempotency_Key="abc")
    assert (status, again["id"], again["duplicate"]) == (200, "1-1", True)
    _, _, body = get(served, f"/v1/channels/{channel}")
    assert json.loads(body)["state"]["players"]["p1"]["kills"] == 2
    assert post(b"{", "application/json")[0] == 422
    assert post(b"[]", "application/json")[0] == 422
    assert post(b"{}", "text/plain")[0] == 400
    assert post(b" " * 2_000_000)[0] == 413
    # The gateway's own page may publish where anybody may; another site's would, by everybody who looks at it.
    assert post(b'{"op":"kill"}', Origin=served.url)[0] == 201
    for origin in ("https://elsewhere.example", "null"):
        status, problem = post(b'{"op":"kill"}', Origin=origin)
        assert (status, problem["field"]) == (403, "origin")


def test_keep_alive_connection_may_turn_into_a_stream(served: GatewayProcess, studio: Studio) -> None:
    with peer(served.port) as connection:
        connection.request(f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert connection.status == 200
        connection.request(f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert connection.status == 200
        connection.stream(studio.channel)
        assert connection.event()[1]["type"] == "snapshot"
        studio.score()
        while connection.event()[1]["type"] != "delta":
            pass


def test_a_kept_connection_may_ask_for_a_stream_in_pieces(served: GatewayProcess, studio: Studio) -> None:
    for cut in (3, 20, 40):
        with peer(served.port) as connection:
            connection.request(f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            head = f"GET /v1/channels/{studio.channel}/stream HTTP/1.1\r\nHost: h\r\n\r\n".encode()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(cut):
                connection.sock.sendall(head[at : at + 1])
            connection.request(head[cut:])
            assert connection.status == 200
            assert connection.event()[1]["type"] == "snapshot"
        with peer(served.port) as connection:
            connection.request(f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            head = f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
            connection.sock.sendall(head[:cut])
            connection.request(head[cut:])
            assert (connection.status, connection.headers["content-type"]) == (200, "application/json")


def test_a_stream_behind_an_unanswered_request_is_refused(served: GatewayProcess, studio: Studio) -> None:
    """What lies in one segment with another request is HTTP's, which says so instead of going on as if there were nothing."""
    first = f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n"
    for target in (f"/v1/channels/{studio.channel}/stream", "/v1/live"):
        with peer(served.port) as connection:
            connection.request(f"{first}GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert connection.status == 200
            connection.request(b"")
            assert connection.status == 400
            assert json.loads(connection.body)["detail"].startswith("a stream cannot be asked for behind")


def test_a_body_that_looks_like_a_request_is_none(served: GatewayProcess, studio: Studio) -> None:
    """A request is answered before its body has come, as it has no right; what comes of its body then is not looked into."""
    body = f"GET /v1/channels/{studio.channel}/stream HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    with peer(served.port) as connection:
        target = f"/v1/channels/{studio.channel}/events"
        fields = f"Host: h\r\nAuthorization: Bearer nonsense\r\nContent-Length: {len(body)}\r\n"
        connection.request(f"POST {target} HTTP/1.1\r\n{fields}\r\n".encode())
        assert connection.status == 401
        connection.request(body + f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert (connection.status, connection.headers["content-type"]) == (200, "application/json")


def test_what_is_no_request_is_a_problem_on_a_kept_connection_too(served: GatewayProcess, studio: Studio) -> None:
    refused = served.metric("grandstand_refusals_total", code="bad_request")
    with peer(served.port) as connection:
        connection.request(f"GET /v1/channels/{studio.channel} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert connection.status == 200
        connection.request(b"GET\x00/v1 nonsense\r\n\r\n")
        assert (connection.status, connection.headers["content-type"]) == (400, "application/problem+json")
        assert json.loads(connection.body)["code"] == "bad_request"
    assert served.metric("grandstand_refusals_total", code="bad_request") == refused + 1


def test_a_request_in_single_bytes_is_served(served: GatewayProcess, studio: Studio) -> None:
    with peer(served.port) as connection:
        key = base64.b64encode(b"0123456789abcdef").decode()
        head = (
            f"GET /v1/live?channel={studio.channel} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        ).encode()
        for position in range(len(head) - 1):
            connection.sock.sendall(head[position : position + 1])
        connection.request(head[-1:])
        assert connection.status == 101
        assert connection.next("snapshot")["state"] == STATE


def test_tls_viewers_are_served_alike(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
         str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with gateway(tmp_path / "gateway", listen__tls_cert=certificate, listen__tls_key=key) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:tls")
        studio.open()
        context = ssl.create_default_context(cafile=str(certificate))
        viewer, held = Peer(served.port, tls=context), Document()
        viewer.upgrade("/v1/live?channel=match:tls")
        stream = Peer(served.port, tls=context).stream("match:tls")
        held.receive(viewer.next("snapshot"))
        assert stream.event()[1]["type"] == "snapshot"
        studio.score()
        held.receive(viewer.next("delta"))
        while stream.event()[1]["type"] != "delta":
            pass
        with peer(served.port, tls=context) as plain:
            plain.request(b"GET /v1/channels/match:tls HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert json.loads(plain.body)["state"] == merge(STATE, held.state)
        viewer.close()
        stream.close()
        studio.close()
