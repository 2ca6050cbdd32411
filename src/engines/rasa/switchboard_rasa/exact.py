"""The rule by which an author's words reach the reader unchanged, though YAML, Rasa and `str.format` lie between.

Rasa reads an answer three times over: as YAML, as YAML again when a trained model is loaded, and as a `str.format` template when it
is sent. Each step has characters of its own that it changes. The rule: double the braces, write each string as a JSON string with the
few extra escapes below, and keep the file from being pure ASCII. The hub, which writes the projects, follows the same rule.
"""
from __future__ import annotations

import json
import re
from typing import Any, Dict

GUARD = "# ☂ exact text: this line must keep a character that is not ASCII\n"
"""First line of each YAML file. Rasa reads a file of pure ASCII through `raw_unicode_escape`, which changes backslashes."""

_UNSAFE = re.compile("[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = "\u2060"
_ANNOTATION = re.compile("\\](\u2060*)([(\\[{])")
_ANNOTATION_KEPT = re.compile("\\]\u2060(\u2060*[(\\[{])")


def encode_answer(text: str) -> str:
    """The template that Rasa's interpolation turns back into `text`. Takes any string, never fails."""
    return text.replace("{", "{{").replace("}", "}}")


def encode_value(value: Any) -> Any:
    """`encode_answer` on each string inside a JSON value: buttons, `custom` and other parts that Rasa interpolates."""
    if isinstance(value, str):
        return encode_answer(value)
    if isinstance(value, list):
        return [encode_value(item) for item in value]
    if isinstance(value, dict):
        return {key: encode_value(item) for key, item in value.items()}
    return value


def encode_question(text: str) -> str:
    """A training question that Rasa will not read as an entity annotation: U+2060 parts `]` from a bracket after it."""
    return _ANNOTATION.sub(lambda m: "]" + _JOINER + m.group(1) + m.group(2), text)


def decode_question(text: str) -> str:
    """The inverse of `encode_question`; a text that was never encoded loses at most an invisible U+2060."""
    return _ANNOTATION_KEPT.sub(lambda m: "]" + m.group(1), text)


def yaml_string(text: str) -> str:
    """`text` as a YAML scalar that YAML 1.1 and 1.2 readers take back unchanged. Lone surrogates become U+FFFD."""
    return escape_json(json.dumps(_LONE_SURROGATE.sub("\ufffd", text), ensure_ascii=False))


def escape_json(document: str) -> str:
    """A JSON document with the characters escaped that JSON allows raw but YAML readers change or refuse."""
    return _UNSAFE.sub(lambda match: "\\u%04x" % ord(match.group()), document)


def domain_document(domain: Dict[str, Any]) -> str:
    """The domain as YAML that holds each string exactly. Raises ValueError or TypeError for what JSON can't hold as it is."""
    document = json.dumps(domain, ensure_ascii=False, allow_nan=False, indent=1)
    if json.loads(document) != domain:
        raise ValueError("the domain has keys that are not strings")
    return GUARD + escape_json(document) + "\n"


def install() -> None:
    """Let Rasa persist domains by this rule: its own writer loses CR, tabs and control characters in texts of several lines.

    Takes effect for the whole process, once; a domain that JSON can't hold is written by Rasa's writer as before.
    """
    from rasa.shared.core.domain import Domain

    original = Domain.persist
    if getattr(original, "switchboard_exact", False):
        return

    def persist(self: Domain, filename: Any) -> None:
        try:
            document = domain_document({"version": "3.1", **self.as_dict()})
        except (TypeError, ValueError):
            original(self, filename)
            return
        with open(str(filename), "w", encoding="utf-8", newline="") as file:
            file.write(document)

    persist.switchboard_exact = True  # type: ignore[attr-defined]
    Domain.persist = persist  # type: ignore[assignment]
