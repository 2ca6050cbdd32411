"""What Rasa's validator says of a project, with the file and the line that it is about."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
from test_host import Host

PROJECT: Dict[str, str] = {
    "config.yml": """recipe: default.v1
language: en
assistant_id: rules
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: RulePolicy
""",
    "domain.yml": """version: "3.1"
intents:
- greet
- bye:
    use_entities: []
slots:
  city:
    type: text
    mappings:
    - type: from_text
responses:
  utter_greet:
  - text: "Hello"
  utter_bye:
  - text: "Bye"
""",
    "data/nlu.yml": """version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good [evening](city)
- intent: bye
  examples: |
    - bye
    - see you
""",
    "data/rules.yml": """version: "3.1"
rules:
- rule: greeting
  steps:
  - intent: greet
  - action: utter_greet
- rule: parting
  steps:
  - intent: bye
  - action: utter_bye
""",
}
STORY = """version: "3.1"
stories:
- story: one
  steps:
  - intent: greet
  - action: utter_greet
  - slot_was_set:
    - city: rome
  - action: utter_bye
- story: other
  steps:
  - intent: greet
  - action: utter_greet
  - slot_was_set:
    - city: rome
  - action: utter_greet
"""
Found = List[Tuple[str, Any, Any, str]]
Check = Callable[..., Tuple[bool, Found]]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host()
    host.until(lambda event: "ready" in event)
    yield host
    host.end()


@pytest.fixture()
def check(host: Host, tmp_path: Path) -> Check:
    """The verdict on PROJECT with these files in it, each given by its path with `_` for `/` and `.`."""

    def run(spec: Dict[str, Any] = {}, **files: str) -> Tuple[bool, Found]:
        project = tmp_path / "project"
        (project / "data").mkdir(parents=True, exist_ok=True)
        names = {path.replace("/", "_").replace(".", "_"): path for path in (*PROJECT, "data/stories.yml")}
        for path, text in {**PROJECT, **{names[name]: text for name, text in files.items()}}.items():
            (project / path).write_text(text, encoding="utf-8")
        pid = host.start("validate", {"project": str(project), "originals": str(tmp_path / "originals"), **spec})
        assert host.exit_of(pid)["code"] == 0, host.text_of(pid, "err")
        done = json.loads(host.text_of(pid, "out").splitlines()[-1])["done"]
        return done["valid"], [(one["severity"], one["path"], one["line"], one["message"]) for one in done["findings"]]

    return run


def test_a_project_that_fits_together_is_told_nothing(check: Check) -> None:
    assert check() == (True, [])


@pytest.mark.parametrize(("path", "old", "new", "severity", "line", "words"), [
    ("domain.yml", "- greet\n", "- greet\n- lonely\n", "warning", 4, "'lonely' is listed in the domain file, but"),
    ("domain.yml", "utter_bye:", "utter_other:", "error", ("data/rules.yml", 10), "The action 'utter_bye' is used in the stories, but is not a valid"),
    ("domain.yml", "responses:", "forms:\n  order:\n    required_slots: [size]\nresponses:", "error", 12, "The form slot 'size' in form 'order' is not present"),
    ("domain.yml", "from_text\n", "from_text\n      conditions:\n      - active_loop: nowhere\n", "error", 7, "Slot 'city' has a mapping condition for form 'nowhere'"),
    ("domain.yml", "    mappings:\n    - type: from_text\n", "", "error", 8, "Cannot find required key 'mappings'"),
    ("data/nlu.yml", "- see you", "- see [you](city)\n- intent: more\n  examples: |\n    - hello", "warning", 11, "labeled with intent 'more'"),
    ("data/nlu.yml", "- see you", "- good evening", "warning", 6, "The example 'good evening' was found labeled"),
    ("data/nlu.yml", "- see you", '- see [you]{"entity": x}', "error", 10, "Incorrect training data format"),
    ("data/nlu.yml", "- intent: bye", "- intnt: bye", "error", 7, "Key 'intnt' was not defined"),
    ("data/rules.yml", "intent: bye", "intent: nobody", "warning", 9, "The intent 'nobody' is used in your stories"),
    ("data/rules.yml", "action: utter_bye", "action: action_none", "error", 10, "The action 'action_none' is used in the 'parting' block"),
    ("data/rules.yml", "action: utter_bye", "action: some_form\n  - active_loop: some_form", "error", 11, "The form 'some_form' is used in the 'parting' block"),
    ("data/rules.yml", "intent: bye", "intent: greet", "error", 3, "in rule 'greeting' is contradicting with rule(s) 'parting'"),
    ("data/rules.yml", "- action: utter_bye", "- slot_was_set:\n    - nothing: 1\n  - action: utter_bye", "warning", 11, "non existent slot 'nothing'"),
    ("data/rules.yml", "steps:\n  - intent: bye", "steps:\n  - intent: bye\n   - x", "error", 10, "This is not valid YAML"),
    ("config.yml", "pipeline:", "pipeline: 3\nx:", "error", None, "Value '3' is not a list"),
])
def test_each_finding_has_its_place(check: Check, path: str, old: str, new: str, severity: str, line: Any, words: str) -> None:
    valid, found = check(**{path.replace("/", "_").replace(".", "_"): PROJECT[path].replace(old, new, 1)})
    where = line if isinstance(line, tuple) else (path, line)
    assert [one[:3] for one in found if words in one[3]][:1] == [(severity, *where)], found
    assert valid is not any(one[0] == "error" for one in found)
    assert found == sorted(found, key=lambda one: one[0] != "error"), "errors come first"
    assert not any("/project" in one[3] for one in found), "files are called as their author calls them"


def test_stories_that_part_without_a_reason_are_named(check: Check) -> None:
    _, found = check(data_stories_yml=STORY, config_yml=PROJECT["config.yml"].replace("RulePolicy", "MemoizationPolicy"))
    assert [(one[1], one[2]) for one in found if "Story structure conflict" in one[3]] == [("data/stories.yml", 3)], found
    assert not any("contradicting" in one[3] for one in found), "who has no rule policy has no rules to contradict"


def test_lines_are_those_of_the_author(check: Check, tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals/domain.yml").write_text("#\n#\n#\nintents:\n- lonely\n")
    _, found = check(domain_yml=PROJECT["domain.yml"].replace("- greet\n", "- greet\n- lonely\n"))
    assert {one[1:3] for one in found} == {("domain.yml", 5)}, found


def test_a_file_alone_is_read_whatever_lies_beside_it(check: Check) -> None:
    broken = "nlu: 3\n"
    valid, found = check({"alone": ["data/rules.yml", "domain.yml"]}, data_nlu_yml=broken)
    assert valid, found
    valid, found = check({"alone": ["data/nlu.yml"]}, data_nlu_yml=broken)
    assert (valid, found[0][1]) == (False, "data/nlu.yml")


def test_a_training_refuses_what_the_validator_calls_wrong(host: Host, tmp_path: Path) -> None:
    for path, text in PROJECT.items():
        (tmp_path / "p" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / path).write_text(text.replace("action: utter_bye", "action: action_none"), encoding="utf-8")
    told = []
    for check in (True, False):
        pid = host.start("train", {"project": str(tmp_path / "p"), "out": str(tmp_path / "out"), "check": check})
        host.exit_of(pid)
        told.append(json.loads(host.text_of(pid, "out").splitlines()[-1]))
    assert told[0]["error"]["code"] == "invalid_project"
    assert told[0]["error"]["message"].startswith("The project does not fit together: data/rules.yml line 10: The action 'action_none'")
    assert told[1]["error"]["code"] == "unknown_action", "who asks for no check hears it from the training"
    assert "goes on with 'action_none', which the domain has neither" in told[1]["error"]["message"]
