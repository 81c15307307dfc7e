"""Messages of a stated size for fan-out benchmarks: a chain of real deltas, so that viewers can check every one."""

from __future__ import annotations

CHANNEL = "match:1"
HEAD = '{"type":"delta","channel":"%s","from":"%s","version":"%s","patch":{"pad":"'
TAIL = '"}}'


def version(number: int) -> str:
    """The version after `number` messages."""
    return f"1-{number}.{number & 0xFFFFFFFF:08x}"


def delta(number: int, size_bytes: int = 128) -> bytes:
    """The delta to version `number`, exactly `size_bytes` long.

    Raises:
        ValueError: it does not fit.
    """
    head = HEAD % (CHANNEL, version(number - 1), version(number))
    pad = size_bytes - len(head) - len(TAIL)
    if pad < 0:
        raise ValueError(f"a delta needs {len(head) + len(TAIL)} bytes")
    return (head + "x" * pad + TAIL).encode()


def stamped(number: int, sent_us: int, size_bytes: int) -> bytes:
    """The same with one event in it, published at `sent_us` (unix microseconds); `size_bytes` long or a little longer."""
    text = '{"type":"delta","channel":"%s","from":"%s","version":"%s","patch":{},"events":[{"sent_us":%d,"pad":"'
    head = text % (CHANNEL, version(number - 1), version(number), sent_us)
    return (head + "x" * (size_bytes - len(head) - 4) + '"}]}').encode()


def moving(number: int) -> bytes:
    """The delta to version `number` as a game makes it: where ten players are (about 440 bytes, which compress to half)."""
    places = []
    for player in range(10):
        seed = number * 7919 + player * 104_729
        places.append(f'"p{player}":{{"x":{seed * 3 % 16_384},"y":{seed * 5 % 16_384},"hp":{seed * 7 % 100}}}')
    text = '{"type":"delta","channel":"%s","from":"%s","version":"%s","patch":{"players":{%s}}}'
    return (text % (CHANNEL, version(number - 1), version(number), ",".join(places))).encode()


def snapshot(number: int) -> bytes:
    """A snapshot at version `number`."""
    text = '{"type":"snapshot","channel":"%s","version":"%s","state":{},"feed":[],"status":"live"}'
    return (text % (CHANNEL, version(number))).encode()
