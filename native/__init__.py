"""Bytes and file descriptors at full speed: frames, the connection table and the fan-out. Knows no channel and no JSON."""

from native.ledger import counts

__all__ = ["counts"]
