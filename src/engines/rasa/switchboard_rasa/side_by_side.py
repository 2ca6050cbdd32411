"""Trains a project's networks side by side: each in a forked process of its own, as many at once as there are processors.

Rasa trains one node of its graph after the other, though DIET, each response selector and each policy need nothing of each other, and a
small network keeps one processor busy at most. What a trained node leaves is on disk and a short note of where; the note comes back here.
"""
from __future__ import annotations

import ctypes
import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Dict, List, NamedTuple, Tuple

from switchboard_rasa.isolate import PR_SET_PDEATHSIG
from switchboard_rasa.progress import HEAVY, Progress
from switchboard_rasa.runner import PlainGraphRunner

_NICENESS = 10
"""Training gives way to answering where both want the same processor."""
_GPU = "/dev/nvidia0"


class Died(Exception):
    """The process that trained a node ended without a word."""


class _Running(NamedTuple):
    process: Any
    line: Connection


def install(progress: Progress) -> None:
    """From now on this process trains so. `progress` hears of every node, wherever it is trained."""
    from rasa import model_training
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # Rasa's story bars, shown or not, would start a thread to watch them, and nothing may fork after that
    model_training.DaskGraphRunner = type("SideBySide", (SideBySideRunner,), {"progress": progress})  # type: ignore[misc]


class SideBySideRunner(PlainGraphRunner):
    """Rasa's graph with its networks in processes of their own, the rest here, in Rasa's order."""

    progress: Progress

    def run(self, inputs: Any = None, targets: Any = None) -> Dict[str, Any]:
        """As Rasa's runner does it. Raises what nodes raise, and Died."""
        wanted = targets if targets else self._graph_schema.target_names
        done = self._given(inputs)
        waiting = [name for name in self._plan(wanted) if name not in done]
        running: Dict[str, _Running] = {}
        try:
            while waiting or running:
                self._advance(waiting, running, done)
        finally:
            for process, _ in running.values():
                process.kill()
        return dict(done[name] for name in wanted)

    def _advance(self, waiting: List[str], running: Dict[str, _Running], done: Dict[str, Any]) -> None:
        """Starts what may start in a process of its own, and then does one thing: a node here, or listening until one is done there."""
        ahead = {*waiting, *running}
        ready = [name for name in waiting if not ahead.intersection(self._graph_schema.nodes[name].needs.values())]
        apart = [name for name in ready if self._is_network(name) and _may_fork()]
        apart.sort(key=lambda name: HEAVY.index(self._component(name)))
        for name in apart[: max(0, _width() - len(running))]:
            waiting.remove(name)
            running[name] = self._start(name, done)
        here = next((name for name in ready if name not in apart), None)
        if here is not None:
            waiting.remove(here)
            done[here] = self._output(here, done)
        elif running:
            self._listen(running, done)

    def _is_network(self, name: str) -> bool:
        return self._graph_schema.nodes[name].fn == "train" and self._component(name) in HEAVY

    def _component(self, name: str) -> str:
        return self._graph_schema.nodes[name].uses.__name__

    def _start(self, name: str, done: Dict[str, Any]) -> _Running:
        context = get_context("fork")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=self._train_apart, args=(os.getpid(), there, name, done), daemon=True)
        process.start()
        there.close()
        return _Running(process, here)

    def _train_apart(self, parent: int, line: Connection, name: str, done: Dict[str, Any]) -> None:
        """All of a network's process: it sends what it has to tell, last of all `done` or `failed`."""
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return
        os.nice(_NICENESS)
        self.progress.forward(lambda *told: line.send(("progress", told)))
        try:
            line.send(("done", self._output(name, done)))
        except BaseException as error:
            _send_error(line, error)

    def _listen(self, running: Dict[str, _Running], done: Dict[str, Any]) -> None:
        lines = {one.line: name for name, one in running.items()}
        for line in wait(list(lines)):
            name = lines[line]  # type: ignore[index]
            kind, told = _heard(running[name])
            if kind == "progress":
                self.progress.hear(*told)
            elif kind == "failed":
                raise told
            else:
                done[name] = told
                running.pop(name).process.join()


def _heard(one: _Running) -> Tuple[str, Any]:
    try:
        return one.line.recv()
    except EOFError:
        one.process.join()
        code = one.process.exitcode or 0
        if code < 0:
            os.kill(os.getpid(), -code)  # the hub tells by the signal what it was, want of memory for instance
        raise Died(f"the process of a network ended with exit code {code}") from None


def _send_error(line: Connection, error: BaseException) -> None:
    try:
        line.send(("failed", error))
    except Exception:  # it holds what can't be sent
        line.send(("failed", RuntimeError(f"{type(error).__name__}: {error}")))


def _width() -> int:
    """How many networks are trained at once. One that trains on a GPU takes all of its memory."""
    gpu = os.path.exists(_GPU) and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")
    return 1 if gpu or not hasattr(os, "sched_getaffinity") else len(os.sched_getaffinity(0))


def _may_fork() -> bool:
    """A fork copies locks in whatever state another thread holds them: some components start threads in this process."""
    try:
        return _width() > 1 and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False
