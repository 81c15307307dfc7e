"""How a worker says goodbye: `bye` with a spread of retry times, then the connections close a few at a time (1012).

The spread keeps the viewers of a drained worker from arriving at the others all at once.
"""

from __future__ import annotations

import asyncio

from gateway.edge.context import Context
from gateway.edge.fallthrough import FallThrough
from gateway.edge.hub import Hub
from gateway.model.messages import Bye

SERVICE_RESTART = 1012
VIEWERS_PER_SECOND = 5_000
"""How many arrivals a second the retry times are spread for."""
STEP_S = 0.02
TELL_AT_ONCE = 50
"""Channels that are told in one go: the viewers of the others go on being served."""


async def drain(context: Context, hub: Hub, http: FallThrough, within_s: float) -> None:
    """Sends `bye` to every viewer and closes all connections within `within_s` seconds."""
    table = context.plane.table
    spread_ms = max(500, table.connected * 1000 // VIEWERS_PER_SECOND)
    bye = Bye(reason="drain", retry_ms=(100, 100 + spread_ms))
    loop = context.loop
    began = loop.time()
    for number, seat in enumerate(list(hub.seats.values())):
        if number % TELL_AT_ONCE == TELL_AT_ONCE - 1:
            await asyncio.sleep(0)
        for outlet in list(seat.outlets.values()):
            outlet.tell(bye)
    closing = loop.create_task(http.drain(within_s))
    await asyncio.sleep(STEP_S)
    connections = table.connections()
    steps = max(1, int(within_s / 2 / STEP_S))
    share = max(64, -(-len(connections) // steps))
    for start in range(0, len(connections), share):
        for conn in connections[start : start + share]:
            table.close(conn, SERVICE_RESTART, b"drain")
        await asyncio.sleep(STEP_S)
    while table.connected and loop.time() - began < within_s:
        await asyncio.sleep(STEP_S)
    await closing
