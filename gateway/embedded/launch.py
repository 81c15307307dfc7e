"""Becomes a server that ends with its parent: run as `python -I -S launch.py SIGNAL PARENT UNPRIVILEGED COMMAND...`.

A program of its own, as code between fork and exec is not safe beside other threads. Imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
NOBODY = "nobody"


def drop_root(libc: ctypes.CDLL) -> None:
    """Becomes the user `nobody`, who may still reach files wherever root could (capabilities(7), "Ambient").

    A server that refuses to run as root can so live in a directory below /root, and no directory's rights are changed.
    Where that capability is not to be had, the server itself says which file it cannot reach.
    """
    user = pwd.getpwnam(NOBODY)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    # Without it access(2) goes by the user's rights alone, and the server does not find its own programs.
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if libc.capset(header, data) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def main() -> None:
    """Never returns."""
    libc = ctypes.CDLL(None, use_errno=True)
    number, parent, unprivileged, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4:]
    if unprivileged and os.geteuid() == 0:
        drop_root(libc)
    # After the change of the user, which clears it; kept by execv (prctl(2)).
    libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
