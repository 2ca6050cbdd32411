"""Traces the whole of a network's training step once, where TensorFlow traces it twice.

A first call that makes variables is traced for their sake and then traced again, and the second graph is the one that trains. Nothing but the
loss makes variables: the first trace ends behind it, without gradients and without what the optimiser does with them, which are the
larger half. A weight's first value hangs on the operations traced before it; those are the same, and so is the network, to the last bit.
"""
from __future__ import annotations

from typing import Any, Dict

import tensorflow as tf
from rasa.utils.tensorflow.models import RasaModel


def install() -> None:
    """From now on Rasa's networks are trained so in this process. A class with a `train_step` of its own goes on as it did, and so does a
    network with one of Keras's earlier optimisers, which do not `build`."""
    whole = RasaModel.train_step
    if getattr(whole, "switchboard_once", False):
        return

    def train_step(self: Any, batch_in: Any) -> Dict[str, Any]:
        if tf.executing_eagerly() or self.trainable_variables or not hasattr(self.optimizer, "build"):
            return whole(self, batch_in)
        self._training = True
        self.batch_loss(batch_in)
        if not self.trainable_variables:
            return whole(self, batch_in)
        with tf.init_scope():
            self.optimizer.build(self.trainable_variables)
        self._training = None
        return self._get_metric_results()

    train_step.switchboard_once = True  # type: ignore[attr-defined]
    RasaModel.train_step = train_step
