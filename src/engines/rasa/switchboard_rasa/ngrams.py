"""Character n-grams of a text as a short, signed, hashed vector: spelling beside the encoder's meaning."""
from __future__ import annotations

import re
import unicodedata
import zlib
from typing import Dict, List, Tuple

import numpy as np

WIDTH = 2048
MAX_CHARS = 1000

_BLANKS = re.compile(r"\s+")


def normalize(text: str) -> str:
    """Lower case, compatibility forms folded (`／` is `/`), blanks collapsed, one blank at each end."""
    return " " + _BLANKS.sub(" ", unicodedata.normalize("NFKC", text[:MAX_CHARS])).strip().lower() + " "


def sparse(text: str) -> Tuple[np.ndarray, np.ndarray]:
    """Bucket numbers and values (sublinear counts of 2- to 4-grams, signed, unit length). Hashes are stable across processes."""
    data = normalize(text)
    counts: Dict[int, int] = {}
    for size in (2, 3, 4):
        for start in range(len(data) - size + 1):
            code = zlib.crc32(data[start : start + size].encode("utf-8", "replace"))
            counts[code] = counts.get(code, 0) + 1
    codes = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    values = 1.0 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
    values[(codes >> 31) & 1 == 1] *= -1.0
    norm = float(np.sqrt((values * values).sum())) or 1.0
    return codes % WIDTH, values / norm


def matrix(texts: List[str]) -> np.ndarray:
    """`sparse` of each text as a dense row."""
    rows = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in zip(rows, texts):
        buckets, values = sparse(text)
        np.add.at(row, buckets, values)
    return rows
