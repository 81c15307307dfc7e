"""A board that nobody keeps any more says so in every way in which it is read, and is well again with the next aggregator."""

from __future__ import annotations

from pathlib import Path

from gateway.model.boards import STATUS_KEY
from tests import patience
from tests.aggregate.boards.test_losses import publish
from tests.stores import Store
from tests.system.aggregators import Aggregator, aggregators
from tests.system.gateway import gateway
from tests.system.test_leaderboards import ask
from tests.wire.peer import Peer, peer

BOARD, CHANNEL = "kills.all", "board:kills.all"
STALE_S = 3


def heard(viewer: Peer, status: str) -> None:
    """Returns when the viewer is told that the channel is so."""
    patience.until(lambda: viewer.next("status")["status"] == status, f"the status {status}")


def test_viewers_of_a_board_that_nobody_keeps_are_told(tmp_path: Path, valkey_server: Store) -> None:
    settings = {"boards__stale_s": STALE_S, "bus__url": valkey_server.url}
    with (
        gateway(tmp_path / "gateway", aggregate__enabled=False, **settings) as served,
        aggregators(tmp_path, valkey_server.url, boards__stale_s=STALE_S) as running,
    ):

        def until(condition: object, what: str) -> None:
            assert callable(condition)
            patience.until(condition, lambda: f"{what}\n{running[0].log_text()[-3000:]}{served.log_text()[-3000:]}")

        def complete() -> bool:
            status, _, page = ask(f"{served.url}/v1/leaderboards/{BOARD}")
            return status == 200 and bool(page["complete"])

        def channel() -> tuple[str, bool]:
            _, headers, snapshot = ask(f"{served.url}/v1/channels/{CHANNEL}")
            status = str(snapshot["status"])
            assert headers["grandstand-status"].startswith(status)
            return status, bool(snapshot["state"]["complete"])

        publish(valkey_server.client, "match:1", [("ana", 3)])
        until(complete, "the board")
        until(lambda: ask(f"{served.url}/v1/channels/{CHANNEL}")[0] == 200, "the board's channel")
        until(lambda: channel() == ("live", True), "the board's channel to be well")
        with peer(served.port) as first, peer(served.port) as second:
            for viewer in (first, second):
                viewer.upgrade(f"/v1/live?channel={CHANNEL}").next("snapshot")
            running[0].kill()
            for viewer in (first, second):
                heard(viewer, "paused")
            until(lambda: not complete(), "the board to say that it is not complete")
            # A version names its document: what was written stays, and its status says what it is worth.
            assert channel() == ("paused", True)
            with peer(served.port) as late:
                assert late.upgrade(f"/v1/live?channel={CHANNEL}").next("snapshot")["status"] == "paused"
            running[0] = Aggregator(tmp_path / "again", valkey_server.url, boards__stale_s=STALE_S)
            for viewer in (first, second):
                heard(viewer, "live")
            until(complete, "the board to be complete again")
            publish(valkey_server.client, "match:1", [("ben", 5)])
            for viewer in (first, second):
                patience.until(lambda viewer=viewer: "ben" in str(viewer.next("delta")), "what is new")  # type: ignore[misc]
            until(lambda: channel() == ("live", True), "the board's channel to be well again")
            # What aggregators say cannot be read: nothing is known of them.
            running[0].kill()
            valkey_server.client.delete(STATUS_KEY)
            valkey_server.client.set(STATUS_KEY, "another's")
            for viewer in (first, second):
                heard(viewer, "paused")
            assert not complete()
            valkey_server.client.delete(STATUS_KEY)
            running[0] = Aggregator(tmp_path / "third", valkey_server.url, boards__stale_s=STALE_S)
            for viewer in (first, second):
                heard(viewer, "live")
            until(complete, "the board to be complete in the end")
