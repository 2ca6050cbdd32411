"""The JSON lines by which a child tells the hub how far it is: on its real stdout, which nothing else writes to."""
from __future__ import annotations

import json
import os
from typing import Any, Dict

from switchboard_rasa import logs, words


class Report:
    """Takes stdout for itself: whatever else prints there goes to stderr from now on."""

    def __init__(self) -> None:
        self._lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
        logs.stdout_to_stderr()

    def say(self, **line: Any) -> None:
        """One line, at once."""
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._lines.flush()

    def fail(self, told: words.Told) -> int:
        """The `error` line; answers the exit code that goes with it."""
        error: Dict[str, Any] = {"code": told.code, "message": told.message, "detail": told.detail}
        self.say(error=error)
        return 1
