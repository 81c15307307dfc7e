"""Any server under measurement as a process: what the kernel says that it cost and holds."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType

from loadtest.memory import private_bytes

NODE_SERVER = Path(__file__).parent.parent / "peers" / "ws.js"
START_TIMEOUT_S = 30.0


def cpu_s(pid: int) -> float:
    """Processor time of all threads so far, user and system, to the nanosecond that the scheduler keeps."""
    total_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total_ns += int((task / "schedstat").read_text().split()[0])
    return total_ns / 1e9


class NodeServer:
    """`loadtest/peers/ws.js`, which broadcasts with npm `ws`.

    Args:
        first: the text of the message that every new viewer gets.
    """

    def __init__(self, first: str, deflate: bool = False) -> None:
        command = ["node", str(NODE_SERVER), first, "deflate" if deflate else "plain"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def flush(self, message: str) -> int:
        """Sends one line of text to every viewer; returns to how many."""
        assert self.process.stdin is not None
        self.process.stdin.write(message + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def memory_bytes(self) -> int:
        """Private memory now."""
        return private_bytes(self.pid)

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the server with npm ws has ended")
        return line

    def __enter__(self) -> NodeServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
