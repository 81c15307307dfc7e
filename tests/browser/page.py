"""A page in Debian's Chromium, driven over a pipe by dashboard/scripts/drive.mjs (playwright-core)."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.frozen import below, frozen

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"


BUSY = "(() => { const until = performance.now() + 1000; while (performance.now() < until); })()"


class Page:
    """One page in one browser.

    Args:
        options: of the driver: `plain` for a browser in which tabs can be hidden, `diary` for pages that write down what they
            know and show.
    """

    def __init__(self, *options: str) -> None:
        command = ["node", "scripts/drive.mjs", *(f"--{option}" for option in options)]
        self._process = subprocess.Popen(
            command, cwd=DASHBOARD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, command: str, **arguments: Any) -> Any:
        """Runs one command of the driver."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def read(self) -> dict[str, Any]:
        """What the page shows."""
        shown: dict[str, Any] = self.do("read")
        return shown

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """No process of the browser runs meanwhile, as in a machine that sleeps: it hears nothing, and its timers stand."""
        processes = list(below(self._process.pid))
        assert len(processes) > 1, "a browser is several processes"
        with frozen(processes):
            yield

    @contextlib.contextmanager
    def frozen(self, tab: str) -> Iterator[None]:
        """The process that runs this tab, and no other tab, does not run meanwhile."""
        before = {pid: _cpu_ticks(pid) for pid in below(self._process.pid)}
        self.do("evaluate", tab=tab, script=BUSY)
        # Which one it is nobody tells: it is the one that was just busy.
        worked = {pid: _cpu_ticks(pid) - before.get(pid, 0) for pid in below(self._process.pid)}
        pid = max(worked, key=lambda each: worked[each])
        assert b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes(), worked
        with frozen([pid]):
            yield

    def close(self) -> None:
        """Closes browser and driver."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def _cpu_ticks(pid: int) -> int:
    """What it has used so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def texts(shown: Page, selector: str) -> list[str]:
    """What the elements show, as text."""
    found: list[str] = shown.do(
        "evaluate", script=f"[...document.querySelectorAll({selector!r})].map((e) => e.innerText)"
    )
    return found


@contextlib.contextmanager
def page(*options: str) -> Iterator[Page]:
    """A page that is closed at the end."""
    one = Page(*options)
    try:
        yield one
    finally:
        one.close()
