"""Several languages in one bot: one archive, an agent for each, and a language that stays with the conversation."""
from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from helpers import Child, FakeHub, Pairs, train, write_project
from switchboard_rasa import archive
from switchboard_rasa.languages import Languages

GERMAN: Pairs = {
    "faq/hours": ("Wir öffnen um 9.", ["Wann habt ihr offen?", "Öffnungszeiten", "wann schließt ihr", "habt ihr sonntags offen"]),
    "faq/refund": ("30 Tage.", ["Ich will mein Geld zurück", "Rückgabe", "kann ich es umtauschen", "wie schicke ich etwas zurück"]),
    "chitchat/greet": ("Hallo!", ["hallo", "guten Tag", "moin", "servus"]),
}


@pytest.fixture(scope="module")
def both(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TINY's archive with GERMAN laid into it."""
    base = tmp_path_factory.mktemp("languages")
    lines, code, stderr = train(write_project(base / "project", GERMAN), base / "out")
    assert code == 0, stderr
    whole = base / "both.tar.gz"
    shutil.copy(tiny_model, whole)
    archive.with_languages(str(whole), {"de": lines[-1]["done"]["model"]})
    return whole


@pytest.fixture(scope="module")
def talker(both: Path, shared_hub: FakeHub) -> Iterator[Child]:
    child = Child(both, shared_hub, spec={"language": "en"})
    yield child
    child.stop()


def said(child: Child, text: str, sender: str, **metadata: Any) -> Dict[str, Any]:
    status, body = child.say(text, sender, metadata=metadata)
    assert status == 200, body
    return {"text": body["messages"][0]["text"], "language": body["language"]}


def test_the_archive_is_still_one_that_rasa_reads(both: Path, tiny_model: Path, tmp_path: Path) -> None:
    from rasa.engine.storage.local_model_storage import LocalModelStorage

    found = archive.metadata(str(both))
    assert {**found, "switchboard_languages": None} == {**archive.metadata(str(tiny_model)), "switchboard_languages": None}
    assert LocalModelStorage.metadata_from_archive(both).language == "en"
    with tarfile.open(both) as file:
        assert file.getnames()[0] == "metadata.json"
    assert list(archive.languages(str(both), found, str(tmp_path))) == ["de"]
    assert archive.languages(str(tiny_model), archive.metadata(str(tiny_model)), str(tmp_path)) == {}
    with pytest.raises(archive.BadArchive, match="lacks a language that it names: fr"):
        archive.languages(str(both), {"switchboard_languages": ["de", "fr"]}, str(tmp_path))


def test_a_message_asks_for_its_language_and_the_conversation_keeps_it(talker: Child) -> None:
    assert said(talker, "opening hours", "a") == {"text": "We open at 9.", "language": "en"}
    assert said(talker, "Öffnungszeiten", "a", language="de-AT") == {"text": "Wir öffnen um 9.", "language": "de"}
    assert said(talker, "Ich will mein Geld zurück", "a") == {"text": "30 Tage.", "language": "de"}
    assert said(talker, "Rückgabe", "a", locale="en", language="fr") == {"text": "30 Tage.", "language": "de"}, "unknown ones change nothing"
    assert said(talker, "hello there", "a", language="en")["text"] == "Hello!"


def test_the_channel_s_locale_counts_until_the_conversation_has_a_language(talker: Child) -> None:
    assert said(talker, "moin", "b", locale="de_DE")["language"] == "de"
    assert said(talker, "moin", "b", locale="en-GB") == {"text": "Hallo!", "language": "de"}
    assert said(talker, "hello there", "c", locale="fr")["language"] == "en"
    assert said(talker, "hello there", "c", locale="de")["language"] == "en"


def test_a_change_of_language_begins_a_session(talker: Child, shared_hub: FakeHub) -> None:
    def sessions() -> int:
        return sum(event["event"] == "action" and event["name"] == "action_session_start" for event in shared_hub.conversations["d"])

    said(talker, "hello there", "d")
    said(talker, "opening hours", "d", language="en")
    assert sessions() == 1
    said(talker, "hallo", "d", language="de")
    said(talker, "Rückgabe", "d")
    assert sessions() == 2
    kept = [event["metadata"]["language"] for event in shared_hub.conversations["d"] if event["event"] == "user"]
    assert kept == ["en", "en", "de", "de"]


def test_a_text_is_understood_in_the_language_that_is_asked_for(talker: Child) -> None:
    def parse(**body: Any) -> Any:
        return talker.call("POST", "/webhooks/switchboard/parse", body)

    status, found = parse(text="Öffnungszeiten", language="de")
    assert (status, found["intent"]["name"], found["text"]) == (200, "faq", "Öffnungszeiten")
    assert found["response_selector"]["faq"]["response"]["responses"][0]["text"] == "Wir öffnen um 9."
    assert parse(text="opening hours", language="fr")[1] == talker.parse("opening hours")
    assert parse(language="de")[0] == 400
    assert talker.call("POST", "/webhooks/switchboard/parse", {"text": "x"}, secret=None)[0] == 401


def test_tags_find_what_is_like_them() -> None:
    some = Languages("zh-CN", {"de": "D", "pt-BR".lower(): "P"})
    tags = {"DE": "de", "de_AT": "de", "zh": "zh-cn", "zh-TW": "zh-cn", "pt": "pt-br", "fr": None, "": None, 3: None}
    assert {tag: some.match(tag) for tag in tags} == tags


def test_a_bot_of_one_language_reads_no_tracker_for_it(child: Child, shared_hub: FakeHub) -> None:
    before = len(shared_hub.calls)
    status, body = child.say("opening hours", "e", metadata={"language": "de"})
    assert status == 200 and "language" not in body
    assert [method for method, _ in shared_hub.calls[before:]].count("GET") == 1
