"""Two components as authors write them: one changes the text before it is tokenized, one adds an entity and a feature."""
from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

_GOOD = ("good", "great", "love", "nice", "best")
_BAD = ("bad", "broken", "hate", "late", "worst")


class _Stateless(GraphComponent):
    def __init__(self, config: Dict[str, Any]) -> None:
        self._config = config

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> _Stateless:
        return cls(config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        raise NotImplementedError


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class Tidy(_Stateless):
    """Doubled exclamation marks become one."""

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text = message.get(TEXT)
            while text and "!!" in text:
                text = text.replace("!!", "!")
            if text is not None:
                message.set(TEXT, text, add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class Mood(_Stateless):
    """Counts good and bad words: an entity for the domain, a dense feature for the classifier."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {"weight": 1.0}

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        for message in training_data.training_examples:
            self._score(message)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            score = self._score(message)
            if score:
                found = {"entity": "mood", "value": score, "confidence": 1.0, "extractor": "Mood"}
                message.set("entities", [*message.get("entities", []), found], add_to_output=True)
        return messages

    def _score(self, message: Message) -> float:
        words = (message.get(TEXT) or "").lower().split()
        score = self._config["weight"] * float(sum(w in _GOOD for w in words) - sum(w in _BAD for w in words))
        message.add_features(Features(np.array([[score]]), FEATURE_TYPE_SENTENCE, TEXT, "Mood"))
        return score
