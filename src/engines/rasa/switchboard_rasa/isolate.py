"""What a child does before any tenant data is read: nothing inherited, dies with its parent, carries its bot's name."""
from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from typing import Optional

PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_FILES = 4096
_FILE_BYTES = 4 * 1024**3
_OOM_SCORE = "500"


class Orphaned(Exception):
    """The process that asked for this child is gone."""


def isolate(parent_pid: int, title: str) -> None:
    """Closes descriptors above 2, and ties as `tie` does. Raises Orphaned."""
    close_inherited()
    tie(parent_pid, title)


def tie(parent_pid: int, title: str) -> None:
    """Ties this process's life to its parent's, which a change of its user would undo, and sets its title.

    Raises Orphaned when the parent isn't `parent_pid` any more: it died before the tie was made.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        raise Orphaned(f"parent {parent_pid} is gone")
    set_title(title)


def close_inherited() -> None:
    """Closes each descriptor but stdin, stdout and stderr."""
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    except OSError:
        highest = 4096
    os.closerange(3, highest + 1)


def listen(path: str) -> int:
    """A listening socket at exactly `path` (Sanic alone would bind a temporary name beside it), for this user only; its descriptor."""
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(1024)
    listener.setblocking(False)
    return listener.detach()


def limit(processes: Optional[int] = None) -> None:
    """Bounds what this process and all that it starts may take: no core dumps, files of 4 GB, 4,096 descriptors, and so many processes of its
    user (None: as many as it could)."""
    if sys.platform == "win32":
        return
    import resource

    bounds = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, _FILE_BYTES), (resource.RLIMIT_NOFILE, _FILES)]
    for kind, wanted in bounds + ([] if processes is None else [(resource.RLIMIT_NPROC, processes)]):
        hard = resource.getrlimit(kind)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))
    if sys.platform.startswith("linux"):
        # Short of memory, the kernel should end a bot rather than the hub.
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(_OOM_SCORE)


def set_title(title: str) -> None:
    """The title `ps` shows; without the setproctitle package its first 15 bytes as the thread's name."""
    try:
        import setproctitle
    except ImportError:
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_PR_SET_NAME, title.encode()[:15], 0, 0, 0)
        return
    setproctitle.setproctitle(title)
