"""Byte for byte: what an author typed is what leaves over our channel, through real YAML, training, archive and child."""
from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from helpers import Child, FakeHub, train, write_project
from switchboard_rasa import exact

ANSWERS = [
    "{", "}", "{}", "{{", "{{a}}", "{slot}", "}{", "{ {a} }", "{\n}", "{0}", "a 0[ b {c}", "${HOME} costs $HOME", "${X}", "$X {y} ${Z",
    "[text](entity)", '[a]{"entity": "b"}', "/faq/x", "/restart", "\"double\" 'single'", "😀👩‍👩‍👧", "中文：你好，“世界”。", "one\r\ntwo\rthree\nfour",
    "\ttab\t\n\tindented", "  both ends  ", "\n\nblank lines\n\n\n\nand more\n", "100 % %s %(x)s", "C:\\new\\table \\u0041 \\", "# not a comment",
    "key: value", "yes", "1.0", "null", "- a\n- b", "~", "*a &b !c", "---\n...", "line\u2028sep\u2029par\u0085nel\u00a0nbsp", "\ufeffbom", "<b>&amp;</b>",
    "| pipe > fold", "é" * 3, "bell\x07 esc\x1b[0m nul\x00 del\x7f", "x" * 5000, "# Title\n\n" + "* item `code` **bold**\n\n    pre\n" * 90,
]
RICH = {
    "text": "Pick {one}", "buttons": [{"title": "{A} ${B}", "payload": '/ask{"a": "b{}"}'}, {"title": "  b ", "payload": "/faq/a0"}],
    "image": "https://x/{y}.png?${z}", "custom": {"k": {"deep": ["{x}", "${Y}", 1, None, True]}},
}
QUESTIONS = [
    "[text](entity)", '[text]{"entity": "x"}', "[a][b]", "${HOME}", "/start now", "{slot}", "two\nlines", "\"quoted\" 'q'", "# hash", "- dash", "a: b",
    "yes", "100%", "back\\slash \\u0041", "中文问题", "😀 smile", "]\u2060(kept)",
]


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.mktemp("exact")
    pairs = {f"faq/a{i}": (text, [f"number {i}{i} please tell about {i}"]) for i, text in enumerate(ANSWERS)}
    pairs["faq/rich"] = (RICH, QUESTIONS)
    lines, code, stderr = train(write_project(base / "project", pairs), base / "out")
    assert code == 0, stderr
    hub = FakeHub(Path(str(base)))
    child = Child(Path(lines[-1]["done"]["model"]), hub)
    yield child
    child.stop()
    hub.close()


@pytest.mark.slow
def test_each_answer_leaves_as_typed(bot: Child) -> None:
    for number, text in enumerate(ANSWERS):
        status, turn = bot.say(f"/faq/a{number}", literal=False)
        assert status == 200, (text, turn)
        assert [message["text"] for message in turn["messages"]] == [text]


def test_buttons_images_and_custom_leave_as_typed(bot: Child) -> None:
    messages = bot.say("/faq/rich", literal=False)[1]["messages"]
    assert messages[0] == {"recipient_id": "u1", "text": RICH["text"], "buttons": RICH["buttons"]}
    assert {"recipient_id": "u1", "custom": RICH["custom"]} in messages
    assert {"recipient_id": "u1", "image": RICH["image"]} in messages


def test_questions_are_learned_as_typed(bot: Child) -> None:
    for text in QUESTIONS:
        parsed = bot.say(text)[1]["parse"]
        assert parsed["text"] == text
        assert parsed["intent"].get("full_retrieval_intent_name") == "faq/rich", (text, parsed["intent"], parsed["knowing"])
        assert parsed["entities"] == []


def test_question_encoding_is_undone() -> None:
    tokens = ["[", "]", "(", "{", "\u2060", "a", "](", "]["]
    dice = random.Random(1)
    for _ in range(2000):
        text = "".join(dice.choice(tokens) for _ in range(dice.randint(0, 9)))
        encoded = exact.encode_question(text)
        assert "](" not in encoded and "]{" not in encoded and "][" not in encoded
        assert exact.decode_question(encoded) == text


def test_the_importer_gives_each_question_as_typed(tmp_path: Path) -> None:
    from switchboard_rasa.importer import ExactImporter

    project = write_project(tmp_path / "p", {"faq/rich": ("A", QUESTIONS)})
    data = ExactImporter(training_data_paths=[str(project / "data")]).get_nlu_data()
    assert [message.get("text") for message in data.training_examples] == QUESTIONS
    assert not any(message.get("entities") for message in data.training_examples)


def test_random_texts_survive_load_persist_load(tmp_path: Path) -> None:
    from rasa.core.nlg.interpolator import interpolate_text
    from rasa.shared.core.domain import Domain

    exact.install()
    dice = random.Random(2)
    pieces = ["{", "}", "${X}", "$", "\r", "\n", "\t", " ", "\\", '"', "'", "#", ": ", "- ", "0[", "a", "中", "😀", "\u2028", "\x85", "\x0b", "\ufeff", "%"]
    texts = ["".join(dice.choice(pieces) for _ in range(dice.randint(1, 8))) for _ in range(300)]
    lines = [f"  utter_faq/q{i}:\n  - text: {exact.yaml_string(exact.encode_answer(text))}\n" for i, text in enumerate(texts)]
    (tmp_path / "domain.yml").write_text(exact.GUARD + 'version: "3.1"\nresponses:\n' + "".join(lines), encoding="utf-8", newline="")
    Domain.from_path(str(tmp_path / "domain.yml")).persist(tmp_path / "out.yml")
    again = Domain.from_path(str(tmp_path / "out.yml"))
    assert [interpolate_text(again.responses[f"utter_faq/q{i}"][0]["text"], {"s": None}) for i in range(len(texts))] == texts


def test_what_json_can_not_hold_is_refused() -> None:
    for domain in ({"a": float("nan")}, {1: "a"}, {"a": object()}):
        with pytest.raises((ValueError, TypeError)):
            exact.domain_document(domain)
    assert json.loads(exact.domain_document({"a": "\u2028"}).split("\n", 1)[1]) == {"a": "\u2028"}
