"""Runs a bot's own actions (rasa_sdk) on a loopback port, behind a secret: `{"ready": {"port"}}` on stdout once it listens."""
from __future__ import annotations

import logging
import socket
import sys
from typing import Any, Dict

from switchboard_rasa import guard, logs
from switchboard_rasa.report import Report


def run(spec: Dict[str, Any]) -> int:
    """Serves the package `spec["package"]` (`actions` when absent) of the folder `spec["project"]` until the process is told to end."""
    report = Report()
    logs.plain(logging.WARNING)
    sys.path.insert(0, spec["project"])
    from rasa_sdk.endpoint import create_app

    app = create_app(spec.get("package", "actions"), cors_origins=None)
    guard.install(app, spec["secret"])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    listener.setblocking(False)
    port = listener.getsockname()[1]

    @app.listener("after_server_start")
    async def tell(*_: Any) -> None:
        report.say(ready={"port": port})

    app.run(sock=listener, access_log=False, workers=1, debug=False)
    return 0
