"""A Rasa parent that has everything imported and forks one process per bot: `python -m switchboard_rasa.host light|full PARENT_PID`.

The hub talks to it over the private socket that is its standard input and output, in JSON lines. It has one thread and no event loop,
so that a fork copies nothing half done. Requests are `{"id", "do", …}`:

    run train validate actions test   home, env, appId, language  -> {"id", "started": pid}, later {"pid", "exit": {code, signal}};
                                      what it is to do lies in its home, in spec.json
    stop                              pid, graceMs      -> {"id", "ok": true}; TERM to the child's group, KILL after graceMs
    encode                            texts             -> {"id", "encoder", "vectors"}, float32 rows in base64
    status                                              -> {"id", "threads", "children", "rss"}

What children write comes as `{"pid", "out": text}` or `{"pid", "err": text}`. A request that fails gets `{"id", "error": {code, message}}`.
The first line is `{"ready": {"rasa", "encoder", "pid", "shared"}}`, or `{"unsupported": why}` before it ends. After PARENT_PID may stand the first and the
last user id for its children; `shared` is null when each then has one of its own, and says why not otherwise.
"""
from __future__ import annotations

import base64
import codecs
import json
import os
import resource
import selectors
import signal
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

from switchboard_rasa import autograph, commands, fork, preload, users
from switchboard_rasa.isolate import Orphaned, isolate

_CHUNK = 65536
_GRACE_S = 2.0
_MOST_TEXTS = 64
_PAUSE_S = 0.05
"""Between two pieces of what is done ahead: whoever asks waits for one piece at most, and bots that start have the processor."""


class Child:
    """A forked process as its parent sees it: who it is, what it says, and when its patience ends."""

    def __init__(self, forked: fork.Forked, does: str) -> None:
        self.pid = forked.pid
        self.does = does
        decoder = codecs.getincrementaldecoder("utf-8")
        self.pipes = {forked.stdout: ("out", decoder("replace")), forked.stderr: ("err", decoder("replace"))}
        self.kill_at: Optional[float] = None


class Host:
    """The parent: reads requests on `source`, writes events to `target`, serves until the hub is gone or it is told to end."""

    def __init__(self, kind: str, source: int, target: int) -> None:
        self.uids: Optional[users.Uids] = None
        self._kind = kind
        self._source = source
        self._target = target
        self._pending = b""
        self._children: Dict[int, Child] = {}
        self._ended = False
        self._ahead: Iterator[None] = autograph.ahead() if kind == "full" else iter(())
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = os.pipe()

    def serve(self) -> None:
        """Answers requests until the end; then ends the children. Never raises for what a hub sends."""
        self._watch_signals()
        self._selector.register(self._source, selectors.EVENT_READ, self._hear)
        self._selector.register(self._wake, selectors.EVENT_READ, self._awake)
        try:
            while not self._ended:
                self._step(self._work_ahead())
        finally:
            self._end_children()

    def _work_ahead(self) -> Optional[float]:
        """Does one piece of what children would else do each for itself; answers the pause after it, None where there is nothing to do
        just now: a training that was forked before all is done has nothing of it, and wants the processors."""
        if any(child.does == "train" for child in self._children.values()):
            return None
        for _ in self._ahead:
            return _PAUSE_S
        return None

    def say(self, **event: Any) -> None:
        """One event. A hub that doesn't read is waited for; one that is gone ends this process."""
        data = memoryview((json.dumps(event) + "\n").encode())
        try:
            while data:
                data = data[os.write(self._target, data) :]
        except OSError:
            self._ended = True

    def _watch_signals(self) -> None:
        for end in (self._wake, self._waker):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._told_to_end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def _told_to_end(self, *_: Any) -> None:
        self._ended = True

    def _step(self, longest: Optional[float] = None) -> None:
        """Waits for the next thing to happen, and does what it asks for."""
        due = [child.kill_at for child in self._children.values() if child.kill_at is not None]
        patience = [max(0.0, min(due) - time.monotonic())] if due else []
        patience += [longest] if longest is not None else []
        for key, _ in self._selector.select(min(patience) if patience else None):
            key.data()
        now = time.monotonic()
        for child in self._children.values():
            if child.kill_at is not None and child.kill_at <= now:
                child.kill_at = None
                _signal_group(child.pid, signal.SIGKILL)

    # ---------------------------------------------------------------- requests

    def _hear(self) -> None:
        data = os.read(self._source, _CHUNK)
        if not data:
            self._ended = True
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._answer(line)

    def _answer(self, line: bytes) -> None:
        request: Dict[str, Any] = {}
        try:
            request = dict(json.loads(line))
            self._do(request)
        except fork.NotSafe as error:
            self._refuse(request, "threads", error)
        except (OSError, MemoryError) as error:
            self._refuse(request, "not_started", error)
        except Exception as error:  # whatever a request holds, the bots of others go on
            self._refuse(request, "bad_request", error)

    def _refuse(self, request: Dict[str, Any], code: str, error: BaseException) -> None:
        self.say(id=request.get("id"), error={"code": code, "message": f"{type(error).__name__}: {error}"})

    def _do(self, request: Dict[str, Any]) -> None:
        known: Dict[str, Callable[[Dict[str, Any]], None]] = {"stop": self._stop, "encode": self._encode, "status": self._status}
        if request["do"] in known:
            known[request["do"]](request)
        else:
            self._start(request)

    def _start(self, request: Dict[str, Any]) -> None:
        if request["do"] not in commands.COMMANDS:
            raise ValueError(f"there is no command {request['do']!r}")
        # Of the bots that a light host runs none cuts Chinese into words.
        if self._kind == "full" and str(request.get("language", "")).startswith("zh"):
            preload.chinese()
        env = {str(name): str(value) for name, value in request["env"].items()}
        child = Child(fork.fork(fork.Task(request["do"], str(request["appId"]), request["home"], env, self.uids)), request["do"])
        self._children[child.pid] = child
        for pipe in child.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, lambda pipe=pipe: self._relay(child, pipe))
        self.say(id=request["id"], started=child.pid)

    def _stop(self, request: Dict[str, Any]) -> None:
        child = self._children.get(int(request["pid"]))
        grace = int(request.get("graceMs", 2000)) / 1000
        if child is not None:
            _signal_group(child.pid, signal.SIGTERM if grace > 0 else signal.SIGKILL)
            child.kill_at = time.monotonic() + grace
        self.say(id=request["id"], ok=True)

    def _encode(self, request: Dict[str, Any]) -> None:
        from switchboard_rasa.encoder import encoder

        texts: List[str] = [str(text) for text in request["texts"]]
        if len(texts) > _MOST_TEXTS:
            raise ValueError(f"at most {_MOST_TEXTS} texts at once, bots wait meanwhile")
        vectors = base64.b64encode(encoder().encode(texts).tobytes()).decode()
        self.say(id=request["id"], encoder=encoder().identity, vectors=vectors)

    def _status(self, request: Dict[str, Any]) -> None:
        pages = int(open("/proc/self/statm").read().split()[1])
        threads = len(os.listdir("/proc/self/task"))
        rss = pages * resource.getpagesize()
        self.say(id=request["id"], threads=threads, children=sorted(self._children), rss=rss)

    # ---------------------------------------------------------------- children

    def _awake(self) -> None:
        try:
            while os.read(self._wake, _CHUNK):
                continue
        except BlockingIOError:
            self._reap()

    def _reap(self) -> None:
        """Collects who has ended. Its group is ended before its id becomes free for somebody else."""
        while self._children:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return
            _signal_group(found.si_pid, signal.SIGKILL)
            _, status = os.waitpid(found.si_pid, 0)
            child = self._children.pop(found.si_pid, None)
            if child is not None:
                self._bury(child, status)

    def _bury(self, child: Child, status: int) -> None:
        for pipe in list(child.pipes):
            while self._relay(child, pipe):
                continue
            self._close(child, pipe)
        died = os.WIFSIGNALED(status)
        name = signal.Signals(os.WTERMSIG(status)).name if died else None
        self.say(pid=child.pid, exit={"code": None if died else os.WEXITSTATUS(status), "signal": name})

    def _relay(self, child: Child, pipe: int) -> bool:
        """Passes on what the child wrote; False when there is nothing more now."""
        if pipe not in child.pipes:
            return False
        stream, decoder = child.pipes[pipe]
        try:
            data = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return False
        text = decoder.decode(data, final=not data)
        if text:
            self.say(pid=child.pid, **{stream: text})
        if not data:
            self._close(child, pipe)
        return bool(data)

    def _close(self, child: Child, pipe: int) -> None:
        if child.pipes.pop(pipe, None) is not None:
            self._selector.unregister(pipe)
            os.close(pipe)

    def _end_children(self) -> None:
        until = time.monotonic() + _GRACE_S
        for pid, child in self._children.items():
            _signal_group(pid, signal.SIGTERM)
            child.kill_at = until
        if self._source in self._selector.get_map():
            self._selector.unregister(self._source)
        while self._children and time.monotonic() < until + _GRACE_S:
            self._step(0.05)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def main(argv: List[str]) -> int:
    """Serves as a `light` or `full` host for the process with the given id. 0 in the end, 2 for a wrong call, 3 for an orphan, 4 where it
    can't serve."""
    if len(argv) not in (3, 5) or argv[1] not in ("light", "full") or not all(word.isdigit() for word in argv[2:]):
        print("usage: python -m switchboard_rasa.host light|full PARENT_PID [FIRST_UID LAST_UID]", file=sys.stderr)
        return 2
    try:
        isolate(int(argv[2]), f"rasa-host-{argv[1]}")
    except Orphaned as error:
        print(f"switchboard: {error}", file=sys.stderr)
        return 3
    _allow_many_files()
    # Nothing that is imported may write among our lines.
    target = os.dup(1)
    os.dup2(2, 1)
    host = Host(argv[1], 0, target)
    shared = _own_users(host, argv[3:])
    try:
        found = preload.load(argv[1])
        fork.refuse_threads()
    except (preload.Unsupported, fork.NotSafe, ImportError) as error:
        host.say(unsupported=str(error))
        return 4
    host.say(ready={**found, "pid": os.getpid(), "shared": shared})
    host.serve()
    return 0


def _own_users(host: Host, words: List[str]) -> Optional[str]:
    """Has each child live as a user of its own; answers why that can't be, None when it can."""
    if not words:
        return "they were not asked for"
    try:
        uids = users.uids_of(words)
        users.prepare(uids)
    except (users.Impossible, ValueError) as error:
        return str(error)
    host.uids = uids
    return None


def _allow_many_files() -> None:
    """Each child has two pipes here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
