"""A user for each child alone, where the hub runs as root on Linux: what a bot's own Python can read, reach and end is then its own.

A child's user and group id is the first of a range plus its process id, which no two living processes share: nobody keeps a list, hubs beside
each other do not meet, and whoever still lives under an id that comes again is ended before the new child does anything.
"""
from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from switchboard_rasa import view
from switchboard_rasa.isolate import limit, listen

_PR_SET_NO_NEW_PRIVS = 38
_PROCESSES = 512


class Impossible(Exception):
    """Children cannot have users of their own here; the message says why and what to do."""


class Uids(NamedTuple):
    """The first and the last user id that children may have."""

    first: int
    last: int


def uids_of(words: Sequence[Any]) -> Optional[Uids]:
    """The range of two numbers; None for none. Raises ValueError for anything else, and for ids that a machine's own users have."""
    if not words:
        return None
    first, last = (int(word) for word in words)
    if not 1000 <= first < last:
        raise ValueError(f"{first}-{last} is no range of user ids for children")
    return Uids(first, last)


def prepare(uids: Uids) -> None:
    """Tries whether a child of this process can live as another user, and shows it what it imports where others could not read that.

    Raises Impossible. Wants a process of one thread that holds nothing yet.
    """
    if os.geteuid() != 0:
        raise Impossible("the hub does not run as root")
    with open("/proc/sys/kernel/pid_max") as file:
        most = int(file.read())
    if uids.last - uids.first + 1 < most:
        raise Impossible(f"CHILD_UIDS={uids.first}-{uids.last} has fewer ids than this machine has processes, {most}")
    closed = _tried(uids)
    if closed is None:
        return
    try:
        view.show(_needed())
    except OSError as error:
        raise Impossible(f"{closed}, and the system lets the hub show it to them in no other way ({error.strerror})") from error
    closed = _tried(uids)
    if closed is not None:
        raise Impossible(closed)


def settle(home: str, spec: Dict[str, Any], uids: Optional[Uids]) -> Dict[str, Any]:
    """What a child does with its parent's rights before it gives them up: limits, its listening socket, its folder. Answers the spec with
    the socket's descriptor as `listener`. Raises OSError, or Impossible when it would still have more rights than it should."""
    limit(None if uids is None else _PROCESSES)
    if "socket" in spec:
        spec = {**spec, "listener": listen(spec["socket"])}
    if uids is not None:
        _give(home, uids.first + os.getpid())
        _become(uids)
    return spec


def _give(folder: str, uid: int) -> None:
    """Hands over a folder and all in it. Nothing that isn't the hub's own work is in it yet, and links are not followed."""
    os.chmod(folder, 0o700)
    os.chown(folder, uid, uid)
    for _, folders, files, at in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, uid, uid, dir_fd=at, follow_symlinks=False)


def _become(uids: Uids) -> None:
    """Makes this process one of the user that its process id names, for good."""
    uid = uids.first + os.getpid()
    if uid > uids.last:
        raise Impossible(f"process {os.getpid()} has no id in CHILD_UIDS={uids.first}-{uids.last}")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    with open("/proc/self/status") as file:
        rights = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (uid, uid, uid) or os.getgroups() or rights:
        raise Impossible("this system leaves a child the rights of the hub")
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o077)
    try:
        # All whom this user may signal, which is nobody but itself: it is not told.
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def _tried(uids: Uids) -> Optional[str]:
    """Why a child could not read what it needs; None when it can. Raises Impossible when there can be no such child."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            _become(uids)
            fault = _unreadable()
            os.write(write, b"closed:" + fault.encode() if fault else b"ok")
        except BaseException as error:
            os.write(write, f"not:{error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as end:
        kind, _, words = end.read().decode("utf-8", "replace").partition(":")
    os.waitpid(pid, 0)
    if kind == "ok":
        return None
    if kind == "closed":
        return f"{words} cannot be read by other users"
    raise Impossible(f"this system lets the hub start no process of another user ({words})")


def _unreadable() -> Optional[str]:
    """The first of what a child reads that this process cannot."""
    found = [importlib.util.find_spec(name) for name in ("rasa", "rasa_sdk")]
    files = [__file__, os.__file__, sys.executable, *(spec.origin for spec in found if spec is not None and spec.origin)]
    for path in files:
        try:
            with open(path, "rb"):
                pass
        except OSError:
            return path
    runtime = os.path.dirname(os.getcwd())
    return None if os.access(runtime, os.X_OK) else runtime


def _needed() -> List[str]:
    """The folders that a child imports from and lives in."""
    encoder = os.environ.get("SWITCHBOARD_ENCODER_CACHE")
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.getcwd()), encoder)
    return [os.path.abspath(path) for path in (*prefixes, *sys.path) if path and os.path.isdir(path)]
