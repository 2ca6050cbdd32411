"""The trace that a request belongs to (the header `traceparent`, which the hub has checked), for whatever is asked because of it."""
from __future__ import annotations

import contextvars
from typing import Any, Dict, Optional

HEADER = "traceparent"
_current: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("switchboard_trace", default=None)


def install(app: Any) -> None:
    """Makes the Sanic `app` note the trace of each request, or that it has none: requests of one connection share a context."""

    @app.on_request
    async def note(request: Any) -> None:
        _current.set(request.headers.get(HEADER))


def headers() -> Dict[str, str]:
    """What goes with a call that the present request has made; empty outside of a trace."""
    trace = _current.get()
    return {} if trace is None else {HEADER: trace}


def words() -> str:
    """Its id for the log; empty outside of a trace."""
    trace = _current.get()
    return "" if trace is None else f" (trace {trace[3:35]})"
