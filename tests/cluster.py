"""A real Valkey Cluster of three primaries, with a replica each if wanted, made by commands alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.patience import until
from tests.ports import free_port
from tests.stores import Store

SLOTS = 16384
PRIMARIES = 3


class Cluster:
    """Nodes on 127.0.0.1."""

    def __init__(self, directory: Path, replicas: bool = False) -> None:
        count = PRIMARIES * (2 if replicas else 1)
        self.nodes = [
            Store(
                directory / f"node-{index}",
                "--cluster-enabled", "yes", "--cluster-node-timeout", "4000", "--cluster-port", str(free_port()),
                "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0",
            )
            for index in range(count)
        ]  # fmt: skip
        self._replicas = replicas

    def start(self) -> None:
        """Returns when all slots are served, and replicas are in step."""
        for node in self.nodes:
            node.start()
        first = self.nodes[0].client
        for node in self.nodes[1:]:
            bus_port = node.option("--cluster-port")
            first.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus_port)
        until(lambda: all(n.info("cluster_known_nodes") == str(len(self.nodes)) for n in map(_View, self.nodes)))
        for index in range(PRIMARIES):
            low, high = SLOTS * index // PRIMARIES, SLOTS * (index + 1) // PRIMARIES - 1
            self.nodes[index].client.execute_command("CLUSTER", "ADDSLOTSRANGE", low, high)
        for index, replica in enumerate(self.nodes[PRIMARIES:]):
            primary_id = self.nodes[index].client.execute_command("CLUSTER", "MYID")
            replica.client.execute_command("CLUSTER", "REPLICATE", primary_id)
            until(lambda r=replica: r.client.info("replication").get("master_link_status") == "up")
        self.wait()

    def wait(self) -> None:
        """Returns when every running node says that the cluster is well."""
        until(lambda: all(_View(node).info("cluster_state") == "ok" for node in self.nodes if node.running))

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            node.stop()

    @property
    def url(self) -> str:
        """As settings name it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def client(self) -> redis.RedisCluster:
        """A client for the test itself."""
        return redis.RedisCluster(
            startup_nodes=[redis.cluster.ClusterNode("127.0.0.1", node.port) for node in self.nodes if node.running]
        )

    def fail_over(self, index: int) -> None:
        """Kills a primary and returns when its replica has taken its slots."""
        replica = self.nodes[index + PRIMARIES]
        self.nodes[index].kill()
        until(lambda: replica.client.info("replication")["role"] == "master")
        self.wait()


class _View:
    def __init__(self, node: Store) -> None:
        self._node = node

    def info(self, name: str) -> str:
        answer = self._node.client.execute_command("CLUSTER", "INFO")
        if isinstance(answer, dict):
            return str(answer[name])
        lines = dict(line.split(":", 1) for line in answer.decode().split() if ":" in line)
        return lines[name]


@contextlib.contextmanager
def cluster(directory: Path, replicas: bool = False) -> Iterator[Cluster]:
    """A running cluster."""
    nodes = Cluster(directory, replicas)
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()
