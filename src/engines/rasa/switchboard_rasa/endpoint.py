"""Where Rasa has a bot's custom actions run: in the process of the bot's own actions, or wherever the hub calls for it."""
from __future__ import annotations

from typing import Any, Dict, Optional

import aiohttp
from rasa.utils.endpoints import EndpointConfig

from switchboard_rasa import trace

_TIMEOUT_S = 60


class TracedEndpoint(EndpointConfig):
    """An endpoint that is told which trace a call belongs to."""

    async def request(self, *args: Any, **kwargs: Any) -> Optional[Any]:
        """As EndpointConfig's, with the header of the trace."""
        kwargs["headers"] = {**(kwargs.get("headers") or {}), **trace.headers()}
        return await super().request(*args, **kwargs)


class HubEndpoint(TracedEndpoint):
    """The hub's end of the private line, which calls the author's action server: no address of it, and no way to it, is in this process."""

    def __init__(self, socket: str, secret: str) -> None:
        super().__init__("http://hub/actions", headers={"Authorization": f"Bearer {secret}"})
        self._socket = socket

    def session(self) -> aiohttp.ClientSession:
        """A session over the hub's socket, as EndpointConfig's over TCP."""
        connector = aiohttp.UnixConnector(path=self._socket)
        return aiohttp.ClientSession(connector=connector, headers=self.headers, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))


def endpoint(spec: Dict[str, Any]) -> Optional[EndpointConfig]:
    """The endpoint for the spec's `actions`: `{"url", "headers"}`, or `{"through": "hub"}`; None where the bot has none."""
    given = spec.get("actions")
    if not given:
        return None
    if given.get("through") == "hub":
        return HubEndpoint(spec["hub"]["socket"], spec["hub"]["secret"])
    return TracedEndpoint(given["url"], headers=given["headers"])
