"""Not knowing, for Rasa's own ResponseSelector.

DIET tells `faq` from `chitchat` and is nearly always sure of it; whether the bot has an answer shows in the selector's confidence, which
Rasa's FallbackClassifier does not look at. This component does.
"""
from __future__ import annotations

from typing import Any, Dict, List, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.training_data.message import Message

from switchboard_rasa import answers


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SelectorFallback(GraphComponent, IntentClassifier):
    """Comes after the response selectors. Puts `nlu_fallback` first when the chosen answer's confidence is below `threshold`.

    The confidence is that of the intent times that of the answer within it, 0..1.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """`threshold`: 0..1."""
        return {"threshold": 0.4}

    def __init__(self, config: Dict[Text, Any]) -> None:
        self._threshold = float(config["threshold"])

    @classmethod
    def create(cls, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "SelectorFallback":
        """The component with `config`; it learns nothing and stores nothing."""
        return cls(config)

    def process(self, messages: List[Message]) -> List[Message]:
        """Changes intent and intent_ranking of each message that the bot should admit not knowing."""
        for message in messages:
            if message.get("intent") and _confidence(message) < self._threshold:
                message.set("intent", answers.fallback(self._threshold), add_to_output=True)
                ranking = [answers.fallback(self._threshold), *message.get("intent_ranking", [])]
                message.set("intent_ranking", ranking, add_to_output=True)
        return messages


def _confidence(message: Message) -> float:
    intent = message.get("intent")
    selected = message.get("response_selector", {}).get(intent.get("name"))
    return float(intent.get("confidence") or 0.0) * (float(selected["response"]["confidence"]) if selected else 1.0)
