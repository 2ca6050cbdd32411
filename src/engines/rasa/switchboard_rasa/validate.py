"""Checks a project as `rasa data validate` does, and tells about it in JSON lines: `done` with the verdict, or `error`."""
from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Dict

from switchboard_rasa import logs, own_code, words
from switchboard_rasa.report import Report


def run(spec: Dict[str, Any]) -> int:
    """Checks `spec["project"]`. 0 after `{"done": {"valid"}}`, whose reasons are in the log; 1 after an `error` line."""
    report = Report()
    logs.plain(logging.WARNING)
    own_code.admit(spec)
    try:
        valid = validate(Path(spec["project"]))
    except Exception as error:
        return report.fail(words.tell(error))
    report.say(done={"valid": valid})
    return 0


def validate(project: Path) -> bool:
    """Whether domain, questions, stories and slots of the project fit together. Raises what Rasa raises for files it can't read."""
    from rasa.shared.importers.importer import TrainingDataImporter
    from rasa.validator import Validator

    domain = project / "domain.yml"
    importer = TrainingDataImporter.load_from_config(
        str(project / "config.yml"), str(domain if domain.exists() else project / "domain"), [str(project / "data")]
    )
    validator = Validator.from_importer(importer)
    checks = (
        validator.verify_domain_validity, validator.verify_actions_in_stories_rules, validator.verify_forms_in_stories_rules,
        validator.verify_form_slots, validator.verify_slot_mappings, validator.verify_nlu, validator.verify_story_structure,
    )
    return all([check() for check in checks])
