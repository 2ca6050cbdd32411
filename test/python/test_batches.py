"""A network's batches: those of Keras, and no tuner beside them."""
import subprocess
import sys

import pytest

_FEED = """
import sys
import numpy as np
import tensorflow as tf
from keras.engine.data_adapter import DataHandler
if "untuned" in sys.argv:
    from switchboard_rasa import batches
    batches.install()
    batches.install()

class Batches(tf.keras.utils.Sequence):
    def __len__(self):
        return 3
    def __getitem__(self, index):
        return np.full((2, 1), index, dtype="float32"), np.zeros((2, 1))

handler = DataHandler(Batches(), epochs=2, shuffle=False)
fed = [next(batch)[0].numpy().ravel().tolist() for _, batch in handler.enumerate_epochs() for _ in handler.steps()]
print(fed, handler._dataset.options().autotune.enabled, sep="|")
"""


def _fed(*how):
    done = subprocess.run([sys.executable, "-c", _FEED, *how], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().split("|")


@pytest.mark.parametrize("how, tuner", [((), "None"), (("untuned",), "False")])
def test_the_same_batches_with_and_without_the_tuner(how, tuner):
    assert _fed(*how) == [str([[float(i)] * 2 for i in (0, 1, 2, 0, 1, 2)]), tuner]


_TRAINING = """
from types import SimpleNamespace
import rasa.model_training
from keras.engine.data_adapter import GeneratorDataAdapter
from rasa.utils.tensorflow.models import RasaModel
from switchboard_rasa import train

def look(**project):
    print(GeneratorDataAdapter.get_dataset.switchboard_untuned, RasaModel.train_step.switchboard_once)
    return SimpleNamespace(model="model.tar.gz")

rasa.model_training.train = look
train.train({"project": ".", "out": "."}, False, lambda percent, stage: None)
"""


def test_a_training_does_without_the_tuner_and_the_second_trace():
    done = subprocess.run([sys.executable, "-c", _TRAINING], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "True"], done.stderr[-2000:]
