"""The arithmetic of a few-question classifier: one prototype per class, compared in a space where rewordings count little.

Everything has a closed form. No epochs, no random start; a thousand classes take seconds, and the verdict on a question as if it had
not been taught costs a subtraction.
"""
from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np

SHRINKAGE = 0.85
"""How far the measured spread of rewordings is drawn to a round one. Few questions measure it badly."""


def class_sums(rows: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """The sum of each class's rows."""
    sums = np.zeros((count, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, classes, rows)
    return sums


class Metric(NamedTuple):
    """`inverse` weighs directions by how little questions of one class differ in them; `share` is one question's part in it."""

    inverse: np.ndarray
    share: float


def metric(deviations: np.ndarray) -> Metric:
    """The metric for questions that deviate so from their class's mean. The ordinary one when none do."""
    width = deviations.shape[1]
    count = max(1, len(deviations))
    spread = (deviations.T @ deviations).astype(np.float64) / count
    mean = np.trace(spread) / width
    if mean < 1e-9:
        return Metric(np.eye(width), 0.0)
    shrunk = (1.0 - SHRINKAGE) * spread / mean + SHRINKAGE * np.eye(width)
    return Metric(np.linalg.inv(shrunk), (1.0 - SHRINKAGE) / (mean * count))


def whitening(found: Metric) -> np.ndarray:
    """The linear map into the space where `found` is the ordinary metric."""
    return np.linalg.cholesky(found.inverse).astype(np.float32)


def cosines_without(found: Metric, seen: np.ndarray, removed: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Cosines of each row of `seen` to `targets` under the metric that lacks the row of `removed` beside it, `weights` times.

    `targets` is either rows common to all (answer: one column each) or, three-dimensional, rows of its own for each row of `seen`.
    A question must not judge itself by a metric that knows its own deviation; this takes it out by one rank (Sherman-Morrison).
    """
    inverse = found.inverse.astype(np.float32)
    pull = removed @ inverse
    factor = found.share * weights
    gain = factor / np.maximum(1.0 - factor * np.einsum("ij,ij->i", removed, pull), 1e-6)
    along = np.einsum("ij,ij->i", seen, pull)
    own = np.einsum("ij,jk,ik->i", seen, inverse, seen, optimize=True) + gain * along**2
    if targets.ndim == 2:
        spun, reach = targets @ inverse, pull @ targets.T
        cross, lengths = seen @ spun.T, np.einsum("ij,ij->i", targets, spun)[None, :]
    else:
        flat = targets[:, 0]
        spun = flat @ inverse
        reach = np.einsum("ij,ij->i", pull, flat)[:, None]
        cross, lengths = np.einsum("ij,ij->i", seen, spun)[:, None], np.einsum("ij,ij->i", flat, spun)[:, None]
    cross = cross + (gain * along)[:, None] * reach
    lengths = lengths + gain[:, None] * reach**2
    return cross / np.sqrt(np.maximum(lengths * own[:, None], 1e-12))


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one; a zero row stays."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def grouped(classes: np.ndarray, count: int) -> Tuple[np.ndarray, np.ndarray]:
    """The order that puts questions of a class together, and where each class starts in it."""
    order = np.argsort(classes, kind="stable")
    return order, np.searchsorted(classes[order], np.arange(count))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows of scores as probabilities."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def best_sharpness(scores: np.ndarray, classes: np.ndarray) -> float:
    """The factor on `scores` under which their softmax gives held-out questions the highest likelihood; 15 without evidence."""
    if len(scores) < 12 or scores.shape[1] < 2:
        return 15.0
    picked = np.arange(len(classes))

    def loss(factor: float) -> float:
        return float(-np.log(np.maximum(softmax(scores * factor)[picked, classes], 1e-6)).mean())

    return min((8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 27.0), key=loss)
