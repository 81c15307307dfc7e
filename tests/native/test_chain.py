"""Whatever the sockets do, each viewer sees one unbroken chain: every frame starts from what the one before it left."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from native.connections import SSE, WS
from native.frames import Frame, ws_frame
from tests.native.stand import Stand, Viewer

GROUPS = 3


def step(group: int, held: int, to: int, size: int) -> Frame:
    return ws_frame(b"%d %d %d " % (group, held, to) + b"." * size, False)


@dataclass
class Watcher:
    """A viewer and what it holds of each group."""

    viewer: Viewer
    conn: int
    held: dict[int, int] = field(default_factory=dict)

    def read(self, chance: random.Random) -> None:
        if chance.random() < 0.3:
            self.viewer.take()
        for _, payload in self.viewer.frames() if chance.random() < 0.3 else []:
            group, held, to = (int(word) for word in payload.split()[:3])
            if group not in self.held:
                continue
            assert held in (0, self.held[group]), (self.held, payload[:20])
            self.held[group] = to


def answer(stand: Stand, newest: list[int], chance: random.Random) -> None:
    for event in stand.poll():
        if event[0] == "behind" and chance.random() < 0.9:
            _, group, held = event
            index = stand.groups.index(group)
            stand.fanout.serve(group, held, step(index, held, newest[index], chance.randrange(30_000)), newest[index])


@pytest.mark.parametrize("seed", range(12))
def test_chain(seed: int) -> None:
    chance = random.Random(seed)
    stand = Stand(max_connections=64, max_subscriptions=GROUPS)
    groups = [stand.group() for _ in range(GROUPS)]
    newest, sent = [1] * GROUPS, [1] * GROUPS
    watchers: list[Watcher] = []
    for _ in range(2500):
        dice = chance.random()
        if dice < 0.05 and len(watchers) < 40:
            viewer, conn = stand.parked(chance.choice([WS, SSE]), small=chance.random() < 0.7)
            watchers.append(Watcher(viewer, conn))
        elif dice < 0.10 and watchers:
            watcher, index = chance.choice(watchers), chance.randrange(GROUPS)
            if index not in watcher.held:
                watcher.held[index] = 0
                frame = step(index, 0, newest[index], chance.randrange(50_000))
                assert stand.table.subscribe(watcher.conn, groups[index], newest[index], frame) in (1, 2)
        elif dice < 0.12 and watchers:
            watcher = watchers.pop(chance.randrange(len(watchers)))
            stand.table.abort(watcher.conn) if chance.random() < 0.5 else watcher.viewer.sock.close()
        elif dice < 0.4:
            index = chance.randrange(GROUPS)
            newest[index] += 1
        elif dice < 0.7:
            index = chance.randrange(GROUPS)
            if not stand.fanout.active(groups[index]) and newest[index] > sent[index]:
                size = chance.choice([10, 1000, 30_000])
                frame = step(index, sent[index], newest[index], size)
                stand.fanout.start(groups[index], frame, sent[index], newest[index])
                sent[index] = newest[index]
        else:
            stand.fanout.run(0)
        answer(stand, newest, chance)
        for watcher in watchers:
            if dice > 0.8:
                watcher.read(chance)
    stats = stand.table.stats()
    assert stats["partial_sends"] > 20, stats
    assert stats["blocked_sends"] > 5, stats
    finish(stand, watchers, newest, sent)
    stand.end()


def finish(stand: Stand, watchers: list[Watcher], newest: list[int], sent: list[int]) -> None:
    """Everybody reads everything: at the end everybody holds the newest."""
    eager = random.Random(1)
    eager.random = lambda: 0.0  # type: ignore[method-assign]

    def done() -> bool:
        answer(stand, newest, eager)
        for watcher in watchers:
            watcher.read(eager)
        return all(held == newest[index] for watcher in watchers for index, held in watcher.held.items())

    for index, group in enumerate(stand.groups):
        stand.run()
        newest[index] += 1
        frame = step(index, sent[index], newest[index], 1)
        stand.fanout.start(group, frame, sent[index], newest[index])
        stand.run()
    stand.events.clear()
    for _ in range(20_000):
        if done():
            break
    lag = [(w.held, newest) for w in watchers if any(newest[i] != h for i, h in w.held.items())]
    assert not lag, (lag[:3], stand.table.stats())
    assert stand.table.stats()["behind"] == 0
