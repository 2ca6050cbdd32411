"""What a forking host imports before its first fork, so that its children find it in memory and share the pages."""
from __future__ import annotations

import gc
import importlib
import logging
import warnings
from typing import Any, Dict, Tuple

_LIGHT: Tuple[str, ...] = (
    "rasa.core.agent", "rasa.core.run", "rasa.server", "rasa.core.channels.channel", "rasa.core.policies.ensemble",
    "rasa.core.policies.rule_policy", "rasa.core.policies.memoization", "rasa.engine.recipes.default_components",
    "rasa.engine.runner.dask", "rasa.engine.storage.local_model_storage", "rasa.model_training", "rasa.validator",
    "rasa.shared.importers.rasa", "rasa.utils.endpoints", "rasa.nlu.tokenizers.whitespace_tokenizer",
    "switchboard_rasa.serve", "switchboard_rasa.train", "switchboard_rasa.validate", "switchboard_rasa.actions",
    "switchboard_rasa.channel", "switchboard_rasa.components", "switchboard_rasa.endpoint", "switchboard_rasa.evaluate", "switchboard_rasa.fallback", "switchboard_rasa.findings", "switchboard_rasa.guard", "switchboard_rasa.importer", "switchboard_rasa.languages",
    "switchboard_rasa.places", "switchboard_rasa.progress", "switchboard_rasa.runner", "switchboard_rasa.speed", "switchboard_rasa.store", "switchboard_rasa.turn", "switchboard_rasa.words",
    "setproctitle", "pykwalify.core", "sanic.server", "aiohttp", "uvloop", "ruamel.yaml", "charset_normalizer", "yarl", "email.utils",
)
_FULL: Tuple[str, ...] = (
    "tensorflow", "rasa.utils.tensorflow.models", "rasa.nlu.classifiers.diet_classifier", "rasa.nlu.selectors.response_selector",
    "rasa.core.policies.ted_policy", "rasa.core.policies.unexpected_intent_policy", "rasa.core.featurizers.single_state_featurizer",
    "rasa.utils.tensorflow.data_generator", "rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer", "sklearn.linear_model",
    "switchboard_rasa.light_load", "switchboard_rasa.inference",
)
"""None of these touches TensorFlow's runtime: its threads start with the first tensor, and that is the child's."""


class Unsupported(Exception):
    """This Python can't serve as a host; the message says why."""


def load(kind: str) -> Dict[str, Any]:
    """Imports everything for `kind` (`light`: without TensorFlow; `full`) and answers what was found. Raises Unsupported."""
    if kind == "light":
        from switchboard_rasa import lazy

        lazy.install()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = _rasa_version()
        for name in _LIGHT + (_FULL if kind == "full" else ()):
            _import(name)
        found = {"rasa": version, "encoder": _encoder()}
    gc.collect()
    gc.freeze()
    return found


def chinese() -> None:
    """Loads jieba's dictionary, once: half a second and 80 MB that each Chinese bot with a tokenizer would take for itself."""
    try:
        import jieba
    except ImportError:
        return
    if not jieba.dt.initialized:
        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()
        gc.collect()
        gc.freeze()


def _rasa_version() -> str:
    try:
        import rasa
    except ImportError as error:
        raise Unsupported(f"it has no Rasa: {error}") from error
    if not rasa.__version__.startswith("3.6."):
        raise Unsupported(f"it has Rasa {rasa.__version__}, and the preloaded parent is made for 3.6")
    return rasa.__version__


def _import(name: str) -> None:
    """A module that this Python lacks (a trimmed installation) is left to whoever needs it."""
    try:
        importlib.import_module(name)
    except ImportError:
        if name.startswith(("rasa.core", "rasa.server", "switchboard_rasa.")):
            raise


def _encoder() -> Any:
    """`name@version` of the encoder, loaded and warmed with one thread; None where its package is missing."""
    try:
        from switchboard_rasa.encoder import encoder

        shared = encoder()
    except ImportError:
        return None
    shared.encode(["Are you there?"])
    return shared.identity
