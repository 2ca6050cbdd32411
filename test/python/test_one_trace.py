"""The training step of a network, traced as a whole once."""
import subprocess
import sys

_TRAIN = """
import sys
import tensorflow as tf
from rasa.utils.tensorflow.models import RasaModel
if "once" in sys.argv:
    from switchboard_rasa import one_trace
    one_trace.install()

class Net(RasaModel):
    def __init__(self):
        super().__init__(random_seed=7)
        self.inner = tf.keras.layers.Dense(4, kernel_regularizer="l2")
        self.outer = tf.keras.layers.Dense(2, kernel_regularizer="l2")
        self.losses_traced = 0

    def batch_loss(self, batch):
        self.losses_traced += 1
        return tf.reduce_mean(self.outer(tf.nn.dropout(self.inner(batch), 0.5)) ** 2)

updates = []
class Adam((tf.keras.optimizers.legacy if "legacy" in sys.argv else tf.keras.optimizers).Adam):
    def apply_gradients(self, *args, **kwargs):
        updates.append(1)
        return super().apply_gradients(*args, **kwargs)

net = Net()
batches = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.range(60, dtype=tf.float32), (20, 3)) / 60).batch(5)
net.compile(optimizer=Adam(0.01), run_eagerly="eagerly" in sys.argv)
if "built" in sys.argv:
    net.batch_loss(tf.ones((1, 3)))
fitted = net.fit(batches, epochs=2, verbose=0)
weights = b"".join(variable.numpy().tobytes() for variable in net.trainable_variables).hex()
print(fitted.history["t_loss"], weights, net.losses_traced, len(updates), sep="|")
"""


def _trained(*how):
    done = subprocess.run([sys.executable, "-c", _TRAIN, *how], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    history, weights, losses, updates = done.stdout.split("|")
    return (history, weights), int(losses), int(updates)


def test_the_same_network_with_one_trace_of_gradients_and_updates():
    network, losses, updates = _trained()
    assert (losses, updates) == (2, 2)
    assert _trained("once") == (network, 2, 1)


def test_a_network_whose_weights_are_there_learns_from_the_first_batch_on():
    network, losses, updates = _trained("built")
    assert _trained("once", "built") == (network, losses, updates)


def test_an_earlier_optimiser_trains_as_it_did():
    network, losses, updates = _trained("legacy")
    assert (losses, updates) == (2, 2)
    assert _trained("once", "legacy") == (network, losses, updates)


def test_a_network_that_is_not_traced_learns_from_the_first_batch_on():
    network, losses, updates = _trained("eagerly")
    assert (losses, updates) == (8, 8)
    assert _trained("once", "eagerly") == (network, 8, 8)
