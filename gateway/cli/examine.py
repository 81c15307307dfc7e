"""What `grandstand doctor` finds out about this machine and this build; the store is examined next door."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.settings import Settings

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"
SPARE_DESCRIPTORS: Final = 1_536
"""Of one process, beside its viewers: handshakes, siblings, the store, files."""
KERNEL_BYTES_A_VIEWER: Final = 8_192
"""Of kernel memory for a quiet viewer's socket, about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it is, and what to do about it."""

    level: str
    what: str
    todo: str = ""


def system(settings: Settings) -> list[Finding]:
    """Limits of processes and of the kernel."""
    return [_descriptors(settings), *_queues(settings), *_ports(), *_memory(settings)]


def _descriptors(settings: Settings) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.viewers.max_connections + SPARE_DESCRIPTORS
    what = f"{soft} descriptors a process, {needed} needed for viewers.max_connections"
    if soft >= needed:
        return Finding(OK, what)
    lower = f"lower viewers.max_connections to {max(1, soft - SPARE_DESCRIPTORS)}"
    return Finding(FAIL, what, f"`ulimit -n {needed}` (the hard limit is {hard}), or {lower}")


def _queues(settings: Settings) -> list[Finding]:
    found = []
    for name, least, meaning in (
        ("net/core/somaxconn", settings.listen.backlog, "connections that wait for a worker (listen.backlog)"),
        ("net/ipv4/tcp_max_syn_backlog", 1_024, "half-open connections"),
        ("net/core/netdev_max_backlog", 1_000, "packets that wait for a processor"),
    ):
        value = _sysctl(name)
        if value:
            level = OK if value[0] >= least else WARN
            key = name.replace("/", ".")
            todo = "" if level == OK else f"sysctl -w {key}={least}"
            found.append(Finding(level, f"{key} is {value[0]}, {least} needed: {meaning}", todo))
    return found


def _ports() -> list[Finding]:
    span = _sysctl("net/ipv4/ip_local_port_range")
    if len(span) != 2:
        return []
    what = f"{span[1] - span[0] + 1} local ports for one proxy's connections to one address (ip_local_port_range)"
    if span[1] - span[0] >= 28_000:
        return [Finding(OK, what)]
    return [Finding(WARN, what, "sysctl -w net.ipv4.ip_local_port_range='10240 65535'")]


def _memory(settings: Settings) -> list[Finding]:
    """tcp_mem's second figure is where the kernel begins to save, in pages, for the whole machine."""
    pages = _sysctl("net/ipv4/tcp_mem")
    if len(pages) != 3:
        return []
    have = pages[1] * resource.getpagesize()
    need = settings.viewers.max_connections * settings.listen.workers * KERNEL_BYTES_A_VIEWER
    what = f"tcp_mem lets sockets have {have >> 20} MB, about {need >> 20} MB needed for all viewers"
    if have >= need:
        return [Finding(OK, what)]
    high = need // resource.getpagesize()
    return [Finding(WARN, what, f"sysctl -w net.ipv4.tcp_mem='{high // 2} {high} {high * 2}'")]


def _sysctl(name: str) -> list[int]:
    """A kernel setting's numbers; empty where it is not shown (in some containers)."""
    try:
        return [int(word) for word in (Path("/proc/sys") / name).read_text().split()]
    except (OSError, ValueError):
        return []


def build() -> list[Finding]:
    """The native modules."""
    try:
        from native import connections, fanout, frames
    except ImportError as error:
        return [Finding(FAIL, f"the native modules are not built ({error.name})", "make, or install the wheel again")]
    modules = ", ".join(module.__name__ for module in (frames, connections, fanout))
    python = ".".join(map(str, sys.version_info[:3]))
    if "libasan" in Path("/proc/self/maps").read_text():
        return [Finding(WARN, f"native build with sanitizers ({modules}), Python {python}", "make, for full speed")]
    return [Finding(OK, f"native build: {modules}, Python {python}")]
