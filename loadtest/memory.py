"""What a process holds in memory, from the kernel's own books."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path


def private_bytes(pid: int | str = "self") -> int:
    """Anonymous memory that only this process has: what its heap and stacks really use."""
    return _rollup(pid, "Pss_Anon")


def settled_bytes() -> int:
    """The same of this process after garbage is collected and free heap is given back: what is really held."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return private_bytes()


def resident_bytes(pid: int | str = "self") -> int:
    """Resident memory, shared libraries by share."""
    return _rollup(pid, "Pss")


def _rollup(pid: int | str, field: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) * 1024
    raise ValueError(f"no {field} in smaps_rollup")


def socket_bytes() -> int:
    """Kernel memory of all TCP sockets' buffers on the machine."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * 4096
    raise ValueError("no TCP line in sockstat")


def slab_bytes() -> int:
    """Kernel memory in small objects on the whole machine: sockets, files, what epoll keeps of each."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Slab":
            return int(rest.split()[0]) * 1024
    raise ValueError("no Slab in meminfo")
