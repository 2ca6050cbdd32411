"""Our input channel: `POST /webhooks/switchboard/webhook`, one JSON turn in, one JSON turn out, errors as errors."""
from __future__ import annotations

import logging
from typing import Any, Awaitable, Callable, Dict, Tuple

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from switchboard_rasa import store, trace, turn
from switchboard_rasa.languages import KEY, Languages

logger = logging.getLogger(__name__)


class SwitchboardInput(InputChannel):
    """The channel through which the hub puts each user message to the bot."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages

    @classmethod
    def name(cls) -> str:
        """The channel's place under /webhooks."""
        return "switchboard"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. 200 with messages and parse, 400 for a body that isn't a turn, 500 for a turn that failed."""
        routes = Blueprint("switchboard_webhook")

        @routes.get("/")
        async def health(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @routes.post("/webhook")
        async def receive(request: Request) -> HTTPResponse:
            try:
                asked = read_turn(request.json)
            except Exception as error:
                return failure(400, "bad_turn", str(error) or repr(error))
            try:
                with store.brought(asked["sender"], request.json):
                    chosen = await self._languages.choose(request.app.ctx.agent, asked["sender"], asked["metadata"])
                    asked["metadata"] = chosen.metadata
                    happened = await turn.whole_turn(chosen.agent, **asked, new_session=chosen.switched)
                return response.json({**happened, **({KEY: chosen.language} if chosen.language else {})})
            except Exception as error:
                logger.exception("turn of conversation %r failed%s", asked["sender"], trace.words())
                return failure(500, *describe(error))

        @routes.post("/parse")
        async def parse(request: Request) -> HTTPResponse:
            asked = request.json
            if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
                return failure(400, "bad_text", "`text` must be a string")
            agent = self._languages.agent(asked.get(KEY), request.app.ctx.agent)
            return response.json(await agent.parse_message(asked["text"]))

        return routes


def read_turn(body: Any) -> Dict[str, Any]:
    """The arguments of `turn.whole_turn` from a request body. Raises ValueError naming the field that is wrong."""
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    for field in ("sender", "message"):
        if not isinstance(body.get(field), str):
            raise ValueError(f"`{field}` must be a string")
    if not body["sender"]:
        raise ValueError("`sender` must not be empty")
    return {
        "sender": body["sender"],
        "text": body["message"],
        "literal": body.get("literal", True) is not False,
        "channel": str(body.get("input_channel") or "switchboard"),
        "metadata": body.get("metadata"),
    }


def describe(error: BaseException) -> Tuple[str, str]:
    """Code and message of a failed turn for the hub."""
    code = getattr(error, "code", None)
    if isinstance(error, turn.ActionFailed):
        code = "action_failed"
    return (code if isinstance(code, str) else "turn_failed"), f"{type(error).__name__}: {error}"


def failure(status: int, code: str, message: str) -> HTTPResponse:
    """An error body as the hub reads it."""
    return response.json({"error": {"code": code, "message": message}}, status=status)
