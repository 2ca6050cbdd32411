"""Not knowing with Rasa's own ResponseSelector."""
from __future__ import annotations

from typing import Any, Dict, Optional

from rasa.shared.nlu.training_data.message import Message
from switchboard_rasa.fallback import SelectorFallback


def judged(intent: float, answer: Optional[float], threshold: float = 0.4) -> Dict[str, Any]:
    message = Message({"text": "x"})
    message.set("intent", {"name": "faq", "confidence": intent})
    message.set("intent_ranking", [{"name": "faq", "confidence": intent}])
    if answer is not None:
        message.set("response_selector", {"faq": {"response": {"confidence": answer, "intent_response_key": "faq/a"}}})
    SelectorFallback({"threshold": threshold}).process([message])
    return {"intent": message.get("intent")["name"], "ranking": [row["name"] for row in message.get("intent_ranking")]}


def test_a_sure_intent_with_an_unsure_answer_is_not_known() -> None:
    assert judged(0.99, 0.2) == {"intent": "nlu_fallback", "ranking": ["nlu_fallback", "faq"]}
    assert judged(0.99, 0.7) == {"intent": "faq", "ranking": ["faq"]}


def test_both_confidences_count() -> None:
    assert judged(0.5, 0.7)["intent"] == "nlu_fallback"


def test_an_intent_without_a_selector_counts_alone() -> None:
    assert judged(0.5, None)["intent"] == "faq"
    assert judged(0.3, None)["intent"] == "nlu_fallback"


def test_a_message_without_an_intent_stays_as_it_is() -> None:
    message = Message({"text": ""})
    SelectorFallback({"threshold": 0.4}).process([message])
    assert message.get("intent") is None
