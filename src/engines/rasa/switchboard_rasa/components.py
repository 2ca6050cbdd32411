"""Rasa graph components of Switchboard. Name them in config.yml as `switchboard_rasa.components.SemanticSelector`."""
from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from switchboard_rasa import answers, exact, selector, threshold
from switchboard_rasa.encoder import Encoder, encoder
from switchboard_rasa.selector import Selector

exact.install()
_progress = logging.getLogger("switchboard.progress")
_BATCH = 64


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SemanticSelector(GraphComponent, IntentClassifier):
    """Intent, answer and the admission of not knowing, from a shared sentence encoder and one linear layer.

    Stands where DIETClassifier, ResponseSelector and FallbackClassifier stand in a classic pipeline and gives their output.
    """

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """`threshold`: 0..1 or null to set it from the data. `ranking_length`: entries of a ranking, 0 for all."""
        return {"threshold": None, "ranking_length": 10}

    def __init__(self, config: Dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model: Optional[Selector] = None
        self._responses: Dict[str, Any] = {}
        self._retrieval_intents: List[str] = []

    @classmethod
    def create(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> SemanticSelector:
        """An untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **kwargs: Any
    ) -> SemanticSelector:
        """The trained component of an archive. Raises EncoderMismatch when this process has another encoder."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._model = Selector.load(str(folder))
            kept = json.loads((Path(folder) / "answers.json").read_text(encoding="utf-8"))
        component._responses, component._retrieval_intents = kept["responses"], kept["retrieval_intents"]
        component._model.check(encoder())
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learns the bot's questions and stores the result. Raises InvalidConfigException for data without questions."""
        texts, labels = _examples(training_data)
        shared = encoder()
        trained = selector.train(texts, labels, _encode(shared, texts), shared, _answer_texts(training_data.responses))
        self._model = trained.selector
        self._model.facts["threshold"] = threshold.choose(trained.held_out_scores[trained.held_out_right], trained.foreign_scores)
        self._responses = training_data.responses
        self._retrieval_intents = sorted(training_data.retrieval_intents)
        self._persist()
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Adds intent, intent_ranking and response_selector to each message with a text."""
        asked = [message for message in messages if message.get("text") is not None]
        for message, vector in zip(asked, encoder().encode([message.get("text") for message in asked])):
            self._classify(message, vector)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The same for each training example, as Rasa's classifiers do for components after them."""
        self.process(training_data.training_examples)
        return training_data

    @property
    def threshold(self) -> float:
        """The author's threshold, or the one set in training."""
        chosen = self._config.get("threshold")
        return float(self._model.facts["threshold"] if chosen is None else chosen)

    def _classify(self, message: Message, vector: np.ndarray) -> None:
        text = message.get("text")
        verdict = self._model.judge(text, vector)
        score = verdict.score if text.strip() else 0.0
        ranked, retrieval = answers.split(self._model.labels, verdict.chances)
        ranked = answers.winner_first(ranked, self._model.labels[int(verdict.chances.argmax())])
        length = self._config["ranking_length"]
        ranking = answers.ranking(ranked, length)
        intent = dict(ranking[0])
        full = answers.full_name(intent["name"], retrieval)
        if full:
            intent["full_retrieval_intent_name"] = full
        if score < self.threshold:
            intent = answers.fallback(self.threshold)
            ranking.insert(0, answers.fallback(self.threshold))
        message.set("intent", intent, add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        chosen = answers.selection(retrieval, self._responses, self._retrieval_intents, length)
        message.set("response_selector", chosen, add_to_output=True)
        message.set("knowing", {"score": score, "threshold": self.threshold}, add_to_output=True)

    def _persist(self) -> None:
        with self._storage.write_to(self._resource) as folder:
            self._model.save(str(folder))
            kept = {"responses": self._responses, "retrieval_intents": self._retrieval_intents}
            (Path(folder) / "answers.json").write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _examples(training_data: TrainingData) -> Tuple[List[str], List[str]]:
    """Questions and their labels without exact repeats, in the data's order."""
    pairs = {(m.get("text").strip(), m.get_full_intent()): None for m in training_data.intent_examples if (m.get("text") or "").strip()}
    if not pairs:
        raise InvalidConfigException("There are no questions to learn: add at least one question to one answer.")
    return [text for text, _ in pairs], [label for _, label in pairs]


def _answer_texts(responses: Dict[str, Any]) -> Dict[str, str]:
    """The first text of each response, by the label it answers."""
    found: Dict[str, str] = {}
    for name, variations in (responses or {}).items():
        texts = [v["text"] for v in variations if isinstance(v.get("text"), str)]
        if texts and name.startswith("utter_"):
            found[name[len("utter_") :]] = texts[0].replace("{{", "{").replace("}}", "}")
    return found


def _encode(shared: Encoder, texts: List[str]) -> np.ndarray:
    rows = []
    for start in range(0, len(texts), _BATCH):
        rows.append(shared.encode(texts[start : start + _BATCH]))
        done = min(len(texts), start + _BATCH)
        _progress.info("encoded %d of %d questions", done, len(texts), extra={"share": done / len(texts)})
    return np.vstack(rows)
