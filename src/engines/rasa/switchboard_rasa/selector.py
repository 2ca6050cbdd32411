"""What a semantic bot learned, apart from Rasa: texts in, chances per class and a knowing-score out. Pure numpy.

Each class is judged by three cosines: to its prototype (mean of its questions and, lightly, its answer) in a whitened space, to the
nearest of its questions, and in spelling. Whether the bot knows at all is judged by how far the best class stands out from the average
one, and by whether the text is nearer to the bot's questions than to everyday ones that no bot was taught. Small talk that comes with
the bot is no part of what it knows: it is heard only where it is plain, else its broad questions draw foreign ones in.
On the sets of bench/answers this beat ridge and logistic regression, nearest neighbour and plain centroids.
"""
from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from switchboard_rasa import ngrams, prototypes, threshold
from switchboard_rasa.encoder import Encoder

ANSWER = 0.2
"""Weight of an answer's own text in its prototype."""
NEAREST = 0.3
SPELLING = 0.15
"""Weights of the other two cosines. A text without a common n-gram loses the same for each class, so no class by it."""

OUTSIDE = 0.6
"""Weight of that nearness beside the lead. Without it a bot that answers nine of ten questions it knows declines 62, 51, 93 and 91 % of
foreign ones (the four sets of bench/answers); with it 72, 61, 97 and 92 %."""
_OWN = 0.75
"""An everyday question so similar to one of the bot's own is not foreign to this bot."""

_USUAL, _USUAL_WEIGHT = 0.1, 5.0
"""The average class's value where there are too few classes to tell, and for how many classes that stands."""
_HALF = 0.5
"""The scale of the lead over the average class: one such lead is a score of 0.63, two are 0.86."""

SMALL_TALK = "chitchat"
"""Classes under this name before the `/` or `_` are small talk."""
PLAIN = 0.55
"""A text at least so similar to a question of small talk, and no less than to any everyday question, may be small talk. Without this rule
bots that answer nine of ten questions they know decline 85, 84, 100 and 94 % of far ones (shop-20, zh-telecom, banking-77, city-1000);
with it 96, 91, 100 and 98 %. A higher value hears less small talk in words nobody wrote down (docs/decisions/0003)."""

PROBE = "Where can I get help? 在哪里可以得到帮助？"
_FORMAT = 2


class EncoderMismatch(Exception):
    """The model was trained with another sentence encoder than the one this process has."""


class Verdict(NamedTuple):
    """`chances` per class (sum 1), and `score` 0..1: how surely the text is something the bot was taught."""

    chances: np.ndarray
    score: float


class Selector:
    """A trained model. Made by `train`, kept as two files by `save` and `load`, asked by `judge`."""

    def __init__(self, labels: List[str], arrays: Dict[str, np.ndarray], facts: Dict[str, Any]) -> None:
        self.labels = labels
        self.arrays = arrays
        self.facts = facts
        self._whiten = arrays["whiten"].astype(np.float32)
        self._meanings = arrays["meanings"].astype(np.float32)
        self._spellings = arrays["spellings"].astype(np.float32)
        self._questions = arrays["questions"].astype(np.float32)
        self._everyday = arrays["everyday"].astype(np.float32)
        self._taught = taught(labels)

    def judge(self, text: str, vector: np.ndarray, but: Optional[int] = None) -> Verdict:
        """The verdict on `text`, whose encoder vector is `vector`. Any text will do. `but`: an everyday question to leave out."""
        buckets, values = ngrams.sparse(text)
        near = np.maximum.reduceat(self._questions @ vector, self.arrays["starts"])
        meaning = self._meanings @ prototypes.unit(vector @ self._whiten)
        levels = meaning + NEAREST * near + SPELLING * (values @ self._spellings[buckets])
        foreign = self._everyday @ vector
        if but is not None:
            foreign[but] = -1.0
        return self._verdict(levels, near, float(foreign.max(initial=-1.0)))

    def _verdict(self, levels: np.ndarray, near: np.ndarray, foreign: float) -> Verdict:
        """Plain small talk as such, with a score above every threshold a bot sets for itself; all else by the taught classes alone."""
        sharpness, winner = self.facts["sharpness"], int(levels.argmax())
        if winner not in self._taught and near[winner] >= max(PLAIN, foreign):
            score = threshold.HIGHEST + (1.0 - threshold.HIGHEST) * float(near[winner])
            return Verdict(prototypes.softmax(sharpness * levels), score)
        chances = np.zeros_like(levels)
        chances[self._taught] = prototypes.softmax(sharpness * levels[self._taught])
        return Verdict(chances, knowing(levels[self._taught], float(near[self._taught].max()) - foreign))

    def check(self, encoder: Encoder) -> None:
        """Raises EncoderMismatch unless `encoder` is the one of training, by name and by what it makes of a fixed text."""
        if encoder.identity != self.facts["encoder"]:
            raise EncoderMismatch(
                f"This model was trained with the encoder {self.facts['encoder']}, but this process has {encoder.identity}. Train the bot again."
            )
        if float(encoder.encode([PROBE])[0] @ self.arrays["probe"]) < 0.999:
            raise EncoderMismatch(f"The encoder {encoder.identity} gives other vectors than at training. Train the bot again.")

    def save(self, folder: str) -> None:
        """Writes `selector.npz` and `selector.json` into `folder`."""
        np.savez_compressed(f"{folder}/selector.npz", **self.arrays)
        with open(f"{folder}/selector.json", "w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, "labels": self.labels, "facts": self.facts}, file, ensure_ascii=False)

    @classmethod
    def load(cls, folder: str) -> "Selector":
        """Reads what `save` wrote. Raises OSError or ValueError for a damaged or newer model."""
        with open(f"{folder}/selector.json", encoding="utf-8") as file:
            kept = json.load(file)
        if kept.get("format") != _FORMAT:
            raise ValueError(f"selector format {kept.get('format')} is not known to this version")
        with np.load(f"{folder}/selector.npz", allow_pickle=False) as arrays:
            return cls(kept["labels"], dict(arrays), kept["facts"])


class Trained(NamedTuple):
    """A model and what its threshold is set from: for each question that has a sister the score, had it not been taught, and whether the
    answer was right; and the scores of everyday questions."""

    selector: Selector
    held_out_scores: np.ndarray
    held_out_right: np.ndarray
    foreign_scores: np.ndarray


def train(texts: List[str], labels: List[str], vectors: np.ndarray, encoder: Encoder, answers: Optional[Dict[str, str]] = None) -> Trained:
    """Learns `texts` with their `labels`; `vectors` are the encoder's. At least one text; one class and duplicates are fine.

    `answers` gives the answer's text for each label that has one.
    """
    names = sorted(set(labels))
    number = {name: index for index, name in enumerate(names)}
    classes = np.array([number[label] for label in labels])
    learning = _Learning(texts, classes, vectors, _answer_vectors(names, answers or {}, encoder))
    everyday, everyday_vectors = _everyday(texts, vectors, encoder)
    own = taught(names)
    learning.keep_testable(own)
    held_out, truth = learning.held_out()[:, own], np.searchsorted(own, learning.classes[learning.testable])
    sharpness = prototypes.best_sharpness(held_out, truth)
    arrays = {**learning.arrays(), "everyday": everyday_vectors.astype(np.float16), "probe": encoder.encode([PROBE])[0]}
    selector = Selector(names, arrays, {"encoder": encoder.identity, "sharpness": sharpness})
    inside = learning.nearest_sister(own) - (learning.vectors[learning.testable] @ everyday_vectors.T).max(axis=1, initial=-1.0)
    known = [knowing(levels, near) for levels, near in zip(held_out, inside)]
    foreign = [selector.judge(text, vector, row).score for row, (text, vector) in enumerate(zip(everyday, everyday_vectors))]
    right = held_out.argmax(axis=1) == truth
    return Trained(selector, np.array(known, dtype=np.float32), right, np.array(foreign, dtype=np.float32))


def taught(labels: List[str]) -> np.ndarray:
    """The numbers of the classes that are not small talk, in order; of all classes when nothing else is there."""
    own = [index for index, label in enumerate(labels) if not label.startswith((SMALL_TALK + "/", SMALL_TALK + "_"))]
    return np.array(own or range(len(labels)))


def knowing(levels: np.ndarray, inside: float) -> float:
    """The score that the threshold is set on, 0..1.

    `levels` are the classes' values: how far the best stands above the average of the others counts. `inside`: by how much the text is
    more similar to the nearest of the bot's questions than to the nearest everyday one.
    """
    top = float(levels.max())
    others = float(levels.sum()) - top
    average = (others + _USUAL * _USUAL_WEIGHT) / (len(levels) - 1 + _USUAL_WEIGHT)
    return 1.0 - float(np.exp(-max(0.0, top - average + OUTSIDE * inside) / _HALF))


def _everyday(texts: List[str], vectors: np.ndarray, encoder: Encoder) -> Tuple[List[str], np.ndarray]:
    """The shipped foreign questions in the bot's languages with their vectors, but for those that are its own."""
    questions = threshold.foreign_questions(texts)
    found = encoder.encode(questions)
    kept = np.flatnonzero((found @ vectors.T).max(axis=1) < _OWN)
    return [questions[row] for row in kept], found[kept]


def _answer_vectors(names: List[str], answers: Dict[str, str], encoder: Encoder) -> np.ndarray:
    vectors = np.zeros((len(names), encoder.width), dtype=np.float32)
    present = [index for index, name in enumerate(names) if answers.get(name, "").strip()]
    if present:
        vectors[present] = encoder.encode([answers[names[index]] for index in present])
    return vectors


class _Learning:
    """The data of one training, grouped by class, and what is computed from them."""

    def __init__(self, texts: List[str], classes: np.ndarray, vectors: np.ndarray, answers: np.ndarray) -> None:
        count = int(classes.max()) + 1
        order, self.starts = prototypes.grouped(classes, count)
        self.classes, self.vectors, self.answers = classes[order], vectors[order], answers
        self.spelling = ngrams.matrix([texts[index] for index in order])
        self.sizes = np.bincount(self.classes)[:, None].astype(np.float32)
        self.sums = prototypes.class_sums(self.vectors, self.classes, count)
        self.spelling_sums = prototypes.class_sums(self.spelling, self.classes, count)
        self.deviations = self.vectors - (self.sums / self.sizes)[self.classes]
        self.metric = prototypes.metric(self.deviations)
        self.testable = np.flatnonzero(self.sizes[self.classes, 0] >= 2)

    def arrays(self) -> Dict[str, np.ndarray]:
        """What a model keeps."""
        whiten = prototypes.whitening(self.metric)
        meanings = prototypes.unit(self._prototypes(self.sums, self.sizes, self.answers) @ whiten)
        spellings = prototypes.unit(self.spelling_sums).T
        small = {"whiten": whiten, "meanings": meanings, "spellings": spellings, "questions": self.vectors}
        return {**{name: value.astype(np.float16) for name, value in small.items()}, "starts": self.starts}

    def held_out(self, block: int = 256) -> np.ndarray:
        """For each testable question the class levels of a model that wasn't taught it."""
        meanings = self._prototypes(self.sums, self.sizes, self.answers)
        spellings = prototypes.unit(self.spelling_sums)
        blocks = [self._held_out(self.testable[i : i + block], meanings, spellings) for i in range(0, len(self.testable), block)]
        return np.vstack(blocks) if blocks else np.zeros((0, len(self.sums)), dtype=np.float32)

    def keep_testable(self, classes: np.ndarray) -> None:
        """Leaves only questions of `classes` testable."""
        self.testable = self.testable[np.isin(self.classes[self.testable], classes)]

    def nearest_sister(self, classes: np.ndarray) -> np.ndarray:
        """For each testable question its similarity to the nearest other question of `classes`."""
        similar = self.vectors[self.testable] @ self.vectors.T
        similar[np.arange(len(self.testable)), self.testable] = -1.0
        similar[:, ~np.isin(self.classes, classes)] = -1.0
        return similar.max(axis=1)

    def _held_out(self, rows: np.ndarray, meanings: np.ndarray, spellings: np.ndarray) -> np.ndarray:
        own, here = self.classes[rows], np.arange(len(rows))
        vectors, spelling = self.vectors[rows], self.spelling[rows]
        sizes = self.sizes[own]
        without = self._prototypes(self.sums[own] - vectors, sizes - 1, self.answers[own])
        taken = (self.metric, vectors, self.deviations[rows], (sizes / (sizes - 1))[:, 0])
        meaning = prototypes.cosines_without(*taken, meanings)
        meaning[here, own] = prototypes.cosines_without(*taken, without[:, None])[:, 0]
        similar = vectors @ self.vectors.T
        similar[here, rows] = -1.0
        spelled = spelling @ spellings.T
        spelled[here, own] = np.einsum("ij,ij->i", spelling, prototypes.unit(self.spelling_sums[own] - spelling))
        return meaning + NEAREST * np.maximum.reduceat(similar, self.starts, axis=1) + SPELLING * spelled

    @staticmethod
    def _prototypes(sums: np.ndarray, sizes: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return sums / sizes + ANSWER * answers
