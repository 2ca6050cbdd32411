"""Checks a project as `rasa data validate` does, and its rules as their policy does; tells about it in one JSON line: `done`, or `error`."""
from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from switchboard_rasa import logs, own_code, words
from switchboard_rasa.findings import Finding, Listener
from switchboard_rasa.report import Report


def run(spec: Dict[str, Any]) -> int:
    """Checks `spec["project"]`, or of it the files of `spec["alone"]`. 0 after `{"done": {"valid", "findings"}}`; 1 after an `error` line,
    for what is no fault of the project's author."""
    report = Report()
    os.environ["LOG_LEVEL"] = "ERROR"  # by which Rasa's progress bars are turned off
    logs.plain(logging.WARNING)
    own_code.admit(spec)
    project, originals = Path(spec["project"]), spec.get("originals")
    try:
        heard = alone(project, spec["alone"]) if spec.get("alone") else validate(project, Path(originals) if originals else None)
    except Exception as error:
        return report.fail(words.tell(error))
    report.say(done={"valid": heard.valid, "findings": [finding._asdict() for finding in heard.findings()]})
    return 0


def alone(project: Path, paths: List[str]) -> Listener:
    """Whether Rasa can read each of these files, whatever the rest of the project holds."""
    from rasa.shared.importers.rasa import RasaFileImporter

    heard = Listener(project)
    for path in paths:
        file = str(project / path)
        domain = path.startswith("domain")
        importer = RasaFileImporter(domain_path=file if domain else None, training_data_paths=[] if domain else [file])
        for read in (importer.get_domain,) if domain else (importer.get_nlu_data, importer.get_stories):
            with heard.attempt():
                read()
    return heard


def faults(project: Path) -> List[Finding]:
    """Why `rasa train` would refuse the project though it can read it: what a validator calls an error, but for what training says itself."""
    heard, validator = _read(project, None)
    if validator is not None:
        for check in _refusing(validator):
            heard.check(check)
    return [finding for finding in heard.findings() if finding.severity == "error" and finding.code is None]


def validate(project: Path, originals: Optional[Path] = None) -> Listener:
    """Reads the project and checks whether domain, questions, stories, rules and slots fit together."""
    heard, validator = _read(project, originals)
    if validator is None:
        # What lacks a part that could not be read would only be called wrong for that.
        return heard
    for check in (*_refusing(validator), validator.verify_nlu, validator.verify_story_structure):
        heard.check(check)
    with heard.attempt():
        check_rules(validator)
    return heard


def _read(project: Path, originals: Optional[Path]) -> Tuple[Listener, Any]:
    """Rasa's validator of the project, None where it could not be read; and who heard what was said meanwhile."""
    from rasa.shared.importers.importer import TrainingDataImporter
    from rasa.validator import Validator

    heard = Listener(project, originals)
    with heard.attempt():
        domain = project / "domain.yml"
        importer = TrainingDataImporter.load_from_config(
            str(project / "config.yml"), str(domain if domain.exists() else project / "domain"), [str(project / "data")]
        )
        validator = Validator.from_importer(importer)
        if validator.domain.is_empty() and heard.valid:
            heard.told("The domain is empty: the project says nowhere what the bot can say and do.")
    return heard, validator if heard.valid else None


def _refusing(validator: Any) -> Tuple[Callable[[], bool], ...]:
    """The checks that can say no; the others only warn."""
    return (
        validator.verify_domain_validity, validator.verify_actions_in_stories_rules, validator.verify_forms_in_stories_rules,
        validator.verify_form_slots, validator.verify_slot_mappings,
    )


def check_rules(validator: Any) -> None:
    """Has the rule policy, where the project has one, look for rules that contradict each other or a story. Raises what it raises."""
    from rasa.core.policies.rule_policy import RulePolicy
    from rasa.shared.core.generator import TrainingDataGenerator

    policies: List[Any] = validator.config.get("policies") or []
    settings = next((one for one in policies if isinstance(one, dict) and one.get("name") == RulePolicy.__name__), None)
    if settings is None:
        return
    trackers = TrainingDataGenerator(validator.story_graph, validator.domain, augmentation_factor=0).generate()
    policy = _unkept({**RulePolicy.get_default_config(), **{key: value for key, value in settings.items() if key != "name"}})
    policy.train(trackers, validator.domain)


def _unkept(config: Dict[str, Any]) -> Any:
    """A rule policy that is trained for what it finds, and kept nowhere."""
    from rasa.core.policies.rule_policy import RulePolicy
    from rasa.engine.graph import ExecutionContext, GraphSchema
    from rasa.engine.storage.resource import Resource

    policy = RulePolicy(config, None, Resource("rules"), ExecutionContext(GraphSchema({})))  # type: ignore[arg-type]
    policy.persist = lambda: None  # type: ignore[method-assign]
    return policy
