"""What the parent converts ahead of its children."""
import glob
import importlib
import os
import tempfile
from operator import attrgetter

import pytest

from switchboard_rasa import autograph

pytest.importorskip("tensorflow")


def test_every_function_is_there_and_is_converted_without_a_thread_or_a_file():
    from tensorflow.python.autograph.core import converter
    from tensorflow.python.autograph.impl import api

    def files():
        return set(glob.glob(os.path.join(tempfile.gettempdir(), "__autograph_generated_file*")))

    functions = [attrgetter(name)(importlib.import_module(module)) for module, names in autograph.NAMES.items() for name in names.split()]
    threads, before = len(os.listdir("/proc/self/task")), files()
    assert len(list(autograph.ahead())) == len(functions)
    # What a function that is traced asks for what it calls, in a network and in a layer of one.
    options = converter.ConversionOptions(recursive=True, optional_features=None)
    missing = [function.__qualname__ for function in functions if not api._TRANSPILER._cache.has(function, options)]
    assert missing == []
    assert len(os.listdir("/proc/self/task")) == threads
    assert files() == before


def test_a_rasa_that_has_other_functions_is_left_alone(monkeypatch):
    monkeypatch.setattr(autograph, "NAMES", {"no.such.module": "f", "rasa.utils.tensorflow.layers": "no_such_function"})
    assert len(list(autograph.ahead())) == 2
