"""What Rasa's validator says about a project, sentence by sentence, each with the file and the line that it is about where these are known."""
from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from switchboard_rasa import words
from switchboard_rasa.places import Place, Places

MOST = 200
"""More findings than these nobody reads; errors come first."""


class Finding(NamedTuple):
    """`error`: Rasa would not train this, or calls it wrong; `warning`: it trains, and may not be what its author meant."""

    severity: str
    message: str
    path: Optional[str] = None
    line: Optional[int] = None
    code: Optional[str] = None
    """Of words.py, where Rasa raised it."""

    def shown(self) -> str:
        """`data/rules.yml line 3: why`."""
        where = f"{self.path} line {self.line}: " if self.line else f"{self.path}: "
        return (where if self.path else "") + self.message


_ABOUT: Tuple[Tuple[str, str], ...] = (
    (r"The intent '(.+?)' is listed in the domain file", "intent"),
    (r"There is a message in the training data labeled with intent '(.+?)'\. This", "nlu"),
    (r"The example '(.+)' was found labeled", "example"),
    (r"The intent '(.+?)' is used in your stories", "said"),
    (r"The intent '?(.+?)'? (?:is not used in any|in the domain file is using)", "intent"),
    (r"The utterance '(.+?)' is not used in any", "response"),
    (r"The form '(.+?)' is used in the '", "loop"),
    (r"The action '(.+?)' is used in the ", "done"),
    (r"The form slot '.+?' in form '(.+?)'", "form"),
    (r"Slot '(.+?)' has a mapping condition", "slot"),
)
"""By Rasa's sentences: the name that each is about, and as what it stands in the files."""
_IDLE: Tuple[str, ...] = (
    r"Slot auto-fill has been removed in 3\.0",
    r"The following duplicated intents have been found across multiple domain files",
)
"""What Rasa tells everybody who has slots, or retrieval intents, however they are written."""
_TEXTS = ("bad_yaml", "bad_content")
_EMPTY = re.compile(r"Loading domain from '.+?' failed\. Using empty domain\. Error: '(.*)'$", re.DOTALL)


class Listener:
    """Hears what Rasa says while it reads and checks one project."""

    def __init__(self, project: Path, originals: Optional[Path] = None) -> None:
        self._project = project
        self._originals = originals
        self._places: Optional[Places] = None
        self._heard: Dict[str, Finding] = {}

    @property
    def valid(self) -> bool:
        return all(finding.severity != "error" for finding in self._heard.values())

    def findings(self) -> List[Finding]:
        """Errors first; each sentence once."""
        return sorted(self._heard.values(), key=lambda one: (one.severity != "error", one.path or "", one.line or 0))[:MOST]

    def check(self, verify: Callable[[], bool]) -> None:
        """Runs one of the validator's checks: what it says is an error when it fails, else a warning."""
        with _listening() as (said, conflicts):
            failed = not verify()
        for message in said:
            self._add(message, "error" if failed else "warning")
        for conflict in conflicts:
            self._add(str(conflict), "warning", sorted({name for names in conflict._conflicting_actions.values() for name in names}))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Runs what reads files or trains rules: what it says is a warning, what it raises is an error and ends here."""
        with _listening() as (said, _):
            try:
                yield
            except Exception as error:
                self._raised(error)
        for message in said:
            empty = _EMPTY.match(message)
            self._add(empty.group(1) if empty else message, "error" if empty else "warning")

    def told(self, message: str) -> None:
        """An error of the project as a whole."""
        self._keep(Finding("error", message))

    def _raised(self, error: Exception) -> None:
        told = words.tell(error)
        complaints = [line[2:] for line in told.detail.splitlines() if line.startswith("- ")]
        if told.code == "contradicting_rules" and complaints:
            for complaint in complaints:
                self._add(complaint[0].upper() + complaint[1:], "error")
            return
        if told.code in _TEXTS:
            message = re.sub(r"^[^,]*?(?:, line \d+,)? (?=is |has )", "This ", told.message, count=1)
            self._keep(Finding("error", self._plain(message), *self._text(error, told.detail), code=told.code))
        else:
            message = self._plain(told.detail if told.code == "contradicting_rules" else told.message)
            place = self._place_of(message, None)
            if not self._worse(place):
                self._keep(Finding("error", message, *(place or (None, None)), code=told.code))

    def _text(self, error: Exception, detail: str) -> Tuple[Optional[str], Optional[int]]:
        """Which text could not be read. Rasa names it in every reader but that of config.yml, and quotes what is no entity."""
        path, line = words.place(error, detail)
        if path:
            return self._plain(path), line
        quoted = re.search(r"\('(.+?)'\)", detail)
        place = self._known().containing(quoted.group(1)) if quoted else None
        return place or (None if quoted else "config.yml", line)

    def _worse(self, place: Optional[Place]) -> bool:
        """Makes errors of the warnings at this line: what they said is what has failed. False when there are none."""
        same = [key for key, one in self._heard.items() if place and place.line and (one.path, one.line) == place]
        for key in same:
            self._heard[key] = self._heard[key]._replace(severity="error")
        return bool(same)

    def _keep(self, finding: Finding) -> None:
        self._heard.setdefault(finding.message, finding)

    def _add(self, said: str, severity: str, stories: Optional[List[str]] = None) -> None:
        message = self._plain(said)
        if any(re.match(pattern, message) for pattern in _IDLE):
            return
        place = self._place_of(message, stories) or self._file_in(message)
        self._keep(Finding(severity, message, *(place or (None, None))))

    def _place_of(self, message: str, stories: Optional[List[str]]) -> Optional[Place]:
        for pattern, kind in _ABOUT:
            found = re.match(pattern, message)
            if found:
                return self._known().find(kind, found.group(1))
        # A tracker's name is that of its stories, with how they follow each other.
        names = [part for name in stories or re.findall(r"'([^'\n]+)'", message) for part in (name, *re.split(r" > |, ", name))]
        return self._known().find_any(names) or (Place(self._known().domain(), None) if "domain" in message else None)

    def _known(self) -> Places:
        """Read when something is found, which in most saves is nothing."""
        self._places = self._places or Places(self._project, self._originals)
        return self._places

    def _file_in(self, message: str) -> Optional[Place]:
        found = re.search(r"'([^'\n]+\.ya?ml)'|(\S+\.ya?ml)\b", message)
        path = (found.group(1) or found.group(2)) if found else None
        return Place(path, None) if path and (self._project / path).exists() else None

    def _plain(self, message: str) -> str:
        """Without colours, and with files by their names in the project."""
        return words.plain(message).replace(f"{self._project}/", "")


@contextmanager
def _listening() -> Iterator[Tuple[List[str], List[Any]]]:
    """Sentences that were said as warnings or logged as errors, and conflicts between stories, which Rasa logs as objects."""
    said: List[str] = []
    conflicts: List[Any] = []

    def hear(record: logging.LogRecord) -> None:
        if hasattr(record.msg, "_conflicting_actions"):
            conflicts.append(record.msg)
        elif record.levelno >= logging.ERROR:
            said.append(record.getMessage())

    handler = logging.Handler(logging.WARNING)
    handler.emit = hear  # type: ignore[method-assign]
    logger = logging.getLogger("rasa")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield said, conflicts
            finally:
                said += [str(one.message) for one in caught if not issubclass(one.category, (DeprecationWarning, PendingDeprecationWarning, ResourceWarning))]
    finally:
        logger.removeHandler(handler)
