"""What makes Rasa answer faster here without answering differently. Each measure is a module or a function of its own.

They replace private parts of Rasa 3.6 and are left out for any other version. test/e2e/rasa-same.test.ts is their guard: the same archive
in a plain `rasa run` must give the same parses, replies and events.
"""
from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, Dict

_VERSION = "3.6."
_COPY_ONLY_TO_LOG = (
    "rasa.core.processor", "rasa.core.policies.rule_policy", "rasa.core.policies.memoization", "rasa.core.actions.forms",
    "rasa.core.nlg.interpolator",
)
"""Modules of Rasa that use `copy` for nothing but the arguments of log lines, deep copies made also when nobody reads the line."""


def install(networks: bool) -> bool:
    """Makes the process's Rasa faster, once; False, and nothing done, for another version. `networks`: TensorFlow is in use."""
    from rasa.version import __version__

    if not __version__.startswith(_VERSION):
        return False
    _no_copies_for_logs()
    _event_classes_by_name()
    from rasa.core import processor

    from switchboard_rasa import runner

    processor.DaskGraphRunner = runner.PlainGraphRunner  # type: ignore[misc]
    if networks:
        from switchboard_rasa import inference

        inference.install()
    return True


def settle(domain: Any) -> None:
    """Answers once what Rasa finds out at each message by building a second, empty domain: whether the served one is empty."""
    empty = domain.is_empty()
    domain.is_empty = lambda: empty


def _no_copies_for_logs() -> None:
    """A log line is written while its arguments are what they are: there is nothing to keep a copy for."""
    for name in _COPY_ONLY_TO_LOG:
        importlib.import_module(name).copy = SimpleNamespace(deepcopy=_same)  # type: ignore[attr-defined]


def _event_classes_by_name() -> None:
    """Rasa walks through all event classes, their subclasses too, for each event of a conversation that it reads."""
    from rasa.shared.core.events import Event

    search = Event.resolve_by_type
    if getattr(search, "switchboard_cache", None) is not None:
        return
    found: Dict[str, Any] = {}

    def resolve_by_type(type_name: str, default: Any = None) -> Any:
        if type_name in found:
            return found[type_name]
        event = search(type_name, default)
        if event is not None and event is not default:
            found[type_name] = event
        return event

    resolve_by_type.switchboard_cache = found  # type: ignore[attr-defined]
    Event.resolve_by_type = staticmethod(resolve_by_type)  # type: ignore[assignment]


def _same(value: Any) -> Any:
    return value
