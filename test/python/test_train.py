"""Training in a process of its own: live progress, errors in words, and the classic pipeline through the same child."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from helpers import TINY, Child, FakeHub, train, write_project

CLASSIC = """- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
  min_ngram: 1
  max_ngram: 4
- name: DIETClassifier
  epochs: 20
  entity_recognition: false
- name: ResponseSelector
  retrieval_intent: faq
  epochs: 20
- name: FallbackClassifier
  threshold: 0.2
"""


def check_lines(lines: List[Dict[str, Any]]) -> List[int]:
    percents = [line["percent"] for line in lines if "percent" in line]
    assert percents == sorted(percents) and percents[0] <= 5
    assert all(line["stage"] for line in lines if "percent" in line)
    return percents


def test_progress_and_done(tmp_path: Path) -> None:
    lines, code, stderr = train(write_project(tmp_path / "p", TINY, options="  threshold: 0.123\n"), tmp_path / "out")
    assert code == 0, stderr
    percents = check_lines(lines)
    assert percents[-1] == 100 and len(percents) > 6
    assert lines[-1]["done"]["model"] == str(tmp_path / "out" / "model.tar.gz") and Path(lines[-1]["done"]["model"]).exists()
    assert "\x1b" not in stderr and "|" * 3 not in stderr


def _append(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: (project / name).open("a", encoding="utf-8").write(text) and None


def _write(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: (project / name).write_text(text, encoding="utf-8") and None


def _no_questions(project: Path) -> None:
    (project / "data/nlu.yml").unlink()
    (project / "data/rules.yml").unlink()


BROKEN: Dict[str, Tuple[Callable[[Path], None], str, str]] = {
    "yaml": (_append("data/nlu.yml", '- intent: "x\n\t- oops: ['), "bad_yaml", "nlu.yml, line"),
    "shape": (_append("domain.yml", "slots:\n  a: 5\n"), "bad_content", "domain.yml"),
    "data": (_no_questions, "no_training_data", "nothing to train on"),
    "rules": (
        _append("data/rules.yml", '- rule: "other"\n  steps:\n  - intent: "faq"\n  - action: "utter_chitchat"\n'), "contradicting_rules", "contradict",
    ),
    "component": (_write("config.yml", "recipe: default.v1\npipeline:\n- name: switchboard_rasa.components.NoSuchThing\npolicies:\n- name: RulePolicy\n"), "bad_config", "NoSuchThing"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(BROKEN))
def test_errors_are_told_in_words(tmp_path: Path, kind: str) -> None:
    spoil, expected, words = BROKEN[kind]
    project = write_project(tmp_path / "p", TINY)
    spoil(project)
    lines, code, stderr = train(project, tmp_path / "out")
    assert code == 1 and "error" in lines[-1], stderr
    check_lines(lines)
    error = lines[-1]["error"]
    assert error["code"] == expected and words in error["message"], error
    assert "\x1b" not in error["detail"]


def test_missing_packages_and_memory_in_words() -> None:
    from rasa.exceptions import MissingDependencyException
    from switchboard_rasa.words import tell

    assert "jieba" in tell(ModuleNotFoundError("No module named 'jieba'", name="jieba")).message
    assert tell(MissingDependencyException("Not all required importable packages are installed: ['jieba']")).code == "missing_package"
    assert tell(MemoryError()).code == "out_of_memory"
    assert tell(RuntimeError("boom")).code == "training_failed"


@pytest.mark.slow
def test_classic_pipeline_trains_and_answers(tmp_path: Path, hub: FakeHub) -> None:
    lines, code, stderr = train(write_project(tmp_path / "p", TINY, pipeline=CLASSIC), tmp_path / "out")
    assert code == 0, stderr
    assert len(check_lines(lines)) > 20, "epochs are reported"
    child = Child(Path(lines[-1]["done"]["model"]), hub)
    try:
        turn = child.say("how do I return an item")[1]
        assert turn["messages"][0]["text"] == "30 days."
        assert child.say("/faq/pay", literal=False)[1]["messages"][0]["text"] == "Card or cash."
    finally:
        child.stop()
