"""What the parent converts ahead of its children."""
import glob
import importlib
import os
import subprocess
import sys
import tempfile
from operator import attrgetter

import pytest

from switchboard_rasa import autograph

_TRACE = """
import sys
from switchboard_rasa import autograph
if sys.argv[1] == "ahead":
    list(autograph.ahead())
import tensorflow as tf
from rasa.utils.tensorflow.layers import Ffnn
from tensorflow.python.autograph.impl import api
converted = []
transform = api._TRANSPILER.transform_ast
def note(node, ctx):
    converted.append(ctx.info.name)
    return transform(node, ctx)
api._TRANSPILER.transform_ast = note
layer = Ffnn([4, 4], 0.0, 0.0, 1.0, "test")
tf.function(lambda x: layer(x))(tf.ones((2, 3)))
print(converted.count("tf__call"))
"""


@pytest.mark.parametrize(("how", "anew"), [("ahead", "0"), ("not", "2")])
def test_a_network_that_is_traced_finds_them_converted(how, anew):
    done = subprocess.run([sys.executable, "-c", _TRACE, how], capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[-1:] == [anew], done.stderr[-2000:]


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
