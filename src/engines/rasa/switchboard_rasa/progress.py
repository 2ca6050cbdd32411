"""Live progress of a training: finished graph nodes, and inside a node epochs or encoded questions. Never goes back."""
from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Optional

from rasa.engine.graph import GraphSchema
from rasa.engine.training import graph_trainer
from rasa.engine.training.hooks import LoggingHook

HEAVY = ("TEDPolicy", "DIETClassifier", "UnexpecTEDIntentPolicy", "ResponseSelector")
"""Components that train a network, the longest first."""
_EPOCH_WEIGHT = 60.0
_SEMANTIC_WEIGHT = 15.0
Report = Callable[[int, str], None]


class Progress:
    """Turns what the training does into calls of `report(percent, stage)`; percents lie between `first` and 98."""

    def __init__(self, report: Report, first: int = 10) -> None:
        self._report = report
        self._first = first
        self._last = first
        self._weights: Dict[str, float] = {}
        self._shares: Dict[str, float] = {}
        self._node = ""
        self._stage = "reading"
        self._forward: Optional[Callable[..., None]] = None

    def plan(self, schema: GraphSchema) -> None:
        """Takes the graph that is about to run."""
        self._weights = {name: _weight(node.uses.__name__, node.fn) for name, node in schema.nodes.items()}

    def forward(self, send: Callable[..., None]) -> None:
        """From now on what happens in this process is sent as arguments of `hear`: a training's other process has it too."""
        self._forward = send

    def enter(self, node: str, stage: str) -> None:
        """A node begins."""
        self._node = node
        self.hear(node, stage, 0.0)

    def leave(self, node: str) -> None:
        """A node is done."""
        self.hear(node, None, 1.0)

    def inside(self, share: float) -> None:
        """The node that was entered last is done to this share, less than all of it."""
        self.hear(self._node, None, min(0.999, share))

    def hear(self, node: str, stage: Optional[str], share: float) -> None:
        """A node is done to this share, 1 when it has ended; `stage` when it begins. Several may be under way."""
        if self._forward is not None:
            self._forward(node, stage, share)
            return
        self._stage = stage or self._stage
        self._shares[node] = share
        total = sum(self._weights.values()) or 1.0
        here = sum(done * self._weights.get(name, 0.0) for name, done in self._shares.items())
        percent = self._first + int((98 - self._first) * min(1.0, here / total))
        if percent > self._last:
            self._last = percent
            self._report(percent, self._stage)


def watch(progress: Progress, light: bool) -> None:
    """Makes Rasa's trainer tell `progress` what it does; epochs too unless the project is `light` (has none)."""

    class Hook(LoggingHook):
        def __init__(self, pruned_schema: GraphSchema) -> None:
            super().__init__(pruned_schema)
            progress.plan(pruned_schema)

        def on_before_node(self, node_name: str, *args: Any, **kwargs: Any) -> Dict[str, Any]:
            progress.enter(node_name, _stage(self._pruned_schema.nodes[node_name].uses.__name__))
            return super().on_before_node(node_name, *args, **kwargs)

        def on_after_node(self, node_name: str, *args: Any, **kwargs: Any) -> None:
            super().on_after_node(node_name, *args, **kwargs)
            progress.leave(node_name)

    graph_trainer.LoggingHook = Hook  # type: ignore[misc]
    logger = logging.getLogger("switchboard.progress")
    logger.setLevel(logging.INFO)
    logger.addHandler(_ShareHandler(progress))
    if not light:
        _watch_epochs(progress)


class _ShareHandler(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.inside(float(getattr(record, "share", 0.0)))


def _watch_epochs(progress: Progress) -> None:
    from rasa.utils.tensorflow.callback import RasaTrainingLogger

    begin, end = RasaTrainingLogger.__init__, RasaTrainingLogger.on_epoch_end

    def started(self: Any, epochs: int, silent: bool) -> None:
        begin(self, epochs, silent)
        self.switchboard_epochs = max(1, epochs)

    def ended(self: Any, epoch: int, logs: Any = None) -> None:
        end(self, epoch, logs)
        progress.inside((epoch + 1) / self.switchboard_epochs)

    RasaTrainingLogger.__init__, RasaTrainingLogger.on_epoch_end = started, ended


def _weight(component: str, function: str) -> float:
    if function != "train":
        return 1.0
    if component in HEAVY:
        return _EPOCH_WEIGHT
    return _SEMANTIC_WEIGHT if component == "SemanticSelector" else 2.0


def _stage(component: str) -> str:
    """The component in an author's words."""
    if component in ("DIETClassifier", "SemanticSelector"):
        return "learning questions"
    if component == "ResponseSelector":
        return "learning answers"
    if component.endswith("Policy"):
        return "learning conversations"
    return "preparing"
