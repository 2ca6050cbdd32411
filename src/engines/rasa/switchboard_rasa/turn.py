"""One conversation turn that either happens whole or not at all.

Rasa's processor logs an exception inside an action and goes on, and then saves the rest. Here it is remembered, and saving refuses.
"""
from __future__ import annotations

import contextvars
import json
import re
from typing import Any, Dict, List, Optional

from rasa.core.actions.action import Action, ActionExecutionRejection
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.events import ActionExecuted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

_saved: contextvars.ContextVar[Optional[List[DialogueStateTracker]]] = contextvars.ContextVar("switchboard_saved", default=None)
_new_session: contextvars.ContextVar[bool] = contextvars.ContextVar("switchboard_new_session", default=False)
_failures: contextvars.ContextVar[Optional[List[BaseException]]] = contextvars.ContextVar("switchboard_failures", default=None)
_PAYLOAD = re.compile(r"^/(?P<key>[^{@]+)(@[0-9.]+)?\s*(?P<entities>{.*})?\s*$", re.DOTALL)
_FULLWIDTH_SLASH = "\uff0f"


class ActionFailed(Exception):
    """An action of this turn raised; the turn is not stored."""


class StrictProcessor(MessageProcessor):
    """Rasa's processor for turns inside `whole_turn`: what an action raises fails the turn. Elsewhere as Rasa does."""

    async def _run_action(self, action: Action, *args: Any, **kwargs: Any) -> bool:
        failures = _failures.get()
        if failures is not None:
            _remember(action, failures)
        return await super()._run_action(action, *args, **kwargs)

    def _has_session_expired(self, tracker: DialogueStateTracker) -> bool:
        return _new_session.get() or super()._has_session_expired(tracker)

    async def save_tracker(self, tracker: DialogueStateTracker) -> None:
        """Saves, unless this turn has failed: then raises ActionFailed."""
        failures = _failures.get()
        if failures:
            raise ActionFailed(f"{type(failures[0]).__name__}: {failures[0]}") from failures[0]
        await super().save_tracker(tracker)
        saved = _saved.get()
        if saved is not None:
            saved.append(tracker)


class ExactOutput(CollectingOutputChannel):
    """Collects bot messages as Rasa's REST channel words them, with texts neither stripped nor split."""

    @classmethod
    def name(cls) -> str:
        """The name under which responses can be bound to this channel."""
        return "switchboard"

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """One text, one message."""
        await self._persist_message(self._message(recipient_id, text=text))


async def whole_turn(agent: Agent, sender: str, text: str, literal: bool, channel: str, metadata: Any, new_session: bool = False) -> Dict[str, Any]:
    """Runs one turn and answers `{"messages", "parse", "actions", "slots"}`: what was said, what was understood, the names of the actions
    that ran, and the slots that changed. Whatever goes wrong is raised, and then nothing was stored.

    `new_session` begins one of Rasa's sessions before it. With `literal` the text is classified even when it begins like an intent payload; without, `/faq/x` and `/intent{"a":1}` are obeyed.
    """
    output = ExactOutput()
    message = UserMessage(text, output, sender, input_channel=channel, metadata=metadata)
    message.text = text
    processor = agent.processor
    saved: List[DialogueStateTracker] = []
    token, saved_token, session_token = _failures.set([]), _saved.set(saved), _new_session.set(new_session)
    try:
        async with agent.lock_store.lock(sender):
            message.parse_data = await _parse(agent, message, literal)
            await processor.handle_message(message)
    finally:
        _failures.reset(token)
        _saved.reset(saved_token)
        _new_session.reset(session_token)
    return {"messages": output.messages, "parse": message.parse_data, **(_happened(saved[-1]) if saved else {})}


def _happened(tracker: DialogueStateTracker) -> Dict[str, Any]:
    """What the events since the user's last words tell of the turn."""
    actions: List[str] = []
    slots: Dict[str, Any] = {}
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted) and event.action_name not in (None, ACTION_LISTEN_NAME):
            actions.insert(0, event.action_name)
        elif isinstance(event, SlotSet):
            slots.setdefault(event.key, event.value)
    return {"actions": actions, "slots": slots}


async def _parse(agent: Agent, message: UserMessage, literal: bool) -> Dict[str, Any]:
    text = message.text or ""
    if not text.lstrip().startswith("/"):
        return await agent.processor.parse_message(message)
    if not literal:
        return _retrieval_payload(agent, text) or await agent.processor.parse_message(message)
    # A full-width slash means the same to the classifier and nothing to Rasa's payload reader; positions don't shift.
    plain = UserMessage(text.replace("/", _FULLWIDTH_SLASH, 1), message_id=message.message_id, metadata=message.metadata)
    plain.text = text.replace("/", _FULLWIDTH_SLASH, 1)
    parsed = await agent.processor.parse_message(plain)
    parsed["text"] = text
    return parsed


def _retrieval_payload(agent: Agent, text: str) -> Optional[Dict[str, Any]]:
    """Parse data for a button payload such as `/faq/hours`, which Rasa itself can't read; None for anything else."""
    match = _PAYLOAD.match(text.strip())
    key = match.group("key").strip() if match else ""
    responses = agent.domain.responses.get("utter_" + key) if "/" in key else None
    if not responses or match is None:
        return None
    intent = key.split("/", 1)[0]
    chosen = {"responses": responses, "confidence": 1.0, "intent_response_key": key, "utter_action": "utter_" + key}
    return {
        "text": text,
        "intent": {"name": intent, "confidence": 1.0, "full_retrieval_intent_name": key},
        "intent_ranking": [{"name": intent, "confidence": 1.0}],
        "entities": _entities(match.group("entities")),
        "response_selector": {
            "all_retrieval_intents": sorted(agent.domain.retrieval_intents),
            intent: {"response": chosen, "ranking": [{"confidence": 1.0, "intent_response_key": key}]},
        },
    }


def _entities(payload: Optional[str]) -> List[Dict[str, Any]]:
    """The entities of a payload's JSON part; Raises ValueError when it isn't an object."""
    values = json.loads(payload) if payload else {}
    if not isinstance(values, dict):
        raise ValueError("the payload's entities must be a JSON object")
    return [{"entity": name, "value": value} for name, value in values.items()]


def _remember(action: Action, failures: List[BaseException]) -> None:
    """Lets `action` note in `failures` what it raises; a rejection is part of normal dialogue."""
    original = action.run

    async def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return await original(*args, **kwargs)
        except ActionExecutionRejection:
            raise
        except Exception as error:
            failures.append(error)
            raise

    action.run = run  # type: ignore[method-assign]
