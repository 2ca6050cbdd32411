"""Modules that are imported only when something in them is used.

Rasa imports TensorFlow, scikit-learn and two dozen chat services before it looks at a model. A bot of the semantic pipeline needs none
of them, and they take most of its start. `install` puts a stand-in where such a module would be; whatever is called, read or subclassed
in it imports the real one, so nothing is missing, only later.
"""
from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

HEAVY: Tuple[str, ...] = (
    "rasa.utils.train_utils", "rasa.utils.plotting", "rasa.core.test", "rasa.nlu.test",
    "rasa.utils.tensorflow.model_data", "rasa.utils.tensorflow.model_data_utils",
    "rasa.nlu.classifiers.diet_classifier", "rasa.nlu.classifiers.logistic_regression_classifier",
    "rasa.nlu.classifiers.sklearn_intent_classifier", "rasa.nlu.classifiers.mitie_intent_classifier",
    "rasa.nlu.selectors.response_selector", "rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer",
    "rasa.nlu.featurizers.dense_featurizer.convert_featurizer", "rasa.nlu.featurizers.dense_featurizer.lm_featurizer",
    "rasa.nlu.extractors.crf_entity_extractor", "rasa.core.policies.ted_policy", "rasa.core.policies.unexpected_intent_policy",
    "rasa.core.training.interactive", "rasa.core.channels.console", "boto3", "botocore", "pymongo", "aio_pika", "sanic_jwt",
    "questionary", "prompt_toolkit", "matplotlib", "sklearn", "randomname", "networkx",
)
LIGHT_PACKAGES: Dict[str, str] = {"rasa.core.channels": "channel"}
"""Packages whose `__init__` is heavy but whose submodules are wanted, and the submodule that most of their names come from."""

LIGHT_COMPONENTS: Tuple[str, ...] = (
    "switchboard_rasa.components.", "rasa.graph_components.", "rasa.core.policies.rule_policy.", "rasa.core.policies.memoization.",
    "rasa.core.policies.ensemble.", "rasa.nlu.classifiers.regex_message_handler.", "rasa.nlu.classifiers.fallback_classifier.",
    "rasa.nlu.classifiers.keyword_intent_classifier.", "rasa.nlu.tokenizers.whitespace_tokenizer.",
    "rasa.nlu.tokenizers.jieba_tokenizer.", "rasa.nlu.extractors.regex_entity_extractor.", "rasa.nlu.extractors.entity_synonyms.",
)
"""Graph components, by the start of their path, that work without any of HEAVY."""


def is_light(components: Iterable[str]) -> bool:
    """Whether a model of these components (full class paths) may start with `install`."""
    return all(path.startswith(LIGHT_COMPONENTS) for path in components)


def install() -> None:
    """From now on the modules of HEAVY and LIGHT_PACKAGES load late. Modules that are already loaded stay."""
    if not installed():
        sys.meta_path.insert(0, _Finder())


def installed() -> bool:
    """Whether `install` was called in this process, or in the one that it was forked from."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


class Deferred:
    """A name of a module that isn't loaded yet. Using it in any way but as a type annotation loads the module."""

    def __init__(self, module: str, name: str) -> None:
        self._deferred = (module, name)
        self.__name__ = name  # Rasa's validators compare component names; that's no reason to load one

    def _resolve(self) -> Any:
        module, name = self._deferred
        return getattr(_load(sys.modules[module]), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._resolve()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolve(), name)

    def __getitem__(self, key: Any) -> Any:
        return self._resolve()[key]

    def __iter__(self) -> Any:
        return iter(self._resolve())

    def __mro_entries__(self, bases: Tuple[Any, ...]) -> Tuple[Any, ...]:
        return (self._resolve(),)

    def __instancecheck__(self, instance: Any) -> bool:
        return self.__subclasscheck__(type(instance))

    def __subclasscheck__(self, subclass: type) -> bool:
        # A class of an unloaded module has no subclasses yet.
        return not _pending(sys.modules[self._deferred[0]]) and issubclass(subclass, self._resolve())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        package = fullname in LIGHT_PACKAGES
        if not package and not _is_heavy(fullname):
            return None
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if parent is not None and not _pending(parent) and fullname not in HEAVY and not package:
            return None  # inside a package that was loaded for real
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _LateLoader(spec.loader, package)
        return spec


class _LateLoader(importlib.abc.Loader):
    def __init__(self, real: Any, package: bool) -> None:
        self._real = real
        self._package = package

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Optional[ModuleType]:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["_switchboard_pending"] = self._real

        def late(name: str) -> Any:
            if name.startswith("__") and name.endswith("__"):
                raise AttributeError(name)
            if self._package:
                return _from_package(module, name)
            return Deferred(module.__name__, name)

        module.__dict__["__getattr__"] = late


def _from_package(package: ModuleType, name: str) -> Any:
    usual = importlib.import_module(f"{package.__name__}.{LIGHT_PACKAGES[package.__name__]}")
    return getattr(usual, name) if hasattr(usual, name) else getattr(_load(package), name)


def _is_heavy(fullname: str) -> bool:
    return fullname in HEAVY or any(fullname.startswith(name + ".") for name in HEAVY)


def _pending(module: ModuleType) -> bool:
    return "_switchboard_pending" in module.__dict__


def _load(module: ModuleType) -> ModuleType:
    """Runs the module's own code, its package's before, unless that has happened."""
    parent = module.__name__.rpartition(".")[0]
    if parent in sys.modules and _pending(sys.modules[parent]) and parent not in LIGHT_PACKAGES:
        _load(sys.modules[parent])
    real = module.__dict__.pop("_switchboard_pending", None)
    if real is not None:
        module.__dict__.pop("__getattr__", None)
        module.__spec__.loader = real
        real.exec_module(module)
    return module
