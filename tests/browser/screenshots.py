"""`make screenshots`: every page of a demonstration, light and dark, on a desk and in a hand, into build/screenshots.

`PAGES="board player"` takes only these. Those that the README shows go to docs/images. `later` is the first page once the
demonstration is two minutes old, `rewind` the past as whoever goes back by the bar sees it, `perf` the panel of figures over a
match.
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
from tests.patience import until

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "screenshots"
SCHEMES = ("light", "dark")
SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}
SHOWN = {("arena-1", "light", "desktop"): "match.png", ("football-wc2018-final", "dark", "phone"): "phone.png"}
FILL_S, SETTLE_S = 5.0, 1.0
"""Charts and feeds fill while somebody watches; other colours and sizes are there at once."""
LATER_S = 120.0
PRESSED = {"rewind": "button:has-text('30 s')"}


def addresses(listing: str, url: str) -> dict[str, str]:
    """Name of a picture and address, from what the demonstration says that it plays."""
    matches = re.findall(r"^ +match:(\S+)", listing, re.MULTILINE)
    operator = re.search(r"operator's page is at (\S+)", listing)
    assert operator is not None, listing
    return {
        "matches": url,
        **{match: f"{url}/match/{match}" for match in matches},
        "rewind": f"{url}/match/arena-1",
        "perf": f"{url}/match/arena-1?perf",
        "boards": f"{url}/boards",
        "board": f"{url}/board/kills.all",
        "player": f"{url}/player/arena-aster",
        "embed": f"{url}/embed",
        "operator": operator[1],
        "later": url,
    }


def take(shown: Page, name: str, address: str) -> None:
    """All pictures of one page: what a window shows, and the whole page."""
    shown.do("open", url=address)
    until(lambda: shown.do("evaluate", script="document.querySelector('main h1') !== null"), f"{address}")
    if name in PRESSED:
        shown.do("click", selector=PRESSED[name])
    time.sleep(FILL_S)
    for scheme in SCHEMES:
        shown.do("emulate", colorScheme=scheme)
        for size, (width, height) in SIZES.items():
            shown.do("viewport", width=width, height=height)
            time.sleep(SETTLE_S)
            file = OUT / f"{name}-{scheme}-{size}.png"
            shown.do("screenshot", path=str(file))
            shown.do("screenshot", path=str(file.with_stem(f"{file.stem}-whole")), fullPage=True)
            if (name, scheme, size) in SHOWN:
                shutil.copy(file, ROOT / "docs" / "images" / SHOWN[name, scheme, size])
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
        until(lambda: "Ctrl-C" in log.read_text() or demo.poll() is not None, "the demonstration")
        found = re.search(r"Grandstand is at (http://\S+?),", log.read_text())
        assert found is not None, log.read_text()
        begun_s = time.monotonic()
        with page() as shown:
            chosen = sys.argv[1:]
            for name, address in addresses(log.read_text(), found[1]).items():
                if chosen and name not in chosen:
                    continue
                if name == "later":
                    time.sleep(max(0.0, begun_s + LATER_S - time.monotonic()))
                take(shown, name, address)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)


if __name__ == "__main__":
    main()
