"""Gives a network its batches without TensorFlow's tuner, which can hold a training that is done for up to a minute.

The tuner of tf.data looks at a pipeline now and then, at first every hundredth of a second and later every minute. At a pipeline's end it is
woken to stop, but before the flag that it looks for is set (TensorFlow 2.12, `CancellationManager::StartCancel`): where it is quicker than
the flag it sleeps on, and the training waits for it without doing anything. Keras prefetches one batch, so there is nothing to tune.
"""
from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras.engine.data_adapter import GeneratorDataAdapter


def install() -> None:
    """From now on networks are trained so in this process. The batches and their order are the same."""
    tuned = GeneratorDataAdapter.get_dataset
    if getattr(tuned, "switchboard_untuned", False):
        return

    def get_dataset(self: Any) -> Any:
        options = tf.data.Options()
        options.autotune.enabled = False
        return tuned(self).with_options(options)

    get_dataset.switchboard_untuned = True  # type: ignore[attr-defined]
    GeneratorDataAdapter.get_dataset = get_dataset
