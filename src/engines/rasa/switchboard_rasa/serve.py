"""Serves one bot on a Unix socket: Rasa's HTTP API and our channel, both behind the child's secret."""
from __future__ import annotations

import dataclasses
import logging
import os
import socket
import sys
from typing import Any, Dict, Optional

from switchboard_rasa import archive, commands, guard, lazy, logs, own_code
from switchboard_rasa.languages import Languages
from switchboard_rasa.report import Report


def run(spec: Dict[str, Any]) -> int:
    """Serves until a signal ends the process; says `{"ready": …}` on stdout when it does.

    1, with one line on stderr, when the model can't be loaded; NEEDS_FULL in the child of a host that lacks what the model wants.
    """
    report = Report()
    try:
        found = archive.metadata(spec["model"])
        paths = archive.languages(spec["model"], found, os.getcwd())
        parts = {language: archive.metadata(path) for language, path in paths.items()}
        light = all(lazy.is_light(archive.components(one)) for one in (found, *parts.values()))
        if not light and lazy.installed():
            return commands.NEEDS_FULL
        own_code.admit(spec)
        prepare(light)
        agent = load_agent(spec, found)
        others = {language: load_agent({**spec, "model": path}, parts[language]) for language, path in paths.items()}
        archive.give_back(spec)
    except Exception as error:
        print(f"switchboard: model {spec.get('model')} can't be loaded: {type(error).__name__}: {_one_line(error)}", file=sys.stderr)
        return 1
    serve(spec, agent, report, Languages(str(spec.get("language") or "en"), others))
    return 0


def prepare(light: bool) -> None:
    """Settings that must stand before Rasa's modules are used."""
    if light:
        lazy.install()
    logs.plain(logging.WARNING)
    if not light:
        from switchboard_rasa import light_load

        light_load.install()
    from switchboard_rasa import exact, speed

    exact.install()
    archive.unpack_once()
    speed.install(networks=not light)


def load_agent(spec: Dict[str, Any], found: Dict[str, Any]) -> Any:
    """Rasa's agent for the spec's archive, with the hub as its tracker store where the spec names it. Raises what loading raises."""
    from rasa.core.agent import Agent

    from switchboard_rasa import endpoint, speed
    from switchboard_rasa.store import HubTrackerStore
    from switchboard_rasa.turn import StrictProcessor

    _domain_from_metadata(found)
    agent = Agent(action_endpoint=endpoint.endpoint(spec))
    if "hub" in spec:  # not through the constructor, whose fail-safe wrapper hides a store's errors
        agent.tracker_store = HubTrackerStore(None, spec["hub"]["socket"], spec["hub"]["secret"])
    agent.load_model(spec["model"])
    processor = agent.processor
    processor.__class__ = StrictProcessor
    processor.model_filename = spec.get("modelFile", processor.model_filename)  # what `GET /status` says: on the shelf it is a digest
    speed.settle(processor.domain)
    processor.model_metadata = dataclasses.replace(processor.model_metadata, assistant_id=spec["appId"])
    return agent


def serve(spec: Dict[str, Any], agent: Any, report: Report, languages: Languages) -> None:
    """Answers requests on the spec's socket until the process is told to end."""
    from rasa import server
    from rasa.core.channels.channel import register

    from switchboard_rasa import trace
    from switchboard_rasa.channel import SwitchboardInput

    app = server.create_app(agent=agent, cors_origins=None)
    for name in ("sanic.root", "sanic.access", "sanic.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    register([SwitchboardInput(languages)], app, route="/webhooks/")
    guard.install(app, spec["secret"])
    trace.install(app)
    app.config.KEEP_ALIVE_TIMEOUT = 600
    app.config.REQUEST_MAX_SIZE = 64 * 1024 * 1024

    @app.listener("after_server_start")
    async def tell(*_: Any) -> None:
        report.say(ready=True)
        _settle(spec.get("traceAfter"))

    @app.listener("after_server_stop")
    async def leave(*_: Any) -> None:
        for one in (agent, *languages.agents()):
            await one.tracker_store.close()

    app.run(sock=socket.socket(fileno=spec["listener"]), access_log=False, workers=1, debug=False)


def _settle(seconds: Optional[float]) -> None:
    """Ends loading: memory goes back, and after so long the models' prediction graphs are traced in the background; None: never, they stay eager."""
    light_load = sys.modules.get("switchboard_rasa.light_load")
    if light_load is None:
        return
    light_load.give_back()
    if seconds is not None:
        light_load.trace_later(float(seconds))


def _domain_from_metadata(found: Dict[str, Any]) -> None:
    """Takes the domain from the archive's metadata, where Rasa keeps it as JSON too.

    Rasa reads the same domain a second time as YAML and validates it, a second and more for a large bot.
    """
    from rasa.graph_components.providers.domain_provider import DomainProvider
    from rasa.shared.core.domain import Domain

    def load(cls: Any, config: Any, model_storage: Any, resource: Any, execution_context: Any, **_: Any) -> Any:
        return cls(model_storage, resource, Domain.from_dict(found["domain"]))

    DomainProvider.load = classmethod(load)  # type: ignore[assignment]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
