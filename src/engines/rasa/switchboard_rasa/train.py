"""Trains one project in a process of its own and tells about it in JSON lines on stdout. All else goes to stderr."""
from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any, Dict, List

from switchboard_rasa import archive, commands, lazy, logs, own_code, validate, words
from switchboard_rasa.findings import Finding
from switchboard_rasa.report import Report

_LIGHT_NAMES = (
    "RulePolicy", "MemoizationPolicy", "AugmentedMemoizationPolicy", "WhitespaceTokenizer", "JiebaTokenizer", "FallbackClassifier",
    "KeywordIntentClassifier", "RegexEntityExtractor", "EntitySynonymMapper",
)


class TrainingRefused(Exception):
    """Rasa found nothing to train, and said so without an exception."""


class ProjectRefused(Exception):
    """Rasa's validator says that the project does not fit together."""

    def __init__(self, found: List[Finding]) -> None:
        super().__init__("\n".join(finding.shown() for finding in found))
        self.first = found[0].shown()


def run(spec: Dict[str, Any]) -> int:
    """Trains `spec["project"]` into `spec["out"]/model.tar.gz`. 0 after a `done` line, 1 after an `error` line.

    NEEDS_FULL, without a line, in the child of a host that lacks what the project wants.
    """
    began = time.time()
    report = Report()
    light = _is_light(Path(spec["project"]) / "config.yml")
    if not light and lazy.installed():
        return commands.NEEDS_FULL
    try:
        own_code.admit(spec)
        _settle(spec)
        model = train(spec, light, lambda percent, stage: report.say(percent=percent, stage=stage))
    except TrainingRefused:
        return report.fail(words.no_data())
    except ProjectRefused as refused:
        return report.fail(words.Told("invalid_project", f"The project does not fit together: {refused.first}", str(refused)))
    except BaseException as error:
        logging.getLogger(__name__).error("training failed", exc_info=True)
        return report.fail(words.tell(error))
    if spec.get("languages"):
        archive.with_languages(model, spec["languages"])
    report.say(percent=100, stage="done")
    report.say(done={"model": model, "seconds": round(time.time() - began, 2)})
    return 0


def train(spec: Dict[str, Any], light: bool, report: Any) -> str:
    """Runs Rasa's training and answers the archive's path. Raises what Rasa raises, TrainingRefused for a project without data."""
    report(1, "starting")
    project = Path(spec["project"])
    if light:
        lazy.install()
    import rasa.shared.utils.io
    from rasa.model_training import train as rasa_train

    from switchboard_rasa import exact
    from switchboard_rasa.progress import Progress, watch

    rasa.shared.utils.io.is_logging_disabled = lambda: True  # which is how Rasa's progress bars are turned off
    rasa.shared.utils.io.wrap_with_color = lambda *parts, color: " ".join(str(part) for part in parts)
    exact.install()
    archive.write_metadata_first()
    if not light:
        from switchboard_rasa import light_load

        light_load.save_without_optimizer()
    report(5, "checking")
    if spec.get("check"):
        _refuse(validate.faults(project))
    report(10, "reading")
    progress = Progress(report)
    watch(progress, light)
    if not light:
        from switchboard_rasa import batches, one_trace, side_by_side

        batches.install()
        one_trace.install()
        side_by_side.install(progress)
    result = rasa_train(
        domain=str(project / "domain.yml") if (project / "domain.yml").exists() else str(project / "domain"),
        config=str(project / "config.yml"), training_files=[str(project / "data")], output=spec["out"], fixed_model_name="model",
        force_training=True, nlu_additional_arguments={"num_threads": spec.get("threads")},
    )
    if not result.model:
        raise TrainingRefused
    return str(Path(result.model).absolute())


def _refuse(found: List[Finding]) -> None:
    if found:
        raise ProjectRefused(found)


def _is_light(config: Path) -> bool:
    """Whether all components the config names do without TensorFlow. A config that can't be read takes the ordinary way."""
    import ruamel.yaml

    try:
        found = ruamel.yaml.YAML(typ="safe").load(config.read_text(encoding="utf-8"))
        named: List[str] = [entry["name"] for part in ("pipeline", "policies") for entry in found[part]]
    except (OSError, ValueError, KeyError, TypeError, ruamel.yaml.YAMLError):
        return False
    return all(name in _LIGHT_NAMES or lazy.is_light([name]) for name in named)


def _settle(spec: Dict[str, Any]) -> None:
    """Settings for this process alone: no cache shared with other bots, plain log lines, the asked number of threads for TensorFlow."""
    os.environ["RASA_CACHE_DIRECTORY"] = os.path.join(os.getcwd(), ".rasa-cache")
    os.environ["RASA_MAX_CACHE_SIZE"] = "0"
    if spec.get("threads"):
        for name in ("TF_INTRA_OP_PARALLELISM_THREADS", "TF_INTER_OP_PARALLELISM_THREADS"):
            os.environ[name] = str(int(spec["threads"]))
    logs.plain(logging.INFO)
