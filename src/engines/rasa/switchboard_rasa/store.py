"""The tracker store of a child: conversations live in the hub, reached over its Unix socket. Nothing is kept here."""
from __future__ import annotations

import contextlib
import contextvars
import json
from typing import Any, Dict, Iterable, Iterator, List, Optional
from urllib.parse import quote

import aiohttp
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.conversation import Dialogue
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker

from switchboard_rasa import trace

_OFFSET = "_switchboard_offset"
_STORED = "_switchboard_stored"
_brought: contextvars.ContextVar[Optional[Dict[str, Any]]] = contextvars.ContextVar("switchboard_brought", default=None)


@contextlib.contextmanager
def brought(sender_id: str, body: Dict[str, Any]) -> Iterator[None]:
    """While it lasts, and until it is saved, the conversation is what `body["tracker"]` says, null for a new one: the hub sends it along
    with the turn, which spares a call. Without that key it is asked for as ever."""
    known = {sender_id: body["tracker"]} if "tracker" in body else {}
    token = _brought.set(known)
    try:
        yield
    finally:
        known.clear()  # a task that outlives the turn, a reminder for instance, has this very object in its context
        _brought.reset(token)


class StoreError(Exception):
    """The hub did not take or give a conversation. `code`: store_conflict or store_unavailable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class HubTrackerStore(TrackerStore):
    """Reads and appends events through the hub. Each error is raised: a turn without its conversation is no turn."""

    def __init__(self, domain: Optional[Domain], socket: str, secret: str) -> None:
        super().__init__(domain)
        self._socket = socket
        self._secret = secret
        self._session: Optional[aiohttp.ClientSession] = None

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        """The conversation since its last session start, or None when the hub knows none. Raises StoreError."""
        known = _brought.get()
        if known and sender_id in known:
            return self._made(sender_id, known[sender_id])
        return await self._retrieve(sender_id, "")

    async def retrieve_full_tracker(self, conversation_id: str) -> Optional[DialogueStateTracker]:
        """The whole conversation, or None. Raises StoreError."""
        return await self._retrieve(conversation_id, "?all=1")

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Appends what is new since the tracker was read. A tracker that no hub answer made replaces the conversation.

        Raises StoreError, with code store_conflict when the conversation has moved on meanwhile.
        """
        (_brought.get() or {}).pop(tracker.sender_id, None)
        events = list(tracker.events)
        path = f"/trackers/{_quoted(tracker.sender_id)}"
        stored: Optional[int] = getattr(tracker, _STORED, None)
        if stored is None or stored > len(events):
            await self._call("PUT", path, {"events": _plain(events)})
            setattr(tracker, _OFFSET, 0)
        elif stored < len(events):
            body = {"from": getattr(tracker, _OFFSET) + stored, "events": _plain(events[stored:])}
            await self._call("POST", path + "/events", body)
        setattr(tracker, _STORED, len(events))

    async def create_tracker(self, sender_id: str, append_action_listen: bool = True) -> DialogueStateTracker:
        """A new conversation, stored only when its first turn is. Rasa would store an empty one now."""
        tracker = self._marked(self.init_tracker(sender_id), 0, 0)
        if append_action_listen:
            from rasa.shared.core.events import ActionExecuted

            tracker.update(ActionExecuted("action_listen"))
        return tracker

    async def keys(self) -> Iterable[str]:
        """The ids of all conversations. Raises StoreError."""
        return await self._call("GET", "/trackers")

    async def close(self) -> None:
        """Ends the connection to the hub."""
        if self._session is not None:
            await self._session.close()

    async def _retrieve(self, sender_id: str, query: str) -> Optional[DialogueStateTracker]:
        return self._made(sender_id, await self._call("GET", f"/trackers/{_quoted(sender_id)}{query}"))

    def _made(self, sender_id: str, found: Optional[Dict[str, Any]]) -> Optional[DialogueStateTracker]:
        if found is None:
            return None
        events = [Event.from_parameters(event) for event in found["events"]]
        if any(event is None for event in events):
            raise StoreError("store_unavailable", "the hub sent an event that Rasa doesn't know")
        return self._marked(self._tracker(sender_id, events, int(found["offset"])), int(found["offset"]), len(events))

    def _tracker(self, sender_id: str, events: List[Any], offset: int) -> DialogueStateTracker:
        """As Rasa's own store makes it: a whole conversation by what still counts of its events, a later session by each of them."""
        if offset > 0:
            return DialogueStateTracker.from_events(sender_id, events, self.domain.slots)
        tracker = self.init_tracker(sender_id)
        tracker.recreate_from_dialogue(Dialogue(sender_id, events))
        return tracker

    @staticmethod
    def _marked(tracker: DialogueStateTracker, offset: int, stored: int) -> DialogueStateTracker:
        """`tracker` with a note of how many events the hub holds before it and of it."""
        setattr(tracker, _OFFSET, offset)
        setattr(tracker, _STORED, stored)
        return tracker

    async def _call(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Any:
        from yarl import URL

        url = URL("http://hub" + path, encoded=True)
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self._secret}", "content-type": "application/json", **trace.headers()}
        try:
            async with self._connected().request(method, url, data=data, headers=headers) as answer:
                return await self._read(answer, method, path)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            raise StoreError("store_unavailable", f"the hub's store can't be reached: {error!r}") from error

    @staticmethod
    async def _read(answer: aiohttp.ClientResponse, method: str, path: str) -> Any:
        if answer.status == 200:
            return json.loads(await answer.text())
        if answer.status == 204 or (answer.status == 404 and method == "GET"):
            return None
        code = "store_conflict" if answer.status == 409 else "store_unavailable"
        raise StoreError(code, f"the hub's store answered {answer.status} to {method} {path}")

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.UnixConnector(path=self._socket, limit=32, keepalive_timeout=60)
            # A call a turn: what a browser would add to them, cookies and kinds of compression, is left out.
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=20), cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            )
        return self._session


def _quoted(sender_id: str) -> str:
    return quote(sender_id, safe="")


def _plain(events: List[Event]) -> List[Dict[str, Any]]:
    return [event.as_dict() for event in events]
