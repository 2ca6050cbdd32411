"""Asks a trained bot what it should know, as `rasa test` does: questions and stories that it was not trained on.

The result is Rasa's own, as its server answers it for `/model/test/intents` and `/model/test/stories`, in the file `spec["out"]`.
"""
from __future__ import annotations

import asyncio
import json
import logging
import math
from pathlib import Path
from typing import Any, Dict

from switchboard_rasa import archive, commands, lazy, logs, own_code, serve, words
from switchboard_rasa.report import Report


def run(spec: Dict[str, Any]) -> int:
    """Tests the model `spec["model"]` with the YAML file `spec["data"]`. 0 after a `done` line, 1 after an `error` line.

    NEEDS_FULL, without a line, in the child of a host that lacks what the model wants.
    """
    report = Report()
    try:
        found = archive.metadata(spec["model"])
        light = lazy.is_light(archive.components(found))
        if not light and lazy.installed():
            return commands.NEEDS_FULL
        own_code.admit(spec)
        serve.prepare(light)
        logs.plain(logging.WARNING)
        agent = serve.load_agent(spec, found)
        archive.give_back(spec)
        result = asyncio.run(evaluate(agent, spec["data"], bool(spec.get("e2e"))))
        Path(spec["out"]).write_text(json.dumps(_plain(result), ensure_ascii=False), encoding="utf-8")
    except Exception as error:
        logging.getLogger(__name__).error("the test failed", exc_info=True)
        return report.fail(words.tell(error))
    report.say(done=True)
    return 0


async def evaluate(agent: Any, data: str, e2e: bool) -> Dict[str, Any]:
    """`{"nlu", "stories"}`, each None where `data` holds nothing for it. Raises what Rasa raises for data that it can't read."""
    from rasa.core.test import test as test_stories
    from rasa.nlu.test import run_evaluation
    from rasa.shared.importers.importer import TrainingDataImporter

    importer = TrainingDataImporter.load_from_dict(training_data_paths=[data])
    result: Dict[str, Any] = {"nlu": None, "stories": None}
    if importer.get_nlu_data().nlu_examples:
        result["nlu"] = await run_evaluation(data, agent.processor, disable_plotting=True, report_as_dict=True)
    if (importer.get_conversation_tests() if e2e else importer.get_stories()).story_steps:
        result["stories"] = await test_stories(data, agent, e2e=e2e, disable_plotting=True)
    return result


def _plain(value: Any) -> Any:
    """`value` of what JSON has: numpy's numbers as Python's, and None for what is no number."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
