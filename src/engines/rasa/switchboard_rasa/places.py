"""Where the files of a project say what: from a name to the file and the line at which its author wrote it."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

_ANNOTATED = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\}(?:\[[^\]]*\])?)")


class Place(NamedTuple):
    """`line` counts from 1; None: of the file as a whole."""

    path: str
    line: Optional[int]


class Places:
    """The names that a project's YAML files declare (`intent`, `response`, `action`, `slot`, `form`, `entity`), the questions of its
    intents (`nlu`, `example`), and its stories and rules (`story`) with what their steps name (`said`, `done`, `loop`, `set`)."""

    def __init__(self, project: Path, originals: Optional[Path] = None) -> None:
        """Reads what can be read. `originals` holds files as their author wrote them, where the project has them otherwise."""
        self._found: Dict[Tuple[str, str], Place] = {}
        self._project = project
        self._originals = originals
        self._paths = [file.relative_to(project).as_posix() for file in sorted(project.rglob("*.y*ml"))]
        for path in self._paths:
            self._read(path)

    def find(self, kind: str, name: str) -> Optional[Place]:
        """The first place; None where the name is in no file that could be read."""
        return self._found.get((kind, name))

    def find_any(self, names: List[str]) -> Optional[Place]:
        """The place of the first of these names that is known as anything, stories before all else."""
        kinds = ("story", "said", "done", "loop", "set", "form", "slot", "response", "action", "intent", "nlu", "entity")
        return next((self._found[kind, name] for kind in kinds for name in names if (kind, name) in self._found), None)

    def containing(self, text: str) -> Optional[Place]:
        """The first line of a file that has this text."""
        for path in self._paths:
            for at, line in enumerate(self._text(path).split("\n")):
                if text in line:
                    return Place(path, at + 1)
        return None

    def domain(self) -> str:
        """The file that is the domain, or the folder."""
        return "domain.yml" if "domain.yml" in self._paths else "domain"

    def _text(self, path: str) -> str:
        original = self._originals / path if self._originals else None
        file = original if original is not None and original.exists() else self._project / path
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    def _read(self, path: str) -> None:
        import ruamel.yaml

        try:
            root = ruamel.yaml.YAML(typ="safe").compose(self._text(path))
        except (ValueError, ruamel.yaml.YAMLError):
            return
        for section, value in _pairs(root):
            reader = _SECTIONS.get(section)
            for kind, name, line in reader(value) if reader else ():
                self._found.setdefault((kind, name), Place(path, line))


_Named = Iterator[Tuple[str, str, int]]


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _pairs(node: Any) -> Iterator[Tuple[str, Any]]:
    if type(node).__name__ == "MappingNode":
        for key, value in node.value:
            yield str(key.value), value


def _items(node: Any) -> List[Any]:
    return list(node.value) if type(node).__name__ == "SequenceNode" else []


def _keys(node: Any) -> Iterator[Tuple[str, Any]]:
    """Names of a list of names, of names with settings, or of a mapping, each with its node."""
    for item in _items(node):
        if type(item).__name__ == "ScalarNode":
            yield str(item.value), item
        else:
            yield from _keys(item)
    if type(node).__name__ == "MappingNode":
        for key, _ in node.value:
            yield str(key.value), key


def _names(kind: str) -> Callable[[Any], _Named]:
    def read(node: Any) -> _Named:
        for name, key in _keys(node):
            yield kind, name, _line(key)

    return read


def _questions(node: Any) -> _Named:
    for item in _items(node):
        parts = dict(_pairs(item))
        if "intent" in parts:
            yield "nlu", str(parts["intent"].value), _line(parts["intent"])
            yield from _examples(parts.get("examples"))


def _examples(node: Any) -> _Named:
    for item in _items(node):
        yield from _examples(dict(_pairs(item)).get("text", item if type(item).__name__ == "ScalarNode" else None))
    if type(node).__name__ == "ScalarNode":
        first = _line(node) + (1 if node.style in ("|", ">") else 0)
        for at, line in enumerate(str(node.value).splitlines()):
            yield "example", _ANNOTATED.sub(r"\1", line.strip().lstrip("-")).strip(), first + at


def _stories(node: Any) -> _Named:
    for item in _items(node):
        parts = dict(_pairs(item))
        for key in ("story", "rule"):
            if key in parts:
                yield "story", str(parts[key].value), _line(parts[key])
        for key in ("condition", "steps"):
            yield from _steps(parts.get(key))


def _steps(node: Any) -> _Named:
    kinds = {"intent": "said", "action": "done", "active_loop": "loop"}
    for step in _items(node):
        for key, value in _pairs(step):
            if key in kinds and type(value).__name__ == "ScalarNode":
                yield kinds[key], str(value.value), _line(value)
            elif key == "or":
                yield from _steps(value)
            elif key == "slot_was_set":
                yield from _names("set")(value)


_SECTIONS: Dict[str, Callable[[Any], _Named]] = {
    "intents": _names("intent"), "responses": _names("response"), "actions": _names("action"), "slots": _names("slot"),
    "forms": _names("form"), "entities": _names("entity"), "nlu": _questions, "stories": _stories, "rules": _stories,
}
