"""What makes Rasa faster gives what Rasa gives, and stays away from other versions of it."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List

import numpy as np
import pytest
from rasa.core import processor
from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema, SchemaNode
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.events import Event
from switchboard_rasa import inference, speed
from switchboard_rasa.runner import PlainGraphRunner


class Part(GraphComponent):
    """Notes that it ran, and adds its name to what it is given."""

    ran: List[str] = []

    def __init__(self, config: Dict[str, Any]) -> None:
        self.config = config

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: Any, resource: Any, execution_context: Any) -> "Part":
        return cls(config)

    def run(self, left: str, right: str = "") -> str:
        Part.ran.append(self.config["name"])
        if left == "break":
            raise RuntimeError("broken")
        return f"{self.config['name']}({left},{right})"


def node(name: str, **needs: str) -> SchemaNode:
    return SchemaNode(needs=needs, uses=Part, constructor_name="create", fn="run", config={"name": name}, eager=True)


SCHEMA = GraphSchema(
    {
        "end": node("end", left="a", right="b"), "a": node("a", left="start"), "b": node("b", left="a", right="start"),
        "start": node("start", left="__text__"), "elsewhere": node("elsewhere", left="__other__"),
    }
)


def runner(kind: Any) -> Any:
    return kind.create(SCHEMA, None, ExecutionContext(SCHEMA))


@pytest.mark.parametrize("targets", [["end"], ["b", "a"], ["start", "__text__"]])
def test_a_plain_run_gives_what_dask_gives_and_runs_each_node_once(targets: List[str]) -> None:
    inputs = {"__text__": ["hello"]}
    Part.ran.clear()
    expected = runner(DaskGraphRunner).run(inputs=inputs, targets=targets)
    by_dask = sorted(Part.ran)
    plain = runner(PlainGraphRunner)
    for _ in range(2):
        Part.ran.clear()
        assert plain.run(inputs=inputs, targets=targets) == expected
        assert sorted(Part.ran) == by_dask


@pytest.mark.parametrize("inputs", [{"__text__": "break"}, {}, {"__text__": "end"}])
def test_a_plain_run_fails_as_dask_does(inputs: Dict[str, Any]) -> None:
    failures = []
    for kind in (DaskGraphRunner, PlainGraphRunner):
        with pytest.raises(Exception) as caught:
            runner(kind).run(inputs=inputs, targets=["end"])
        failures.append((type(caught.value), str(caught.value)))
    assert failures[0] == failures[1]


def test_another_version_of_rasa_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rasa.version.__version__", "3.7.0")
    assert speed.install(networks=False) is False
    assert processor.DaskGraphRunner is DaskGraphRunner


def test_event_classes_are_found_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Event, "resolve_by_type", staticmethod(Event.resolve_by_type))
    search = Event.resolve_by_type
    speed._event_classes_by_name()
    assert Event.resolve_by_type is not search
    for _ in range(2):
        assert Event.resolve_by_type("user") is search("user")
        assert Event.resolve_by_type("topic") is None
        assert Event.resolve_by_type("unheard of", Event) is Event
        with pytest.raises(ValueError):
            Event.resolve_by_type("unheard of")


def test_a_message_is_converted_once_for_all_networks_and_anew_when_its_features_change(monkeypatch: pytest.MonkeyPatch) -> None:
    made: List[int] = []
    monkeypatch.setattr(inference, "_batch_of", lambda _, message: made.append(len(message.features)) or inference._Batch([len(made)]))

    class Network:
        component_config = {"featurizers": None}
        model = SimpleNamespace(_rasa_predict=lambda batch: list(batch))

        def _create_model_data(self) -> None: ...

    class Other(Network):
        component_config = {"featurizers": ["words"]}

    class OwnWay(Network):
        def _create_model_data(self) -> None: ...

    predict = inference._shared(Network, lambda self, message: "as before")
    message = SimpleNamespace(features=["one"])
    assert [predict(Network(), message), predict(Network(), message), predict(Other(), message)] == [[1], [1], [2]]
    message.features.append("two")
    assert predict(Network(), message) == [3]
    message.features[0] = "another"
    assert predict(Network(), message) == [4] == predict(Network(), message)
    assert predict(OwnWay(), message) == "as before"


class TracedModel:
    """The parts of a RasaModel that a prediction touches."""

    prepared_for_prediction = True
    _run_eagerly = False

    def __init__(self) -> None:
        import tensorflow as tf

        def step(batch: Any) -> Dict[str, Any]:
            total = tf.reduce_sum(batch[0], axis=1) + tf.cast(batch[1], tf.float32)
            return {"scores": total, "one": tf.reduce_max(total), "diagnostic_data": {"deep": total * 2, "empty": total[:0]}}

        specs = [tf.TensorSpec([None, 3], tf.float32), tf.TensorSpec([None], tf.int64)]
        self._tf_predict_step = tf.function(step, input_signature=[specs])

    @staticmethod
    def _empty_lists_to_none_in_dict(found: Dict[str, Any]) -> Dict[str, Any]:
        return {key: None if np.size(value) == 0 else value for key, value in found.items()}


@pytest.mark.slow
def test_a_direct_call_gives_the_graphs_output_and_leaves_odd_batches_to_rasa() -> None:
    def original(self: Any, batch: Any) -> str:
        return "as before"

    predict = inference._direct(original)
    model = TracedModel()
    rows, add = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2])
    batch = inference._Batch((rows, add))
    for _ in range(2):
        found = predict(model, batch)
        assert found["scores"].tolist() == [4.0, 14.0] and found["one"] == 14.0 and isinstance(found["one"], float)
        assert found["diagnostic_data"]["deep"].tolist() == [8.0, 28.0] and found["diagnostic_data"]["empty"] is None
    assert batch.tensors is not None
    for odd in ((rows.astype(np.float64), add), (rows[:, :2], add), (rows[0], add), (rows,), (rows, None)):
        assert predict(model, odd) == "as before"
    model._run_eagerly = True
    assert predict(model, batch) == "as before"
