"""Training errors in the words of somebody who writes a bot."""
from __future__ import annotations

import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple


class Told(NamedTuple):
    """`code` for programs, `message` for the author, `detail` as Rasa said it."""

    code: str
    message: str
    detail: str


_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def tell(error: BaseException) -> Told:
    """What went wrong in a training, for its author. Any exception will do."""
    detail = plain(str(error)) or repr(error)
    names = [cls.__name__ for cls in type(error).__mro__]
    for name, build in _KNOWN.items():
        if name in names:
            code, message = build(error, detail)
            return Told(code, message, detail)
    return Told("training_failed", f"Training stopped with {type(error).__name__}: {_first_line(detail)}", detail)


def no_data() -> Told:
    """The project holds nothing to learn from."""
    return Told("no_training_data", "There is nothing to train on: add at least one answer with at least one question.", "")


def plain(text: str) -> str:
    """`text` without the colour codes that Rasa puts into messages."""
    return _ANSI.sub("", text).strip()


def _first_line(detail: str) -> str:
    return detail.splitlines()[0] if detail else ""


def _yaml_syntax(error: BaseException, detail: str) -> Tuple[str, str]:
    where = _place(error, detail)
    return "bad_yaml", f"{where} is not valid YAML. Look for a missing quote, a tab or wrong indentation there."


def _yaml_content(error: BaseException, detail: str) -> Tuple[str, str]:
    where = _place(error, detail)
    return "bad_content", f"{where} has something that Rasa doesn't expect there: {_schema_complaint(detail)}"


def place(error: BaseException, detail: str) -> Tuple[Optional[str], Optional[int]]:
    """File and line of a text that can't be read, as far as they are known."""
    cause = getattr(error, "underlying_yaml_exception", None)
    mark = getattr(cause, "problem_mark", None) or getattr(cause, "context_mark", None)
    filename: Optional[str] = getattr(error, "filename", None)
    line: Optional[int] = mark.line + 1 if mark is not None else None
    found = re.search(r"in (\S+\.ya?ml):(\d+)", detail)
    if found:
        filename, line = filename or found.group(1), line or int(found.group(2))
    return str(filename) if filename else None, line


def _place(error: BaseException, detail: str) -> str:
    """`nlu.yml, line 7`."""
    filename, line = place(error, detail)
    name = filename.rsplit("/", 1)[-1] if filename else "A project file"
    return f"{name}, line {line}," if line else name


def _schema_complaint(detail: str) -> str:
    lines: List[str] = [line.strip() for line in detail.splitlines() if line.strip()]
    wanted = [line for line in lines if not line.startswith("in ") and "Failed to validate" not in line]
    return wanted[0] if wanted else _first_line(detail)


def _rules(_: BaseException, detail: str) -> Tuple[str, str]:
    return "contradicting_rules", "Two rules or stories contradict each other, or a rule can't be carried out. The detail names them."


def _action(_: BaseException, detail: str) -> Tuple[str, str]:
    found = re.search(r"'([^']+)'", detail)
    name = found.group(1) if found else "…"
    return "unknown_action", f"A story or a rule goes on with '{name}', which the domain has neither as an action nor as a response. Add it, or mend its name."


def _domain(_: BaseException, detail: str) -> Tuple[str, str]:
    return "bad_domain", f"The domain doesn't fit together: {_first_line(detail)}"


def _memory(_: BaseException, __: str) -> Tuple[str, str]:
    return "out_of_memory", "Training needed more memory than there is. Use the semantic pipeline or fewer examples."


def _missing_package(error: BaseException, detail: str) -> Tuple[str, str]:
    package = getattr(error, "name", None) or "a Python package"
    if "jieba" in detail.lower():
        return "missing_package", "The Chinese tokenizer needs the Python package jieba, which is not installed here."
    if "retrieve class" in detail:  # Rasa's words for a dotted component name that leads nowhere
        return "bad_config", f"config.yml names a component that doesn't exist: {_first_line(detail)}"
    return "missing_package", f"The pipeline needs {package}, which is not installed here."


def _config(_: BaseException, detail: str) -> Tuple[str, str]:
    if "no questions" in detail:
        return no_data().code, no_data().message
    if "jieba" in detail.lower():
        return "missing_package", "The Chinese tokenizer needs the Python package jieba, which is not installed here."
    return "bad_config", f"config.yml asks for something that doesn't work: {_first_line(detail)}"


def _file(_: BaseException, detail: str) -> Tuple[str, str]:
    return "missing_file", f"A file of the project can't be read: {_first_line(detail)}"


_KNOWN: Dict[str, Callable[[BaseException, str], Tuple[str, str]]] = {
    "YamlSyntaxException": _yaml_syntax,
    "YamlValidationException": _yaml_content,
    "YamlException": _yaml_content,
    "InvalidRule": _rules,
    "ActionNotFoundException": _action,
    "InvalidDomain": _domain,
    "MissingDependencyException": _missing_package,
    "ModuleNotFoundError": _missing_package,
    "ImportError": _missing_package,
    "InvalidConfigException": _config,
    "GraphSchemaValidationException": _config,
    "MemoryError": _memory,
    "ResourceExhaustedError": _memory,
    "InvalidEntityFormatException": _yaml_content,
    "FileNotFoundException": _file,
    "FileIOException": _file,
}
"""By class name, most telling first: importing all these classes would cost more than the training of a small bot."""
