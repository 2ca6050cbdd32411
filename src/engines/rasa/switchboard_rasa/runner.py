"""Runs Rasa's graph node by node in one order, found once. Dask plans it anew for each message and each action, and hands every node
to an executor: a tenth of a classic parse and a third of a semantic turn."""
from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Tuple

from rasa.engine.exceptions import GraphRunError
from rasa.engine.runner.dask import DaskGraphRunner

logger = logging.getLogger(__name__)


class PlainGraphRunner(DaskGraphRunner):
    """Dask's results without Dask: each node after those it needs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: Dict[Tuple[str, ...], List[str]] = {}

    def run(self, inputs: Optional[Dict[str, Any]] = None, targets: Optional[List[str]] = None) -> Dict[str, Any]:
        """The outputs of `targets`, by name. Raises what nodes raise, GraphRunError for a RuntimeError or a clash of names."""
        wanted = targets if targets else self._graph_schema.target_names
        done = self._given(inputs)
        for name in self._plan(wanted):
            if name not in done:
                done[name] = self._output(name, done)
        return dict(done[name] for name in wanted)

    def _given(self, inputs: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        if not inputs:
            return {}
        # Rasa's own check for inputs that are named like nodes, on a graph of its shape.
        self._add_inputs_to_graph(inputs, dict.fromkeys(self._graph_schema.nodes))
        return {name: (name, value) for name, value in inputs.items()}

    def _output(self, name: str, done: Dict[str, Any]) -> Any:
        needs = self._graph_schema.nodes[name].needs.values()
        try:
            return self._instantiated_nodes[name](*[done.get(need, need) for need in needs])
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error

    def _plan(self, targets: List[str]) -> List[str]:
        key = tuple(targets)
        if key not in self._plans:
            order: Dict[str, None] = {}
            for target in targets:
                self._visit(target, order)
            self._plans[key] = list(order)
        return self._plans[key]

    def _visit(self, name: str, order: Dict[str, None]) -> None:
        """Puts `name` behind all it needs. A name without a node is an input's place. Rasa has checked that there is no circle."""
        node = self._graph_schema.nodes.get(name)
        if node is None or name in order:
            return
        for need in node.needs.values():
            self._visit(need, order)
        order[name] = None
