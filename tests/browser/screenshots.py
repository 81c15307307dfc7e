"""`make screenshots`: every page of a demonstration, light and dark, on a desk and in a hand, into build/screenshots.

The one that the README shows goes to docs/images/match.png.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.browser.page import Page, page
from tests.wire.peer import until

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "screenshots"
SCHEMES = ("light", "dark")
SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}
SHOWN = "arena-1", "light", "desktop"
SETTLE_S = 6.0
"""Charts and feeds fill while somebody watches."""


def paths(listing: str) -> dict[str, str]:
    """Name of a picture and address, from what the demonstration says that it plays."""
    matches = re.findall(r"^ +match:(\S+)", listing, re.MULTILINE)
    return {"matches": "/", **{match: f"/match/{match}" for match in matches}}


def take(shown: Page, url: str, name: str, path: str) -> None:
    """All pictures of one page."""
    for scheme in SCHEMES:
        shown.do("emulate", colorScheme=scheme)
        for size, (width, height) in SIZES.items():
            shown.do("viewport", width=width, height=height)
            shown.do("open", url=url + path)
            until(lambda: shown.read()["state"] is not None, 30, f"{path} to be there")
            time.sleep(SETTLE_S)
            file = OUT / f"{name}-{scheme}-{size}.png"
            shown.do("screenshot", path=str(file))
            if (name, scheme, size) == SHOWN:
                shutil.copy(file, ROOT / "docs" / "images" / "match.png")
            print(file.relative_to(ROOT))


def main() -> None:
    """Plays the demonstration and takes them."""
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / "demo.log"
    environment = {**os.environ, "GRANDSTAND_ADMIN__PORT": "0", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "gateway.cli.main", "demo", "--port", "0"]
        demo = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
    try:
        until(lambda: "Ctrl-C" in log.read_text() or demo.poll() is not None, 60, "the demonstration")
        found = re.search(r"Grandstand is at (http://\S+?),", log.read_text())
        assert found is not None, log.read_text()
        with page() as shown:
            for name, path in paths(log.read_text()).items():
                take(shown, found[1], name, path)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


if __name__ == "__main__":
    main()
