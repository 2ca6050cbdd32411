"""The secret that stands before each server of ours: a request without it meets no route."""
from __future__ import annotations

import hmac
from typing import Any

SECRET_HEADER = "x-switchboard-secret"


def install(app: Any, secret: str) -> None:
    """Makes the Sanic `app` refuse each request without `secret` with 401, before any route."""
    from sanic import response

    expected = secret.encode()

    @app.on_request
    async def check(request: Any) -> Any:
        given = (request.headers.get(SECRET_HEADER) or "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, expected):
            return response.json({"error": {"code": "unauthorized", "message": f"{SECRET_HEADER} is missing or wrong"}}, status=401)
        return None
