"""OpenDota's form: the same match as our event file, from a file and over HTTP; clear errors when it cannot be had."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.replay.finding import open_recording
from gateway.replay.recording import Recording, RecordingError
from gateway.replay.sources.opendota import convert, fetch_opendota, open_opendota

FOLDER = "dota2-ti8-final-g5"


def ops(recording: Recording) -> Counter[str]:
    return Counter(event["op"] for _, events in recording.events for event in events)


def without_chat(recording: Recording) -> list[tuple[int, list[str]]]:
    """Each time with its events, in no order within it: OpenDota's form has no order there, and no chat here."""
    told: dict[int, list[str]] = {}
    for t_ms, events in recording.events:
        for event in events:
            if event["op"] not in ("chatwheel", "clock"):
                told.setdefault(t_ms, []).append(event["op"])
    return [(t_ms, sorted(names)) for t_ms, names in sorted(told.items())]


def test_opendota_json_tells_the_same_match_as_the_event_file(matches: Path) -> None:
    ours, theirs = open_recording(str(matches / FOLDER)), open_opendota(matches / FOLDER / "opendota.json.gz")
    assert theirs.state == ours.state
    assert theirs.duration_ms == ours.duration_ms
    assert ops(ours) - ops(theirs) == {"chatwheel": 33}
    assert not ops(theirs) - ops(ours)
    assert without_chat(theirs) == without_chat(ours)
    assert list(theirs.events)[-1] == list(ours.events)[-1]
    assert theirs.match_id == "opendota-4080856812"


def test_without_a_table_of_heroes_kills_are_told_all_the_same(matches: Path, tmp_path: Path) -> None:
    alone = tmp_path / "match.json"
    alone.write_bytes(gzip.decompress((matches / FOLDER / "opendota.json.gz").read_bytes()))
    assert ops(open_recording(str(alone)))["kill"] == 67


@pytest.fixture
def server() -> Iterator[Callable[[dict[str, tuple[int, bytes]]], str]]:
    """Starts a real HTTP server with these answers and gives its URL."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answers: dict[str, tuple[int, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.get(self.path, (404, b"{}"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((http, thread))
        return f"http://127.0.0.1:{http.server_address[1]}/api"

    yield start
    for http, thread in servers:
        http.shutdown()
        http.server_close()
        thread.join()


def test_a_match_is_fetched_from_the_api(matches: Path, server: Callable[[Any], str]) -> None:
    heroes = json.loads((matches / FOLDER / "heroes.json").read_bytes())
    table = json.dumps([{"id": int(key), **hero} for key, hero in heroes.items()]).encode()
    match = gzip.decompress((matches / FOLDER / "opendota.json.gz").read_bytes())
    url = server({"/api/matches/4080856812": (200, match), "/api/heroes": (200, table)})
    fetched = fetch_opendota("4080856812", api_url=url)
    from_file = open_opendota(matches / FOLDER / "opendota.json.gz")
    assert fetched.state == from_file.state
    assert list(fetched.events) == list(from_file.events)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "does not know this match"),
        ({"/api/matches/5": (500, b"")}, "answered 500"),
        ({"/api/matches/5": (429, b"")}, "answered 429"),
        ({"/api/matches/5": (200, b"<html>"), "/api/heroes": (200, b"[]")}, "not JSON"),
        ({"/api/matches/5": (200, b"[]"), "/api/heroes": (200, b"[]")}, "not a JSON object"),
        ({"/api/matches/5": (200, b"{}"), "/api/heroes": (200, b"[]")}, "'players' is missing"),
        ({"/api/matches/5": (200, b"{}"), "/api/heroes": (200, b"[7]")}, "wrong type"),
        ({"/api/matches/5": (200, b'{"players":[{"kills_log":null}]}'), "/api/heroes": (200, b"[]")}, "not parsed"),
    ],
)
def test_bad_answers_are_one_line(server: Callable[[Any], str], answers: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordingError, match=reason) as caught:
        fetch_opendota("5", api_url=server(answers))
    assert str(caught.value).startswith("opendota:5: ")
    assert "\n" not in str(caught.value)


def test_without_a_network_the_error_says_so() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(RecordingError, match=r"cannot reach 127\.0\.0\.1 .* is there a network"):
        fetch_opendota("5", api_url=url)


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RecordingError, match=r"no answer from 127\.0\.0\.1 in time"):
            fetch_opendota("5", api_url=url, timeout_s=0.2)


@pytest.mark.parametrize("match_id", ["", "x", "-1", "../heroes", "５"])
def test_a_match_id_is_a_number(match_id: str) -> None:
    with pytest.raises(RecordingError, match="a match id is a number"):
        open_recording(f"opendota:{match_id}")


def test_a_field_of_a_wrong_type_is_an_error() -> None:
    with pytest.raises(RecordingError, match="wrong type"):
        convert({"players": 5}, {}, where="x")
