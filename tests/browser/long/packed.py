"""Would the page do better with MessagePack? The recordings' own deltas and snapshots in both encodings: bytes on the wire, as they
are and compressed as the gateway does it, and what decoding them takes in the browser, by npm's `@msgpack/msgpack`.

JSON is timed from the text that a WebSocket hands over, and from bytes, which has the price of making text of them in it.
"""

from __future__ import annotations

import base64
from typing import Any

from gateway.model.messages import decode_server_json, encode_msgpack
from gateway.replay.finding import discover
from gateway.settings.tree import DeflateSettings
from loadtest.compression import messages
from loadtest.scenarios.checks import at_least, at_most
from native.deflate import Deflater
from tests.browser.page import DASHBOARD, Page, page
from tests.system.test_recordings import matches

DECODER = DASHBOARD / "node_modules/@msgpack/msgpack/dist.umd/msgpack.min.js"
EVERY = 4
WAYS = ("json", "json_bytes", "msgpack")
WORTH_TIME, WORTH_BYTES = 1.0, 0.8
"""The page asks for JSON as long as MessagePack takes longer to decode, or saves less than a fifth of what is sent."""

TIME = """(() => {{
  const bytes = (coded) => Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const texts = {texts}.map(bytes), packs = {packs}.map(bytes), utf8 = new TextDecoder();
  const strings = texts.map((text) => utf8.decode(text));
  const decode = {{
    json: () => strings.map((text) => JSON.parse(text)),
    json_bytes: () => texts.map((text) => JSON.parse(utf8.decode(text))),
    msgpack: () => packs.map((pack) => MessagePack.decode(pack)),
  }};
  const found = Object.fromEntries(Object.keys(decode).map((way) => [way, []]));
  for (let round = 0; round < {rounds}; round += 1)
    for (const [way, run] of Object.entries(decode)) {{
      const began = performance.now();
      run();
      found[way].push(((performance.now() - began) * 1000) / texts.length);
    }}
  const [plain, packed] = [decode.json(), decode.msgpack()];
  const different = plain.filter((message, i) => JSON.stringify(message) !== JSON.stringify(packed[i])).length;
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return {{ different, us: Object.fromEntries(Object.entries(found).map(([way, times]) => [way, median(times)])) }};
}})()"""


def run(rounds: int = 31) -> dict[str, Any]:
    """Decodes everything in alternating rounds; times are medians of them."""
    deltas: list[bytes] = []
    snapshots: list[bytes] = []
    for recording in discover(matches()):
        for kept, made in zip((deltas, snapshots), messages(recording.open()), strict=True):
            kept += made
    with page() as shown:
        shown.do("evaluate", script=DECODER.read_text())
        found = {"deltas": _measured(shown, deltas[::EVERY], rounds), "snapshots": _measured(shown, snapshots, rounds)}
    deltas_found = found["deltas"]
    slower = round(deltas_found["us"]["msgpack"] / deltas_found["us"]["json"], 2)
    sent = round(deltas_found["sent"]["msgpack"] / deltas_found["sent"]["json"], 3)
    checks = [
        at_most("messages that are not the same in both", sum(each["different"] for each in found.values()), 0),
        at_least("a delta's decoding, MessagePack against JSON", slower, WORTH_TIME),
        at_least("a delta's compressed bytes, MessagePack against JSON", sent, WORTH_BYTES),
    ]
    return {"scenario": "page_packed", "kinds": found, "checks": checks}


def _measured(shown: Page, texts: list[bytes], rounds: int) -> dict[str, Any]:
    packs = [encode_msgpack(decode_server_json(text)) for text in texts]
    coded = {
        name: [base64.b64encode(one).decode() for one in some] for name, some in (("texts", texts), ("packs", packs))
    }
    timed = shown.do("evaluate", script=TIME.format(rounds=rounds, **coded))
    settings = DeflateSettings()
    deflater = Deflater(level=settings.level, min_bytes=settings.min_bytes, max_bytes=settings.max_bytes)
    both = {"json": (texts, False), "msgpack": (packs, True)}
    return {
        "messages": len(texts),
        "bytes": {name: round(sum(map(len, some)) / len(some), 1) for name, (some, _) in both.items()},
        "sent": {
            name: round(sum(len(deflater.frame(one, binary)) for one in some) / len(some), 1)
            for name, (some, binary) in both.items()
        },
        "us": {way: round(timed["us"][way], 2) for way in WAYS},
        "different": timed["different"],
    }
