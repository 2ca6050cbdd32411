"""Where a bot stops answering and admits that it doesn't know.

The bot's own questions, each judged as if it had not been taught, show how the known scores; two short lists of everyday questions
that ship with the package show how the foreign does. The threshold lies between them. A bot too small to show anything takes DEFAULT.
"""
from __future__ import annotations

import os
from typing import List, Optional

import numpy as np

DEFAULT = 0.46
"""Between what the sets of bench/answers chose for themselves: 0.44 (20 topics), 0.49 (77), 0.45 (66, Chinese); 0.68 for 1,000."""

LOWEST, HIGHEST = 0.25, 0.75
ANSWERED = 0.92
DECLINED = 0.85
_TRUST_KNOWN = 0.45
"""Chosen on four sets of bench/answers: each answers 91 % or more of what it knows and declines 91 % or more of questions from elsewhere."""

FEWEST = 12
"""Held-out questions a bot must offer before its own figures count for anything."""

FULL_TRUST = 60
"""Held-out questions from which on its own figures count alone; between, the default has its share."""


def foreign_questions(texts: List[str]) -> List[str]:
    """The shipped foreign questions in the languages of `texts`: English, Chinese or both."""
    chinese = sum(any("\u4e00" <= char <= "\u9fff" for char in text) for text in texts)
    picked: List[str] = []
    if chinese < len(texts):
        picked += _lines("foreign_en.txt")
    if chinese:
        picked += _lines("foreign_zh.txt")
    return picked


def choose(known: np.ndarray, foreign: np.ndarray) -> float:
    """The threshold for held-out scores of known questions that were answered right, and scores of foreign questions.

    Lies between the value that still answers ANSWERED of the known and the one that declines DECLINED of the foreign, nearer to the
    second: real askers word things more freely than authors do, so held-out questions look better known than asked ones are.
    """
    if len(known) < FEWEST or not len(foreign):
        return DEFAULT
    answered = float(np.quantile(known, 1.0 - ANSWERED))
    declined = float(np.quantile(foreign, DECLINED))
    own = min(answered, _TRUST_KNOWN * answered + (1.0 - _TRUST_KNOWN) * declined)
    trust = min(1.0, len(known) / FULL_TRUST)
    return round(min(HIGHEST, max(LOWEST, trust * own + (1.0 - trust) * DEFAULT)), 4)


def _lines(name: str, folder: Optional[str] = None) -> List[str]:
    path = os.path.join(folder or os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]
