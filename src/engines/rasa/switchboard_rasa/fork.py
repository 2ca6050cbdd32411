"""One forked child: a process group, a working folder, an environment and two pipes of its own, and nothing of its parent's."""
from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import traceback
from typing import Any, Dict, NamedTuple, Optional

from switchboard_rasa import commands, users
from switchboard_rasa.isolate import close_inherited, tie

_SPEC = "spec.json"


class NotSafe(Exception):
    """The process has more than one thread: a fork could copy a lock that somebody holds."""


class Forked(NamedTuple):
    """The child's id and the reading ends of what it writes."""

    pid: int
    stdout: int
    stderr: int


class Task(NamedTuple):
    """What a child is for. Its spec lies in its folder: what this process reads, all that are forked from it later find in their memory."""

    command: str
    app_id: str
    home: str
    env: Dict[str, str]
    uids: Optional[users.Uids]


def fork(task: Task) -> Forked:
    """Starts the command in a process of its own, in its folder, with exactly its environment. Raises NotSafe, KeyError or OSError."""
    title = commands.title_of(task.command, {"appId": task.app_id})
    refuse_threads()
    parent = os.getpid()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    # A signal between fork and the child's own handlers would be told to the parent's wake-up pipe.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
    except OSError:
        for end in (out_read, out_write, err_read, err_write):
            os.close(end)
        raise
    else:
        if pid == 0:
            _live(parent, title, (out_write, err_write), task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    os.close(out_write)
    os.close(err_write)
    for end in (out_read, err_read):
        os.set_blocking(end, False)
    _lead(pid)
    return Forked(pid, out_read, err_read)


def refuse_threads() -> None:
    """Raises NotSafe unless the kernel knows exactly one thread of this process."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NotSafe(f"this process has {threads} threads, and only one that has a single thread may fork")


def _lead(pid: int) -> None:
    """Makes the child the leader of its group, from whichever side comes first, so that a group is never missed."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        return


def _live(parent: int, title: str, outputs: Any, task: Task) -> None:
    """All of the child's life. Never returns: what is on the stack above belongs to the parent."""
    code = 1
    try:
        _lead(0)
        _own_outputs(*outputs)
        _own_signals()
        close_inherited()
        spec = users.settle(task.home, _spec(task.home), task.uids)
        tie(parent, title)
        _own_place(task.home, task.env)
        code = commands.perform(task.command, {**spec, "forked": True})
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _spec(home: str) -> Dict[str, Any]:
    path = os.path.join(home, _SPEC)
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    os.unlink(path)
    return spec


def _own_outputs(out: int, err: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, target)


def _own_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGPIPE else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _own_place(home: str, env: Dict[str, str]) -> None:
    """Folder, environment and dice: siblings that share these would see or repeat each other."""
    os.umask(0o077)
    os.chdir(home)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    # Python reseeds its own dice after a fork, numpy does not.
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    gc.enable()
