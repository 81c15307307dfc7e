"""`python -m tests.wire.tls_forward PORT CERTIFICATE`: listens in the clear and passes on to a TLS port, half closes included.

For suites that speak no TLS. Prints the port it listens on; ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

CHUNK = 65_536


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    # TLS has no half close that a transport could do: the end of either side is the end of both.
    writer.close()


async def main(port: int, certificate: str) -> None:
    context = ssl.create_default_context(cafile=certificate)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
        except OSError:
            writer.close()
            return
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_pass_on(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
