"""A hub of few lines, real children, and projects written by the encoding rule: what the Python tests share."""
from __future__ import annotations

import http.client
import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import unquote

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "engines" / "rasa"
sys.path.insert(0, str(PACKAGE))

from switchboard_rasa import exact  # noqa: E402

SECRET = "5ec4e7"
HUB_SECRET = "4b5ec"
Pairs = Dict[str, Tuple[Any, List[str]]]
"""Label (`faq/hours`) to its response (text, or a dict) and its questions."""

TINY: Pairs = {
    "faq/hours": ("We open at 9.", ["When are you open?", "opening hours", "what time do you close", "are you open on sunday"]),
    "faq/refund": ("30 days.", ["I want a refund", "money back please", "how do I return an item", "can I send it back"]),
    "faq/shipping": ("2 days.", ["how long does shipping take", "when will my parcel arrive", "delivery time", "where is my order"]),
    "faq/pay": ("Card or cash.", ["how can I pay", "do you take credit cards", "payment methods", "can I pay with paypal"]),
    "chitchat/greet": ("Hello!", ["hi", "hello there", "good morning", "hey"]),
}


def child_env(**more: str) -> Dict[str, str]:
    """The few names a child's environment holds."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "SWITCHBOARD_ENCODER_CACHE") if name in os.environ}
    return {**kept, "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


def write_project(folder: Path, pairs: Pairs, pipeline: Optional[str] = None, app_id: str = "demo", options: str = "") -> Path:
    """A FAQ project in `folder`, written as the hub writes it."""
    q = exact.yaml_string
    lines = {"nlu": [exact.GUARD, 'version: "3.1"\nnlu:\n'], "domain": [exact.GUARD, 'version: "3.1"\n']}
    intents = sorted({label.split("/")[0] for label in pairs})
    lines["domain"].append("intents:\n" + "".join(f"- {q(i)}\n" for i in [*intents, "nlu_fallback"]) + "responses:\n")
    for label, (response, questions) in pairs.items():
        response = {"text": response} if isinstance(response, str) else response
        document = exact.escape_json(json.dumps(exact.encode_value(response), ensure_ascii=False))
        lines["domain"].append(f"  {q('utter_' + label)}:\n  - {document}\n")
        lines["nlu"].append(f"- intent: {q(label)}\n  examples:\n")
        lines["nlu"] += [f"  - text: {q(exact.encode_question(text))}\n" for text in questions]
    lines["domain"].append('  utter_fallback:\n  - text: "I don\'t know."\n')
    steps = [(i, f"utter_{i}") for i in intents] + [("nlu_fallback", "utter_fallback")]
    rules = "".join(f"- rule: {q(i)}\n  steps:\n  - intent: {q(i)}\n  - action: {q(a)}\n" for i, a in steps)
    (folder / "data").mkdir(parents=True)
    for name, text in lines.items():
        (folder / ("domain.yml" if name == "domain" else "data/nlu.yml")).write_text("".join(text), encoding="utf-8", newline="")
    (folder / "data/rules.yml").write_text(exact.GUARD + 'version: "3.1"\nrules:\n' + rules, encoding="utf-8")
    pipeline = pipeline or f"- name: switchboard_rasa.components.SemanticSelector\n{options}"
    head = f"recipe: default.v1\nlanguage: en\nassistant_id: {q(app_id)}\nimporters:\n- name: switchboard_rasa.importer.ExactImporter\n"
    (folder / "config.yml").write_text(f"{exact.GUARD}{head}pipeline:\n{pipeline}policies:\n- name: RulePolicy\n", encoding="utf-8")
    return folder


def launch(command: str, spec: Dict[str, Any], cwd: Path, **more: Any) -> subprocess.Popen:
    """`python -m switchboard_rasa.child <command>` with `spec` on its stdin."""
    process = subprocess.Popen(
        [sys.executable, "-m", "switchboard_rasa.child", command], cwd=str(cwd), env=more.pop("env", child_env()),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=more.pop("stderr", subprocess.PIPE), start_new_session=True, **more,
    )
    process.stdin.write((json.dumps(spec) + "\n").encode())
    process.stdin.close()
    process.stdin = None
    return process


def train(project: Path, out: Path, app_id: str = "demo") -> Tuple[List[Dict[str, Any]], int, str]:
    """Trains and answers the JSON lines, the exit code and stderr."""
    cwd = Path(tempfile.mkdtemp(dir=str(out.parent)))
    spec = {"appId": app_id, "parentPid": os.getpid(), "project": str(project), "out": str(out)}
    process = launch("train", spec, cwd)
    stdout, stderr = process.communicate(timeout=300)
    return [json.loads(line) for line in stdout.splitlines()], process.returncode, stderr.decode()


def check_limits(pid: int) -> None:
    """Fails unless the process is bounded as every child of ours is."""
    limits = {" ".join(line.split()[:-3]): line.split()[-3] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert limits["Max core file size"] == "0" and int(limits["Max open files"]) <= 4096
    assert limits["Max file size"] == str(4 * 1024**3)
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"


class FakeHub:
    """The hub's tracker routes over a Unix socket, in memory. `fail` makes each call answer that status."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "hub.sock")
        self.conversations: Dict[str, List[Dict[str, Any]]] = {}
        self.calls: List[Tuple[str, str]] = []
        self.fail: Dict[str, int] = {}
        self._server = _server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: Any) -> Tuple[int, Any]:
        self.calls.append((method, path))
        if method in self.fail:
            return self.fail[method], {}
        path, _, query = path.partition("?")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if len(parts) == 1:
            return 200, list(self.conversations)
        if method == "PUT":
            self.conversations[parts[1]] = body["events"]
            return 204, None
        if method == "POST":
            return self._append(parts[1], body)
        return self._read(parts[1], "all=1" in query)

    def _append(self, sender: str, body: Any) -> Tuple[int, Any]:
        events = self.conversations.setdefault(sender, [])
        if body["from"] != len(events):
            return 409, {}
        events.extend(body["events"])
        return 204, None

    def _read(self, sender: str, everything: bool) -> Tuple[int, Any]:
        if sender not in self.conversations:
            return 404, {}
        events = self.conversations[sender]
        starts = [i for i, event in enumerate(events) if event["event"] == "action" and event["name"] == "action_session_start"]
        offset = 0 if everything or not starts else starts[-1]
        return 200, {"offset": offset, "events": events[offset:]}


def _server(hub: FakeHub) -> socketserver.ThreadingUnixStreamServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers.get("authorization") == f"Bearer {HUB_SECRET}"
            status, result = hub.answer(self.command, self.path, body) if known else (401, {})
            data = b"" if result is None else json.dumps(result).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data if status != 204 else b"")

        do_GET = do_PUT = do_POST = handle_call

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: Any) -> None:
            return None

    server = socketserver.ThreadingUnixStreamServer(hub.socket, Handler)
    server.daemon_threads = True
    return server


class Child:
    """A running bot. `started` is seconds from spawn to its first good answer."""

    def __init__(self, model: Path, hub: FakeHub, app_id: str = "demo", wait: bool = True, **more: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sb"))
        self.socket = str(self.folder / "c.sock")
        self.log = self.folder / "stderr.txt"
        began = time.time()
        spec = {
            "appId": app_id, "parentPid": os.getpid(), "model": str(model), "socket": self.socket, "secret": SECRET,
            "hub": {"socket": hub.socket, "secret": HUB_SECRET}, **more.pop("spec", {}),
        }
        self.process = launch("run", spec, self.folder, stderr=self.log.open("wb"), **more)
        if wait:
            self.ready()
        self.started = time.time() - began

    def ready(self, seconds: float = 90) -> None:
        until = time.time() + seconds
        while time.time() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"child ended with {self.process.returncode}: {self.log.read_text()}")
            try:
                if self.call("GET", "/status")[0] == 200 and self.call("POST", "/model/parse", {"text": "ready?"})[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"child is not ready: {self.log.read_text()}")

    def call(self, method: str, path: str, body: Any = None, secret: Optional[str] = SECRET) -> Tuple[int, Any]:
        """One request; status and decoded JSON (or text)."""
        connection = http.client.HTTPConnection("child", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        headers = {"content-type": "application/json", **({"x-switchboard-secret": secret} if secret else {})}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(data)
        except ValueError:
            return answer.status, data

    def say(self, message: str, sender: str = "u1", **more: Any) -> Tuple[int, Any]:
        """One turn through our channel."""
        return self.call("POST", "/webhooks/switchboard/webhook", {"sender": sender, "message": message, **more})

    def parse(self, text: str) -> Dict[str, Any]:
        return self.call("POST", "/model/parse", {"text": text})[1]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
