"""Networks that are trained side by side: what comes of it, what is told meanwhile, and what ends badly."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

import pytest
from helpers import child_env
from rasa.engine.graph import GraphSchema, SchemaNode
from switchboard_rasa import side_by_side
from switchboard_rasa.progress import Progress


class DIETClassifier:
    pass


class ResponseSelector(DIETClassifier):
    pass


class Featurizer(DIETClassifier):
    pass


def graph(nodes: Dict[str, Tuple[type, Any, List[str]]], told: List[Any]) -> Any:
    """A runner of these nodes, by name: component, what it does with its inputs, and the nodes it needs."""
    runner = side_by_side.SideBySideRunner.__new__(side_by_side.SideBySideRunner)
    runner.progress = Progress(lambda percent, stage: told.append((percent, stage)))
    schema = {name: SchemaNode(needs={need: need for need in needs}, uses=uses, constructor_name="create", fn="train", config={}, is_target=True)
              for name, (uses, _, needs) in nodes.items()}
    runner._graph_schema = GraphSchema(schema)
    runner.progress.plan(runner._graph_schema)
    runner._plans = {}

    def called(name: str, does: Any) -> Any:
        def call(*inputs: Any) -> Any:
            runner.progress.enter(name, f"learning {name}")
            output = does(*[value for _, value in inputs])
            runner.progress.leave(name)
            return name, output

        return call

    runner._instantiated_nodes = {name: called(name, does) for name, (_, does, _) in nodes.items()}
    return runner


def meet(folder: Path, mine: str, other: str) -> int:
    """Ends when the other has come too: alone, it would wait until the test fails."""
    (folder / mine).touch()
    until = time.time() + 20
    while not (folder / other).exists():
        assert time.time() < until, "nobody came"
        time.sleep(0.01)
    return os.getpid()


@pytest.fixture(autouse=True)
def _two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "_width", lambda: 2)
    monkeypatch.setattr(side_by_side, "_may_fork", lambda: True)  # whatever threads the other tests have left


def test_networks_meet_each_other_and_the_rest_stays_here(tmp_path: Path) -> None:
    told: List[Any] = []
    out = graph({
        "words": (Featurizer, os.getpid, []),
        "intents": (DIETClassifier, lambda words: meet(tmp_path, "a", "b"), ["words"]),
        "answers": (ResponseSelector, lambda words: meet(tmp_path, "b", "a"), ["words"]),
        "both": (Featurizer, lambda *pids: (os.getpid(), *pids), ["intents", "answers"]),
    }, told).run()
    assert out["words"] == os.getpid() and out["both"] == (os.getpid(), out["intents"], out["answers"])
    assert len({os.getpid(), out["intents"], out["answers"]}) == 3
    percents = [percent for percent, _ in told]
    assert percents == sorted(percents) and percents[-1] == 98
    assert {"learning intents", "learning answers"} & {stage for _, stage in told}


def test_what_a_network_raises_is_raised_here() -> None:
    from rasa.shared.exceptions import InvalidConfigException

    def fail() -> None:
        raise InvalidConfigException("no such thing")

    def odd() -> None:
        class Unsendable(Exception):
            pass

        raise Unsendable("in words")

    with pytest.raises(InvalidConfigException, match="no such thing"):
        graph({"a": (DIETClassifier, fail, []), "b": (ResponseSelector, lambda: time.sleep(60), [])}, []).run()
    with pytest.raises(RuntimeError, match="Unsendable: in words"):
        graph({"a": (DIETClassifier, odd, [])}, []).run()


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(side_by_side, "_width", lambda: 2)
    gate = threading.Event()
    threading.Thread(target=gate.wait, daemon=True).start()
    try:
        assert graph({"a": (DIETClassifier, os.getpid, [])}, []).run() == {"a": os.getpid()}
    finally:
        gate.set()


STORIES = """
import os
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrainingDataGenerator
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from switchboard_rasa import side_by_side
from switchboard_rasa.progress import Progress
side_by_side._width = lambda: 2
side_by_side.install(Progress(lambda percent, stage: None))
domain = Domain.from_dict({"intents": ["greet"], "actions": ["utter_greet"]})
steps = YAMLStoryReader(domain).read_from_string("stories: [{story: one, steps: [{intent: greet}, {action: utter_greet}]}]")
assert len(TrainingDataGenerator(StoryGraph(steps), domain).generate()) > 0
assert side_by_side._may_fork(), os.listdir("/proc/self/task")
"""


def test_networks_of_stories_are_forked_too() -> None:
    ended = subprocess.run([sys.executable, "-c", STORIES], env=child_env(), timeout=60, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 0, ended.stderr


DIES = """
import os, signal, sys, time
sys.path[:0] = [%r]
from test_side_by_side import DIETClassifier, ResponseSelector, graph, side_by_side
side_by_side._width = lambda: 2
side_by_side._may_fork = lambda: True
graph({"a": (DIETClassifier, lambda: os.kill(os.getpid(), signal.SIGKILL), []), "b": (ResponseSelector, lambda: time.sleep(60), [])}, []).run()
"""


def test_a_training_dies_as_its_network_did() -> None:
    ended = subprocess.run([sys.executable, "-c", DIES % str(Path(__file__).parent)], env=child_env(), timeout=60)
    assert ended.returncode == -signal.SIGKILL


def test_one_at_a_time_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    there = SimpleNamespace(exists=lambda path: path == "/dev/nvidia0")
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda pid: {0, 1, 2})
    assert side_by_side._width() == 3
    monkeypatch.setattr(side_by_side.os.path, "exists", there.exists)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert side_by_side._width() == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert side_by_side._width() == 3
