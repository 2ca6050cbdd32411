"""Archives: what comes first, what is refused, and networks that load light and answer as they did."""
from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from helpers import TINY, child_env, train, write_project
from switchboard_rasa import archive

NETWORKS = """- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  epochs: 3
"""
POLICIES = "- name: RulePolicy\n- name: TEDPolicy\n  epochs: 1\n"


def test_the_metadata_comes_first(tiny_model: Path) -> None:
    with tarfile.open(tiny_model) as file:
        assert file.getnames()[0] == "metadata.json"
    assert archive.metadata(str(tiny_model))["rasa_open_source_version"].startswith("3.6.")


@pytest.mark.parametrize("name,kind", [("../out", tarfile.REGTYPE), ("/tmp/out", tarfile.REGTYPE), ("a/../../out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("link", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE)])
def test_unpacks_nothing_that_lies_outside_or_is_no_file(tmp_path: Path, name: str, kind: bytes) -> None:
    from rasa.engine.storage.local_model_storage import LocalModelStorage

    original = LocalModelStorage._extract_archive_to_directory
    path, target = tmp_path / "bad.tar.gz", tmp_path / "in"
    target.mkdir()
    with tarfile.open(path, "w:gz") as file:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        file.addfile(member, io.BytesIO())
    archive.unpack_once()
    try:
        with pytest.raises(archive.BadArchive):
            LocalModelStorage._extract_archive_to_directory(path, target)
    finally:
        LocalModelStorage._extract_archive_to_directory = staticmethod(original)
    assert list(target.iterdir()) == [] and not (tmp_path / "out").exists()


ASK = """
import asyncio, json, sys, threading, time
from rasa.core.agent import Agent
if sys.argv[2] == "light":
    from switchboard_rasa import archive, inference, light_load
    light_load.install(); inference.install(); archive.unpack_once()
agent = Agent.load(sys.argv[1])
if sys.argv[2] == "light":
    assert len(light_load._loaded) == 2, light_load._loaded
    networks = [model for model, _ in light_load._loaded]
    assert all(model._run_eagerly for model in networks)
async def ask(tag):
    found = []
    for text in ("are you open on sunday", "hello there", "delivery time please", "can I pay"):
        parse = await agent.parse_message(text)
        replies = await agent.handle_text(text, sender_id="u" + tag)
        found.append([parse["intent"], parse["entities"], parse["intent_ranking"], len(replies)])
    tracker = await agent.tracker_store.retrieve("u" + tag)
    found.append([[event.as_dict().get(key) for key in ("event", "name", "policy", "confidence")] for event in tracker.events])
    return found
light_load = sys.modules.get("switchboard_rasa.light_load")
assert sys.argv[2] == "plain" or not light_load._in_use.is_set()
rounds = [asyncio.run(ask("1"))]
if sys.argv[2] == "light":
    assert light_load._in_use.is_set()
    light_load._trace_all()
    assert all(model._run_eagerly is False and model._tf_predict_step is not None for model in networks)
    rounds.append(asyncio.run(ask("2")))
print("ANSWERS " + json.dumps(rounds))
"""


def _ask(model: Path, how: str) -> list:
    words = [sys.executable, "-c", ASK, str(model), how]
    ran = subprocess.run(words, env=child_env(TF_CPP_MIN_LOG_LEVEL="3", RASA_TELEMETRY_ENABLED="false"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=560)
    lines = [line for line in ran.stdout.decode().splitlines() if line.startswith("ANSWERS ")]
    assert lines, ran.stderr.decode()
    return json.loads(lines[0][len("ANSWERS ") :])


def _close(one: object, two: object) -> bool:
    if isinstance(one, float):
        return abs(one - two) < 1e-6
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(_close(a, b) for a, b in zip(one, two))
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_close(one[key], two[key]) for key in one)
    return one == two


@pytest.mark.slow
def test_networks_load_light_and_answer_as_plain_rasa_does(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", TINY, pipeline=NETWORKS)
    config = project / "config.yml"
    config.write_text(config.read_text(encoding="utf-8").replace("- name: RulePolicy\n", POLICIES), encoding="utf-8")
    stories = "".join(f'- story: "{name}"\n  steps:\n  - intent: "{name}"\n  - action: "utter_{name}"\n' for name in ("faq", "chitchat"))
    (project / "data/stories.yml").write_text('version: "3.1"\nstories:\n' + stories, encoding="utf-8")
    _, code, stderr = train(project, tmp_path / "out")
    assert code == 0, stderr
    model = tmp_path / "out" / "model.tar.gz"
    with tarfile.open(model) as file:
        names = [member.name for member in file if member.name.endswith(".index")]
        assert len(names) == 2
        for name in names:
            assert b"optimizer" not in file.extractfile(name).read()
    (plain,) = _ask(model, "plain")
    eager, traced = _ask(model, "light")
    assert _close(plain, eager), (plain, eager)
    assert _close(plain, traced), (plain, traced)
