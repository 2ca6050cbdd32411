"""What a child can be told to do. The plain launcher and the forking host offer the same commands."""
from __future__ import annotations

import importlib
from typing import Any, Dict, NamedTuple

NEEDS_FULL = 75
"""Exit code of a child whose host has no TensorFlow although its model wants it: the hub asks the other host."""


class Command(NamedTuple):
    """`title` begins the process title, the APP_ID ends it; `module` has the `run(spec)` that does it."""

    title: str
    module: str


COMMANDS: Dict[str, Command] = {
    "run": Command("rasa-", "serve"),
    "train": Command("rasa-train-", "train"),
    "validate": Command("rasa-validate-", "validate"),
    "actions": Command("rasa-actions-", "actions"),
    "test": Command("rasa-test-", "evaluate"),
}


def title_of(command: str, spec: Dict[str, Any]) -> str:
    """The process title. Raises KeyError for an unknown command or a spec without appId."""
    return COMMANDS[command].title + str(spec["appId"])


def perform(command: str, spec: Dict[str, Any]) -> int:
    """Does it and answers the exit code of the process."""
    return importlib.import_module(f"switchboard_rasa.{COMMANDS[command].module}").run(spec)
