"""The languages of one bot: an agent for each, and which of them takes a turn."""
from __future__ import annotations

from typing import Any, Dict, Iterable, NamedTuple, Optional

KEY = "language"
"""In the metadata of a message: the language that its sender asks for. In the tracker: the one that the turn was taken in."""
HINT = "locale"
"""In the metadata of a message: what the channel knows of its sender."""


class Choice(NamedTuple):
    """Who takes a turn. `language` is None for a bot that has only one; `switched`: the conversation had another before."""

    agent: Any
    metadata: Any
    language: Optional[str]
    switched: bool


class Languages:
    """Agents by language; `own` is the bot's own language, whose agent is not among them."""

    def __init__(self, own: str, others: Dict[str, Any]) -> None:
        self._own = own.lower()
        self._others = others

    def match(self, tag: Any) -> Optional[str]:
        """The language of the bot that a tag such as `zh-TW` means; None when it has none like it."""
        if not isinstance(tag, str) or not tag:
            return None
        wanted, known = tag.lower().replace("_", "-"), (self._own, *self._others)
        like = [one for one in known if one.split("-")[0] == wanted.split("-")[0]]
        return wanted if wanted in known else (like[0] if like else None)

    def agents(self) -> Iterable[Any]:
        """Those of the other languages."""
        return self._others.values()

    def agent(self, tag: Any, own: Any) -> Any:
        """The agent for a tag; `own`, which is the process's, when none is like it."""
        return self._others.get(self.match(tag) or self._own, own)

    async def choose(self, own: Any, sender: str, metadata: Any) -> Choice:
        """Who takes the next turn of a conversation, and the metadata that says so. Raises what reading the tracker raises."""
        if not self._others:
            return Choice(own, metadata, None, False)
        asked = metadata if isinstance(metadata, dict) else {}
        before = await self._before(own, sender)
        language = self.match(asked.get(KEY)) or before or self.match(asked.get(HINT)) or self._own
        switched = before is not None and before != language
        return Choice(self._others.get(language, own), {**asked, KEY: language}, language, switched)

    async def _before(self, own: Any, sender: str) -> Optional[str]:
        """The language of the conversation so far, by the newest of its turns that has one. People who took it over leave none."""
        from rasa.shared.core.events import UserUttered

        tracker = await own.tracker_store.retrieve(sender)
        for event in reversed(tracker.events if tracker else []):
            if isinstance(event, UserUttered):
                found = self.match((event.metadata or {}).get(KEY))
                if found:
                    return found
        return None
