"""A real child process: its channel, its secret, its life and death, and its conversations in the hub."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import SECRET, Child, FakeHub, check_limits, child_env, launch


def test_answers_and_admits_not_knowing(child: Child) -> None:
    status, turn = child.say("how do I return an item")
    assert status == 200 and turn["messages"] == [{"recipient_id": "u1", "text": "30 days."}]
    assert turn["parse"]["intent"]["full_retrieval_intent_name"] == "faq/refund"
    assert turn["actions"] == ["utter_faq"] and turn["slots"] == {}
    status, turn = child.say("who painted the mona lisa")
    assert turn["messages"][0]["text"] == "I don't know." and turn["parse"]["intent"]["name"] == "nlu_fallback"


def test_every_route_wants_the_secret(child: Child) -> None:
    for method, path in (("GET", "/"), ("GET", "/status"), ("POST", "/model/parse"), ("POST", "/webhooks/switchboard/webhook"), ("GET", "/nowhere")):
        for secret in (None, "wrong", SECRET + "x"):
            assert child.call(method, path, {} if method == "POST" else None, secret)[0] == 401, path
    assert child.call("GET", "/version")[1]["version"] == "3.6.21"


def test_a_slash_is_literal_unless_told(child: Child, shared_hub: FakeHub) -> None:
    status, turn = child.say("/faq/refund money back please", "slash")
    assert status == 200 and turn["parse"]["text"] == "/faq/refund money back please"
    assert "response_selector" in child.say("/chitchat", "slash")[1]["parse"]
    stored = [event for event in shared_hub.conversations["slash"] if event["event"] == "user"]
    assert stored[0]["text"] == "/faq/refund money back please"
    assert child.say("/restart", "slash")[1]["parse"]["intent"]["name"] != "restart"
    assert child.say("/restart", "slash", literal=False)[1]["parse"]["intent"]["name"] == "restart"
    assert child.say("/faq/pay", "slash", literal=False)[1]["messages"][0]["text"] == "Card or cash."


def test_the_stored_text_is_the_sent_text(child: Child, shared_hub: FakeHub) -> None:
    text = "  when are you open?\r\n "
    assert child.say(text, "blank", metadata={"eventId": "e1"}, input_channel="web")[0] == 200
    user = [event for event in shared_hub.conversations["blank"] if event["event"] == "user"][0]
    assert user["text"] == text and user["input_channel"] == "web"
    assert user["metadata"]["eventId"] == "e1" and user["metadata"]["assistant_id"] == "demo"


@pytest.mark.parametrize("text", ["", "   ", "😀", "asdf qwer zxcv", "x " * 20000, "中文退款", "\x00\ud83d"])
def test_odd_texts_get_some_answer(child: Child, text: str) -> None:
    status, turn = child.say(text, "odd")
    assert status == 200 and len(turn["messages"]) == 1, turn


@pytest.mark.parametrize("body", [{}, [], {"sender": "a"}, {"sender": 1, "message": "x"}, {"sender": "", "message": "x"}])
def test_a_body_that_is_no_turn_is_refused(child: Child, body: object) -> None:
    status, answer = child.call("POST", "/webhooks/switchboard/webhook", body)
    assert status == 400 and answer["error"]["code"] == "bad_turn"


def test_a_failing_action_fails_the_turn_and_stores_nothing(child: Child, shared_hub: FakeHub) -> None:
    status, answer = child.say("/chitchat", "broken", literal=False)  # without a key Rasa's own action raises
    assert status == 500 and answer["error"]["code"] == "action_failed"
    assert "broken" not in shared_hub.conversations


def test_process_title_open_files_and_limits(child: Child) -> None:
    assert Path(f"/proc/{child.process.pid}/cmdline").read_bytes().rstrip(b"\0 ").startswith(b"rasa-demo")
    assert os.stat(child.socket).st_mode & 0o077 == 0
    check_limits(child.process.pid)


def test_conversations_survive_a_restart_under_another_app(tiny_model: Path, hub: FakeHub) -> None:
    first = Child(tiny_model, hub)
    first.say("hi", "a/b c")
    first.say("opening hours", "a/b c")
    first.stop()
    count = len(hub.conversations["a/b c"])
    second = Child(tiny_model, hub, app_id="other")
    try:
        assert second.say("delivery time", "a/b c")[0] == 200
        events = hub.conversations["a/b c"]
        assert [event["text"] for event in events if event["event"] == "user"] == ["hi", "opening hours", "delivery time"]
        assert {event["metadata"]["assistant_id"] for event in events[count:]} == {"other"}
        assert second.call("GET", "/conversations/a%2Fb%20c/tracker")[0] == 200
        posts = [call for call in hub.calls if call[0] in ("POST", "PUT")]
        assert [method for method, _ in posts] == ["POST"] * 3
        _store_errors_fail_the_turn(second, hub)
    finally:
        second.stop()


def _store_errors_fail_the_turn(child: Child, hub: FakeHub) -> None:
    for method, code in (("GET", 500), ("POST", 500), ("POST", 409), ("GET", 401)):
        before = json.dumps(hub.conversations)
        hub.fail[method] = code
        status, answer = child.say("hi", "a/b c")
        hub.fail.clear()
        assert status == 500 and answer["error"]["code"] == ("store_conflict" if code == 409 else "store_unavailable")
        assert json.dumps(hub.conversations) == before
    assert child.say("hi", "a/b c")[0] == 200


def test_a_bad_model_ends_the_child(tmp_path: Path, hub: FakeHub) -> None:
    for content in (b"not a model", None):
        path = tmp_path / "bad.tar.gz"
        path.unlink(missing_ok=True) if content is None else path.write_bytes(content)
        child = Child(path, hub, wait=False)
        assert child.process.wait(60) == 1
        lines = child.log.read_text().strip().splitlines()
        assert len(lines) == 1 and "can't be loaded" in lines[0]


def test_the_child_dies_with_its_parent(tiny_model: Path, hub: FakeHub, tmp_path: Path) -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from helpers import *; import types\n"
        "hub = types.SimpleNamespace(socket=sys.argv[3]); child = Child(Path(sys.argv[2]), hub); print(child.process.pid, flush=True); time.sleep(99)"
    )
    arguments = [sys.executable, "-c", script, str(Path(__file__).parent), str(tiny_model), hub.socket]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=child_env())
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    until = time.time() + 5
    while time.time() < until and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_orphan_and_a_bad_spec_do_not_start(tmp_path: Path) -> None:
    orphan = launch("run", {"appId": "x", "parentPid": 1}, tmp_path)
    assert orphan.wait(20) == 3
    broken = launch("run", {"appId": "x"}, tmp_path)
    assert broken.wait(20) == 2


def test_inherited_descriptors_are_closed(tiny_model: Path, hub: FakeHub) -> None:
    reader, writer = os.pipe()
    child = Child(tiny_model, hub, pass_fds=(writer,))
    os.close(writer)
    try:
        os.set_blocking(reader, False)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)
        child.stop()


def test_a_turn_tells_its_actions_and_the_slots_it_changed() -> None:
    from rasa.shared.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
    from rasa.shared.core.trackers import DialogueStateTracker
    from switchboard_rasa.turn import _happened

    before = [ActionExecuted("action_session_start"), ActionExecuted("action_listen"), UserUttered("hi"), ActionExecuted("utter_hi"), SlotSet("old", 1)]
    now = [UserUttered("to Berlin"), SlotSet("city", "B"), SlotSet("city", "Berlin"), ActionExecuted("form"), BotUttered("ok"), ActionExecuted("utter_ok"), ActionExecuted("action_listen")]
    tracker = DialogueStateTracker.from_events("u", before + now)
    assert _happened(tracker) == {"actions": ["form", "utter_ok"], "slots": {"city": "Berlin"}}


def test_a_conversation_that_comes_with_the_turn_is_not_asked_for(child: Child, shared_hub: FakeHub) -> None:
    def reads() -> int:
        return sum(1 for method, path in shared_hub.calls if method == "GET" and "brought" in path)

    assert child.say("hi", "brought", tracker=None)[0] == 200
    events = shared_hub.conversations["brought"]
    assert child.say("delivery time", "brought", tracker={"offset": 0, "events": list(events)})[0] == 200
    assert reads() == 0
    assert [event["text"] for event in shared_hub.conversations["brought"] if event["event"] == "user"] == ["hi", "delivery time"]
    # What has moved on meanwhile is not overwritten.
    status, answer = child.say("hi", "brought", tracker=None)
    assert status == 500 and answer["error"]["code"] == "store_conflict"
    assert child.say("opening hours", "brought")[0] == 200 and reads() == 1


def test_a_conversation_that_came_with_a_turn_is_forgotten_with_it() -> None:
    import asyncio

    from switchboard_rasa import store

    async def later(told: list, gate: asyncio.Event) -> None:
        await gate.wait()
        told.append(store._brought.get())

    async def turn() -> list:
        told: list = []
        gate = asyncio.Event()
        with store.brought("u", {"tracker": {"offset": 0, "events": []}}):
            outliving = asyncio.create_task(later(told, gate))
            await asyncio.sleep(0)
        gate.set()
        await outliving
        return told

    assert asyncio.new_event_loop().run_until_complete(turn()) == [{}]
