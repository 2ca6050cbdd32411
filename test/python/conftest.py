"""One tiny trained bot, one fake hub and one running child, shared by the tests that only ask."""
from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from helpers import TINY, Child, FakeHub, train, write_project  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds, runs by default")


@pytest.fixture(scope="session", autouse=True)
def encoder_cache() -> None:
    """One unpacked encoder for all processes of the run."""
    from switchboard_rasa import encoder_cache as cache

    root = os.path.join(tempfile.gettempdir(), "switchboard-test-encoder")
    cache.build(root)
    os.environ["SWITCHBOARD_ENCODER_CACHE"] = root


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of TINY, trained once."""
    base = tmp_path_factory.mktemp("tiny")
    lines, code, stderr = train(write_project(base / "project", TINY), base / "out")
    assert code == 0, stderr
    return Path(lines[-1]["done"]["model"])


@pytest.fixture()
def hub() -> Iterator[FakeHub]:
    """A fresh hub for each test."""
    hub = FakeHub(Path(tempfile.mkdtemp(prefix="hb")))
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def shared_hub() -> Iterator[FakeHub]:
    hub = FakeHub(Path(tempfile.mkdtemp(prefix="hb")))
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def child(tiny_model: Path, shared_hub: FakeHub) -> Iterator[Child]:
    """The running TINY bot. A test that breaks it starts its own."""
    child = Child(tiny_model, shared_hub)
    yield child
    child.stop()
