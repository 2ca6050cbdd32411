"""The launcher of one child that is not forked: `python -m switchboard_rasa.child run`, `... train` and the other commands.

It reads one JSON line from stdin, so that no secret shows in arguments or environment, isolates itself, and only then imports what it
serves or trains with. With `uids` (first, last, must) it becomes a user of its own; where that can't be it ends if it `must`, or says so and goes on.
"""
from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, List, Optional

from switchboard_rasa import commands, users
from switchboard_rasa.isolate import Orphaned, close_inherited, tie


def main(argv: List[str]) -> int:
    """Runs the command named in `argv` and answers its exit code: 0, 1 after a failure, 2 for a wrong call, 3 for an orphan."""
    if len(argv) != 2 or argv[1] not in commands.COMMANDS:
        print(f"usage: python -m switchboard_rasa.child {'|'.join(commands.COMMANDS)} < spec.json", file=sys.stderr)
        return 2
    try:
        spec: Dict[str, Any] = json.loads(sys.stdin.readline())
        close_inherited()
        spec = users.settle(os.getcwd(), spec, _uids(spec.get("uids")))
        tie(int(spec["parentPid"]), commands.title_of(argv[1], spec))
    except (Orphaned, users.Impossible) as error:
        print(f"switchboard: {error}", file=sys.stderr)
        return 3
    except (ValueError, KeyError, TypeError) as error:
        print(f"switchboard: the spec on stdin can't be read: {error!r}", file=sys.stderr)
        return 2
    _quieten()
    return commands.perform(argv[1], spec)


def _uids(wanted: Optional[Dict[str, Any]]) -> Optional[users.Uids]:
    """The range that this child takes its user from; None for the hub's own user."""
    if wanted is None:
        return None
    uids = users.uids_of([wanted["first"], wanted["last"]])
    try:
        users.prepare(uids)
    except users.Impossible as error:
        if wanted["must"]:
            raise
        print(f"switchboard: it runs as the hub's user: {error}", file=sys.stderr)
        return None
    return uids


def _quieten() -> None:
    """Settings that libraries read while they are imported: no telemetry, no chatter, no thread pools."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("NO_COLOR", "1")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
