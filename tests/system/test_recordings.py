"""The three recorded matches at fifty times their speed through the whole way, watched in every way there is."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.replay.finding import open_recording
from gateway.replay.fold import fold_file
from gateway.replay.programme import channel_of
from tests.patience import until
from tests.system.gateway import gateway
from tests.wire.peer import Document, Peer

FOLDERS = ("dota2-ti8-final-g5", "rocket-league-rlcs-s8", "football-wc2018-final")
SPEED = 50


def matches() -> Path:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("GRANDSTAND_MATCHES") or beside)
    if not all((folder / name / "events.ndjson.gz").is_file() for name in FOLDERS):
        pytest.skip("the recorded matches are not here: put them in ../shared/data or name them by GRANDSTAND_MATCHES")
    return folder


class Watcher(threading.Thread):
    """One viewer in a thread; ends when the match has ended."""

    def __init__(self, port: int, channel: str, way: str) -> None:
        super().__init__(daemon=True)
        self.way = f"{channel} {way}"
        self.document = Document()
        self.polls = {200: 0, 304: 0}
        self.error: BaseException | None = None
        self._port, self._channel = port, channel
        self._read: Callable[[], None] = getattr(self, way)

    def run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001
            self.error = error

    def _ended(self) -> bool:
        state = self.document.state
        return isinstance(state, dict) and state.get("status") == "ended"

    @staticmethod
    def _opened(peer: Peer) -> Peer:
        assert peer.status in (101, 200), peer.status
        return peer

    def json(self) -> None:
        peer = self._opened(Peer(self._port).upgrade(f"/v1/live?channel={self._channel}"))
        while not self._ended():
            self.document.receive(peer.message())
        peer.close()

    def msgpack(self) -> None:
        target = f"/v1/live?channel={self._channel}"
        peer = self._opened(Peer(self._port).upgrade(target, Sec_WebSocket_Protocol="grandstand.v1.msgpack"))
        while not self._ended():
            opcode, payload = peer.frame()
            assert opcode == 2
            self.document.receive(msgspec.msgpack.decode(payload))
        peer.close()

    def sse(self) -> None:
        peer = self._opened(Peer(self._port).stream(self._channel))
        while not self._ended():
            self.document.receive(peer.event()[1])
        peer.close()

    def poll(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        etag = ""
        while not self._ended():
            connection.request("GET", f"/v1/channels/{self._channel}", headers={"If-None-Match": etag})
            answer = connection.getresponse()
            body = answer.read()
            self.polls[answer.status] += 1
            if answer.status == 200:
                etag = answer.headers["ETag"]
                self.document.receive(json.loads(body))
            time.sleep(0.2)
        connection.close()


def figures(folder: str, sheet: dict[str, Any], state: dict[str, Any]) -> None:
    """The document against the official final figures."""
    if folder == "football-wc2018-final":
        scores = {team["name"]: team["score"] for team in state["teams"].values()}
        assert scores == {"France": 4, "Croatia": 2}
        return
    score = sheet["score"]
    official = score if isinstance(score, list) else [score["blue"], score["orange"]]
    assert [team["score"] for team in sorted(state["teams"].values(), key=lambda team: team["order"])] == official
    rows = {row["name"]: row for row in state["players"].values()}
    for player in sheet["players"]:
        shown = rows[player["name"]]
        for name, value in player["final"].items():
            # The document keeps the word `score` for teams: a player's own is `points`.
            assert value is None or shown["points" if name == "score" else name] == value, (player["id"], name)


@pytest.mark.timeout(600)
def test_every_viewer_ends_on_the_fold_of_the_file_and_the_official_figures(tmp_path: Path) -> None:
    folder = matches()
    with gateway(tmp_path, listen__workers=2) as served:
        url = served.wait_for_log("embedded_store", 1)["url"]
        players, watchers = [], []
        for name in FOLDERS:
            command = [sys.executable, "-m", "gateway.cli.main", "replay", str(folder / name), "--speed", str(SPEED),
                       "--bus", url, "--json"]  # fmt: skip
            players.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        for name in FOLDERS:
            channel = channel_of(open_recording(str(folder / name)).match_id)

            def known(channel: str = channel) -> bool:
                connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
                connection.request("GET", f"/v1/channels/{channel}")
                status = connection.getresponse().status
                connection.close()
                return status == 200

            until(known, f"{channel} to begin")
            for way in ("json", "json", "json", "msgpack", "msgpack", "sse", "sse", "poll"):
                watcher = Watcher(served.port, channel, way)
                watcher.folder = name  # type: ignore[attr-defined]
                watchers.append(watcher)
                watcher.start()
        shares = [worker["connections"]["ws"] + worker["connections"]["sse"] for worker in served.workers()]
        assert min(shares) > 0, "both workers have viewers"
        for process in players:
            assert process.wait(200) == 0
        for watcher in watchers:
            watcher.join(20)
            assert watcher.error is None, (watcher.way, watcher.error)
            assert not watcher.is_alive(), (watcher.way, watcher.polls, watcher.document.version)
        folds = {name: fold_file(open_recording(str(folder / name))) for name in FOLDERS}
        for watcher in watchers:
            name = watcher.folder  # type: ignore[attr-defined]
            assert watcher.document.state == folds[name], watcher.way
            figures(name, json.loads((folder / name / "meta.json").read_text()), watcher.document.state)
            if not watcher.way.endswith("poll"):
                assert watcher.document.snapshots == 1, watcher.way
        deltas = {watcher.way: watcher.document.deltas for watcher in watchers}
        print(f"viewers by worker {shares}; deltas {deltas}")
