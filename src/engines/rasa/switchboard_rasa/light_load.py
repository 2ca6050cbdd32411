"""Loads Rasa's neural models in a second instead of fifteen, with the same answers.

Rasa creates a model's weights by training one batch, which traces the training graph and allocates the optimiser, and then traces the
prediction graph, all before the first message. Here one prediction is run eagerly, which creates the variables that predictions
read; messages are answered eagerly; and the prediction graph is traced later, beside them, or never.
"""
from __future__ import annotations

import ctypes
import logging
import os
import shutil
import tempfile
import threading
import time
from typing import Any, Callable, List, Tuple

import tensorflow as tf
from rasa.utils.tensorflow.models import RasaModel
from rasa.utils.train_utils import create_data_generators

logger = logging.getLogger(__name__)
_loaded: List[Tuple[Any, Any]] = []
"""The models of this process that wait for their graph, with an example of what they are asked."""
_ASKED = 5
"""So many questions show that a bot is in use, and its graphs worth their memory: most of many bots say little between sleep and sleep."""
_in_use = threading.Event()


def install() -> None:
    """From now on RasaModel.load is light. For serving only: a model loaded so can't be trained further."""
    if getattr(RasaModel.load, "switchboard_light", False):
        return
    original = RasaModel.load.__func__

    def load(cls: Any, model_file_name: Any, model_data_example: Any, predict_data_example: Any = None, finetune_mode: bool = False, *args: Any, **kwargs: Any) -> Any:
        if finetune_mode or not predict_data_example:
            return original(cls, model_file_name, model_data_example, predict_data_example, finetune_mode, *args, **kwargs)
        model = cls(*args, **kwargs)
        model._training = False
        complete = _create_variables(model, predict_data_example)
        _restore(model, str(model_file_name), complete)
        model._run_eagerly = True
        _loaded.append((model, predict_data_example))
        return model

    load.switchboard_light = True  # type: ignore[attr-defined]
    RasaModel.load = classmethod(load)


def save_without_optimizer() -> None:
    """From now on a model is stored without its optimiser's state, two thirds of it that no answer needs. Any Rasa 3.6 loads it."""
    if getattr(RasaModel.save, "switchboard_light", False):
        return
    original = RasaModel.save

    def save(self: Any, model_file_name: Any, overwrite: bool = True) -> None:
        optimizer = self.optimizer
        self._delete_tracking("optimizer")
        try:
            original(self, model_file_name, overwrite)
        finally:
            if optimizer is not None:
                self._track_trackable(optimizer, "optimizer", overwrite=True)

    save.switchboard_light = True  # type: ignore[attr-defined]
    RasaModel.save = save


def give_back() -> None:
    """Returns to the system what loading used and freed: a quarter of a bot's memory, which the allocator would keep for later."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def trace_later(seconds: float) -> None:
    """Starts a thread that waits until the bot is in use, and then so long, and traces the graphs of all models loaded so far.
    Messages go on being answered."""
    threading.Thread(target=_trace_in_use, args=(seconds,), daemon=True, name="trace").start()


def asked(model: Any) -> None:
    """One of the models has been asked something and has no graph yet."""
    count = model.__dict__["_switchboard_asked"] = model.__dict__.get("_switchboard_asked", 0) + 1
    if count >= _ASKED:
        _in_use.set()


def _create_variables(model: Any, example: Any) -> bool:
    """Predicts once, eagerly, with whatever is in the weights. False when a layer that a prediction may use could not be made yet."""
    missed: List[Any] = []
    cond, add_weight = tf.cond, tf.keras.layers.Layer.add_weight
    tf.config.run_functions_eagerly(True)
    tf.cond, tf.keras.layers.Layer.add_weight = _both(cond, missed), _zeros(add_weight)
    try:
        model.predict_step(_batch_of(example))
    finally:
        tf.cond, tf.keras.layers.Layer.add_weight = cond, add_weight
        tf.config.run_functions_eagerly(False)
        # What was prepared was made of no weights.
        model.prepared_for_prediction = False
    return not missed


def _batch_of(example: Any) -> Any:
    """The example as a prediction gets it."""
    generator, _ = create_data_generators(model_data=example, batch_sizes=1, epochs=1, shuffle=False)
    return next(iter(generator))[0]


def _zeros(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """`add_weight` without dice: the values are read from the file in a moment."""

    def add(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 4:
            kwargs["initializer"] = "zeros"
        return add_weight(self, *args, **kwargs)

    return add


def _both(cond: Callable[..., Any], missed: List[Any]) -> Callable[..., Any]:
    """`tf.cond` that runs the other branch too, as tracing does: a layer that only that branch uses gets its variables now."""

    def run(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
        chosen = bool(pred)
        try:
            (false_fn if chosen else true_fn)()
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            # A branch may be impossible with this example's shapes.
            missed.append(error)
        return cond(pred, true_fn, false_fn, name)

    return run


def _restore(model: Any, path: str, complete: bool) -> None:
    """Reads the weights. Where a layer is still to be made, the files are kept for it: Rasa removes its own when loading is done."""
    if complete or _has_all(model, path):
        model.load_weights(path).expect_partial()
        return
    kept = tempfile.mkdtemp(prefix="weights-")
    folder, prefix = os.path.split(path)
    for name in os.listdir(folder):
        if name.startswith(prefix):
            _keep(os.path.join(folder, name), os.path.join(kept, name))
    model.load_weights(os.path.join(kept, prefix)).expect_partial()


def _has_all(model: Any, path: str) -> bool:
    """Whether the model has a variable for each weight in the file."""
    stored = [name for name, _ in tf.train.list_variables(path) if "/.ATTRIBUTES/VARIABLE_VALUE" in name]
    weights = [name for name in stored if "/optimizer/" not in f"/{name}" and "/.OPTIMIZER_SLOT/" not in name]
    return len(weights) <= len(model.variables)


def _keep(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _trace_in_use(seconds: float) -> None:
    _in_use.wait()
    time.sleep(seconds)
    _trace_all()


def _trace_all() -> None:
    while _loaded:
        model, example = _loaded.pop(0)
        try:
            _trace(model, example)
        except Exception:
            # It goes on answering eagerly, which is slower and right.
            logger.warning("a prediction graph could not be traced", exc_info=True)
    give_back()


def _trace(model: Any, example: Any) -> None:
    batch = _batch_of(example)
    if not model.prepared_for_prediction:
        model.prepare_for_predict()
        model.prepared_for_prediction = True
    step = tf.function(model.predict_step, input_signature=model._dynamic_signature(batch))
    step(batch)
    # In this order: who finds the model no longer eager finds the graph.
    model._tf_predict_step = step
    model._run_eagerly = False
