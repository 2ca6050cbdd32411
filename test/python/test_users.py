"""A user for each child: where there can be none it says so, and where program and Rasa lie in a closed folder a child sees them all the same."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from helpers import child_env, launch

from switchboard_rasa import users, view

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users' rights to give")


@pytest.mark.parametrize("words", [("5", "2000"), ("2000", "1000"), ("a", "b"), ("1000",)])
def test_ids_of_people_and_of_nobody_are_no_range(words: Any) -> None:
    with pytest.raises(ValueError):
        users.uids_of(words)


def test_no_range_is_no_user_of_its_own() -> None:
    assert users.uids_of([]) is None and users.uids_of(["1000", "2000"]) == users.Uids(1000, 2000)


def test_a_range_with_fewer_ids_than_processes_is_refused() -> None:
    with pytest.raises(users.Impossible, match="fewer ids|root"):
        users.prepare(users.Uids(2_100_000_000, 2_100_000_010))


def _launched(tmp_path: Path, uids: Dict[str, Any]) -> "subprocess.CompletedProcess[bytes]":
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    process = launch("run", {"appId": "x", "parentPid": os.getpid(), "model": "none", "uids": uids}, home)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_a_child_that_must_have_a_user_of_its_own_does_not_start_without(tmp_path: Path) -> None:
    done = _launched(tmp_path, {"first": 2_100_000_000, "last": 2_100_000_010, "must": True})
    assert done.returncode == 3 and (b"fewer ids" in done.stderr or b"root" in done.stderr)


def test_a_child_that_only_may_says_that_it_has_none_and_goes_on(tmp_path: Path) -> None:
    done = _launched(tmp_path, {"first": 2_100_000_000, "last": 2_100_000_010, "must": False})
    assert done.returncode == 1 and b"runs as the hub's user" in done.stderr and b"can't be loaded" in done.stderr


_READER = """
import os, sys
sys.path.insert(0, {package!r})
from switchboard_rasa import view
if {shown}:
    view.show([{wanted!r}])
    assert os.path.exists({top!r})
if os.fork() == 0:
    os.setgroups([]); os.setresgid({uid}, {uid}, {uid}); os.setresuid({uid}, {uid}, {uid})
    for path in ({wanted!r} + "/deep/file", {secret!r}):
        try:
            print(open(path).read())
        except OSError as error:
            print(type(error).__name__)
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""


@root
@pytest.mark.parametrize("shown", [True, False])
def test_of_a_closed_folder_others_see_what_is_shown_and_nothing_else(tmp_path: Path, shown: bool) -> None:
    os.chmod(tmp_path, 0o711)
    top = tmp_path / "closed"
    (top / "a" / "wanted" / "deep").mkdir(parents=True)
    (top / "a" / "wanted" / "deep" / "file").write_text("for all")
    (top / "secret").write_text("for none")
    for folder in (top, top / "a"):
        folder.chmod(0o700)
    package = str(Path(view.__file__).parents[1])
    facts = {"package": package, "wanted": str(top / "a" / "wanted"), "top": str(top), "secret": str(top / "secret"), "uid": 2_100_000_000 + os.getpid(), "shown": shown}
    # Above it too there may be folders that only root enters: pytest's own, of the user who runs it.
    for folder in tmp_path.parents:
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o001)
    done = subprocess.run([sys.executable, "-c", _READER.format(**facts)], stdout=subprocess.PIPE, check=True, timeout=60, env=child_env())
    assert done.stdout.decode().split() == (["for", "all", "FileNotFoundError"] if shown else ["PermissionError", "PermissionError"])
    assert sorted(path.name for path in top.iterdir()) == ["a", "secret"], "outside nothing has changed"


_KEEPER = """
import ctypes, os, sys
sys.path.insert(0, {package!r})
from switchboard_rasa import users
# Whoever changes its user keeps its rights now, as some systems have it.
assert ctypes.CDLL(None).prctl(28, 1 << 2, 0, 0, 0) == 0
try:
    users.prepare(users.Uids(2_100_000_000, 2_200_000_000))
    print("prepared")
except users.Impossible as error:
    print(error)
"""


@root
def test_where_a_child_would_keep_the_rights_of_root_there_is_none() -> None:
    package = str(Path(users.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", _KEEPER.format(package=package)], stdout=subprocess.PIPE, check=True, timeout=60, env=child_env())
    assert "leaves a child the rights of the hub" in done.stdout.decode()


_HEIR = """
import os, signal, sys
sys.path.insert(0, {package!r})
from switchboard_rasa import users
first = 2_100_000_000
go_read, go_write = os.pipe()
heir = os.fork()
if heir == 0:
    os.read(go_read, 1)
    users._become(users.Uids(first, first + 2**22))
    os._exit(0)
uid = first + heir
left = os.fork()
if left == 0:
    os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(go_write, b".")
    signal.alarm(20)
    signal.pause()
    os._exit(0)
_, how = os.waitpid(heir, 0)
assert how == 0, how
_, how = os.waitpid(left, 0)
print(signal.Signals(os.WTERMSIG(how)).name)
"""


@root
def test_whoever_still_lives_under_the_id_of_a_new_child_is_ended_first() -> None:
    package = str(Path(users.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", _HEIR.format(package=package)], stdout=subprocess.PIPE, check=True, timeout=60, env=child_env())
    assert done.stdout.decode().strip() == "SIGKILL"
