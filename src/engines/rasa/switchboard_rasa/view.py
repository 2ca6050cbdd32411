"""What this process and its children see of the machine's files: a namespace of its own, in which others too may enter what is named.

A program that root has installed often lies in root's home, which nobody else may enter. There an empty folder is laid over the closed one, and
in it stands, where it always did, what a child needs, and nothing else of it. On the machine itself nothing changes.
"""
from __future__ import annotations

import ctypes
import os
import stat
from typing import Dict, List, Optional

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 1 << 18


def show(folders: List[str]) -> None:
    """Lets every user enter `folders` (whole paths), in this process and those that it starts. Raises OSError where the system forbids it."""
    beneath: Dict[str, List[str]] = {}
    for path in sorted({name for folder in folders for name in (folder, os.path.realpath(folder))}):
        top = _closed(path)
        if top is not None and not any(path.startswith(f"{known}/") for known in beneath.get(top, [])):
            beneath.setdefault(top, []).append(path)
    if not beneath:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(_CLONE_NEWNS))
    # What is done here is not to be seen outside.
    _checked(libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    before = os.umask(0o022)
    try:
        for top, paths in beneath.items():
            _replace(libc, top, paths)
    finally:
        os.umask(before)


def _closed(path: str) -> Optional[str]:
    """The outermost folder above `path` that others may not enter; None when they may enter all."""
    at = os.path.dirname(path)
    closed = None
    while at != "/":
        if not os.stat(at).st_mode & stat.S_IXOTH:
            closed = at
        at = os.path.dirname(at)
    return closed


def _replace(libc: ctypes.CDLL, top: str, paths: List[str]) -> None:
    held = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in paths}
    try:
        _checked(libc.mount(b"tmpfs", os.fsencode(top), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0755,size=1m"))
        for path, fd in held.items():
            os.makedirs(path, mode=0o755, exist_ok=True)
            _checked(libc.mount(f"/proc/self/fd/{fd}".encode(), os.fsencode(path), None, _MS_BIND | _MS_REC, None))
    finally:
        for fd in held.values():
            os.close(fd)


def _checked(answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
