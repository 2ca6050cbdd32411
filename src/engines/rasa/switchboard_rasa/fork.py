"""One forked child: a process group, a working folder, an environment and two pipes of its own, and nothing of its parent's."""
from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import traceback
from typing import Any, Dict, NamedTuple

from switchboard_rasa import commands
from switchboard_rasa.isolate import isolate, limit


class NotSafe(Exception):
    """The process has more than one thread: a fork could copy a lock that somebody holds."""


class Forked(NamedTuple):
    """The child's id and the reading ends of what it writes."""

    pid: int
    stdout: int
    stderr: int


def fork(command: str, home: str, env: Dict[str, str], spec: Dict[str, Any]) -> Forked:
    """Starts `command` in a process of its own, in the folder `home`, with exactly `env`. Raises NotSafe, KeyError or OSError."""
    title = commands.title_of(command, spec)
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
            _live(parent, title, (out_write, err_write), (command, home, env, spec))
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


def _live(parent: int, title: str, outputs: Any, task: Any) -> None:
    """All of the child's life. Never returns: what is on the stack above belongs to the parent."""
    code = 1
    try:
        _lead(0)
        _own_outputs(*outputs)
        _own_signals()
        command, home, env, spec = task
        isolate(parent, title)
        _own_place(home, env)
        code = commands.perform(command, {**spec, "forked": True})
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
    """Folder, environment, limits and dice: siblings that share these would see or repeat each other."""
    os.umask(0o077)
    os.chdir(home)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    limit()
    # Python reseeds its own dice after a fork, numpy does not.
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    gc.enable()
