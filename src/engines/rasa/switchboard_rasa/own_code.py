"""Components that a bot's own project brings, where the hub's operator allows that."""
from __future__ import annotations

import sys
from typing import Any, Dict


def admit(spec: Dict[str, Any]) -> None:
    """Makes the Python of the folder `spec["modules"]` importable, as `rasa` makes that of its working folder; nothing when there is none."""
    folder = spec.get("modules")
    if folder and folder not in sys.path:
        sys.path.insert(1, folder)
