"""The way from a message to a network's output, shorter: one conversion for all networks of a pipeline, and a direct call of the graph.

DIET and each response selector turn the same features of the same message into the same tensors, and TensorFlow checks and binds each
call's arguments in Python for as long as a small network takes to run. Neither changes a number.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from switchboard_rasa import light_load

_BATCHES = "_switchboard_batches"
_CALL = "_switchboard_call"


def install() -> None:
    """Takes effect for the process, once."""
    from rasa.nlu.classifiers.diet_classifier import DIETClassifier
    from rasa.utils.tensorflow.models import RasaModel

    if getattr(RasaModel._rasa_predict, "switchboard_direct", False):
        return
    RasaModel._rasa_predict = _direct(RasaModel._rasa_predict)
    DIETClassifier._predict = _shared(DIETClassifier, DIETClassifier._predict)


class _Batch(tuple):
    """A batch that several networks read. `tensors`: the same as TensorFlow's values, once one of them needed it."""

    tensors: Optional[list] = None


def _shared(diet: Any, original: Any) -> Any:
    """`DIETClassifier._predict` that looks whether another network has made this message's batch already."""
    convert = diet._create_model_data

    def predict(self: Any, message: Any) -> Any:
        if self.model is None or type(self)._create_model_data is not convert:
            return original(self, message)
        batches = message.__dict__.setdefault(_BATCHES, {})
        key = tuple(self.component_config.get("featurizers") or ())
        made_of, batch = batches.get(key, (None, None))
        if made_of is None or not _identical(made_of, message.features):
            batch = _batch_of(self, message)
            # The list is copied, and holds its members: what is not the same object later is not the same feature.
            batches[key] = (list(message.features), batch)
        return None if batch is None else self.model._rasa_predict(batch)

    return predict


def _identical(before: List[Any], now: List[Any]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now))


def _batch_of(component: Any, message: Any) -> Optional[_Batch]:
    """What Rasa would hand the network, by Rasa's own functions; None for a message without features."""
    from rasa.utils.train_utils import create_data_generators

    model_data = component._create_model_data([message], training=False)
    if model_data.is_empty():
        return None
    generator, _ = create_data_generators(model_data=model_data, batch_sizes=1, epochs=1, shuffle=False)
    return _Batch(generator[0][0])


def _direct(original: Any) -> Any:
    """`RasaModel._rasa_predict` that calls the traced graph itself when the batch is exactly what it was traced for."""

    def predict(self: Any, batch_in: Any) -> Any:
        step = self._tf_predict_step
        if self._run_eagerly:
            light_load.asked(self)
        if step is None or self._run_eagerly or not self.prepared_for_prediction:
            return original(self, batch_in)
        kept = self.__dict__.get(_CALL)
        if kept is None or kept[0] is not step:
            # Not through setattr: Keras would track it as a part of the model.
            kept = self.__dict__[_CALL] = (step, _graph_of(step))
        graph = kept[1]
        tensors = _tensors(batch_in, graph[1]) if graph is not None else None
        if tensors is None:
            return original(self, batch_in)
        outputs = _plain(graph[0](tensors))
        if "diagnostic_data" in outputs:
            outputs["diagnostic_data"] = self._empty_lists_to_none_in_dict(outputs["diagnostic_data"])
        return outputs

    predict.switchboard_direct = True  # type: ignore[attr-defined]
    return predict


def _graph_of(step: Any) -> Optional[Tuple[Any, Any]]:
    """The call and the input specs of the one graph of a traced function; None when it isn't as Rasa's are."""
    concrete = step.get_concrete_function()
    (arguments,), named = concrete.structured_input_signature
    if named or len(arguments) != len(concrete.inputs) - len(concrete.captured_inputs):
        return None
    captured = concrete.captured_inputs
    return (lambda tensors: concrete._call_flat(tensors, captured)), list(arguments)


def _tensors(batch_in: Any, specs: Any) -> Optional[list]:
    """The batch as tensors; None when a value is not of the type and shape that the graph takes."""
    import tensorflow as tf

    if len(batch_in) != len(specs) or not all(_fits(value, spec) for value, spec in zip(batch_in, specs)):
        return None
    kept = getattr(batch_in, "tensors", None)
    if kept is None:
        kept = [tf.convert_to_tensor(value) for value in batch_in]
        if isinstance(batch_in, _Batch):
            batch_in.tensors = kept
    return kept


def _fits(value: Any, spec: Any) -> bool:
    if not isinstance(value, np.ndarray) or value.dtype != spec.dtype.as_numpy_dtype or value.ndim != spec.shape.rank:
        return False
    return all(size is None or size == given for size, given in zip(spec.shape, value.shape))


def _plain(value: Any) -> Any:
    """Tensors as numpy arrays, scalars as Python numbers, in the same nest: what Rasa's own call of Keras gives."""
    if isinstance(value, Dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if not hasattr(value, "numpy"):
        return value
    array = value.numpy()
    return array.item() if np.ndim(array) == 0 else array
