"""Chances per class in the shapes Rasa gives: `intent`, `intent_ranking`, `response_selector`, and the fallback in front of them."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

FALLBACK = "nlu_fallback"
Ranked = List[Tuple[str, float]]


def split(labels: List[str], chances: np.ndarray) -> Tuple[Ranked, Dict[str, Ranked]]:
    """Intents with their chances, best first, and for each retrieval intent its answers with theirs, best first."""
    intents: Dict[str, float] = {}
    retrieval: Dict[str, Ranked] = {}
    for index in np.argsort(-chances, kind="stable"):
        label, chance = labels[index], float(chances[index])
        base = label.split("/", 1)[0]
        intents[base] = intents.get(base, 0.0) + chance
        if "/" in label:
            retrieval.setdefault(base, []).append((label, chance))
    return sorted(intents.items(), key=lambda item: -item[1]), retrieval


def winner_first(ranked: Ranked, top_label: str) -> Ranked:
    """`ranked` with the intent of the single most likely class in front: a big FAQ must not drown a clear greeting."""
    base = top_label.split("/", 1)[0]
    return sorted(ranked, key=lambda item: item[0] != base)


def ranking(ranked: Ranked, length: int) -> List[Dict[str, Any]]:
    """`intent_ranking` as Rasa's classifiers give it; a `length` of 0 keeps all."""
    kept = ranked[:length] if length else ranked
    return [{"name": name, "confidence": min(1.0, chance)} for name, chance in kept]


def selection(retrieval: Dict[str, Ranked], responses: Dict[str, Any], all_intents: List[str], length: int) -> Dict[str, Any]:
    """`response_selector` as Rasa's ResponseSelector gives it, one key per retrieval intent; chances within that intent."""
    result: Dict[str, Any] = {"all_retrieval_intents": all_intents}
    for intent, ranked in retrieval.items():
        total = sum(chance for _, chance in ranked) or 1.0
        best, chance = ranked[0]
        kept = ranked[:length] if length else ranked
        result[intent] = {
            "response": {
                "responses": responses.get("utter_" + best) or [{"text": best}],
                "confidence": chance / total,
                "intent_response_key": best,
                "utter_action": "utter_" + best,
            },
            "ranking": [{"confidence": value / total, "intent_response_key": label} for label, value in kept],
        }
    return result


def fallback(threshold: float) -> Dict[str, Any]:
    """The intent that Rasa's FallbackClassifier predicts: its confidence is the threshold."""
    return {"name": FALLBACK, "confidence": threshold}


def full_name(intent: str, retrieval: Dict[str, Ranked]) -> Optional[str]:
    """The retrieval intent with its key (`faq/hours`), or None for an ordinary intent."""
    return retrieval[intent][0][0] if intent in retrieval else None
