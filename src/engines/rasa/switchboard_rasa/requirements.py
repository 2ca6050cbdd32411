"""Which lines of a requirements.txt this Python does not meet. Reads one JSON line (the text) on stdin, answers one: `{"missing": [...]}`."""
from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from typing import Any, Dict, Iterator, List, Optional

from packaging.requirements import InvalidRequirement, Requirement


def missing(text: str) -> List[Dict[str, Any]]:
    """The lines that are not met, each with what is installed instead (null: nothing, or nobody can tell)."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split(" --hash")[0].strip().rstrip("\\").strip()
        if not words or words.startswith(("--index", "--extra-index", "--trusted", "--hash", "--pre", "-i ", "-f ", "--find")):
            continue
        lack = _lack(words)
        if lack is not None:
            found.append({"line": number, "text": words[:200], "installed": lack or None})
    return found


def _lack(words: str) -> Optional[str]:
    """None when it is met; else the installed version, or '' when there is none."""
    try:
        wanted = Requirement(words)
    except InvalidRequirement:
        return ""
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    version = _version(wanted.name)
    if version is None:
        return ""
    if not wanted.specifier.contains(version, prereleases=True):
        return version
    return next((_version(name) or "" for name in _unmet_extras(wanted)), None)


def _unmet_extras(wanted: Requirement) -> Iterator[str]:
    """Names of packages that the requirement's extras need and that are not there: `rasa[spacy]` needs spacy."""
    for line in metadata.requires(wanted.name) or []:
        need = Requirement(line)
        chosen = need.marker is not None and any(need.marker.evaluate({"extra": extra}) for extra in wanted.extras)
        if chosen and not need.marker.evaluate({"extra": ""}) and _version(need.name) is None:
            yield need.name


def _version(name: str) -> Optional[str]:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    json.dump({"missing": missing(json.loads(sys.stdin.readline()))}, sys.stdout)
