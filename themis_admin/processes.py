"""What a process does about its parent and its limits, where the operating system offers it."""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
MOST_FILES = 65_536
# Opened here rather than when needed, which is between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent goes, even by `kill -9`; Linux only.

    `parent` is the process that is expected to be the parent: if it is gone already, this process ends at once.
    """
    if _LIBC is None:
        return
    # Children do not inherit this (prctl(2)), so each that shall not outlive its parent asks for itself.
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above, and then no signal will ever come.
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def allow_many_files() -> None:
    """Raise this process's limit of open files as far as it may: a query over a version opens all of its shards.

    Most systems start processes with 1,024, and many files at once make as many shards.
    """
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if few != resource.RLIM_INFINITY and few < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
