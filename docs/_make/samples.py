"""Two samples of each domain, generated: what the pictures of the tasks are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from auxtasks.extractors.text.spans import Annotations
from auxtasks.extractors.text.taggers.base import Corpus

TAGGED: tuple[dict[str, list[Any]], ...] = (
    {
        "word": ["Ada", "Lovelace", "wrote", "the", "first", "programme", "in", "London", "."],
        "pos": ["PROPN", "PROPN", "VERB", "DET", "ADJ", "NOUN", "ADP", "PROPN", "PUNCT"],
        "tag": ["NNP", "NNP", "VBD", "DT", "JJ", "NN", "IN", "NNP", "."],
        "dependency": ["nsubj", "flat", "root", "det", "amod", "obj", "case", "obl", "punct"],
        "head": [2, 0, 2, 5, 5, 2, 7, 2, 2],
        "entity": ["PERSON", "PERSON", "", "", "", "", "", "GPE", ""],
        "entity_run": [0, 0, -1, -1, -1, -1, -1, 1, -1],
        "chunk_run": [0, 0, -1, 1, 1, 1, -1, 2, -1],
    },
    {
        "word": ["The", "old", "dog", "saw", "a", "river", "."],
        "pos": ["DET", "ADJ", "NOUN", "VERB", "DET", "NOUN", "PUNCT"],
        "tag": ["DT", "JJ", "NN", "VBD", "DT", "NN", "."],
        "dependency": ["det", "amod", "nsubj", "root", "det", "obj", "punct"],
        "head": [2, 2, 3, 3, 5, 3, 3],
        "entity": ["", "", "", "", "", "", ""],
        "entity_run": [-1] * 7,
        "chunk_run": [0, 0, 0, -1, 1, 1, -1],
    },
)


class ByHand:
    """A tagger that knows the two sentences of `TAGGED`, tagged by hand, and nothing else."""

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the columns asked for."""
        columns, names = {}, {}
        for column in needs:
            values = [value for sentence in TAGGED for value in _column(sentence, column)]
            if column in TAGGED[0] and isinstance(TAGGED[0][column][0], str):
                names[column] = tuple(sorted({value for value in values if value}))
                values = [names[column].index(value) if value else -1 for value in values]
            columns[column] = np.array(values, np.int32)
        return Annotations(corpus.given, columns, names)

    def fingerprint(self, needs: frozenset[str]) -> str:
        """Return a name for what is said, which never changes."""
        return f"by hand: {sorted(needs)}"


def _column(sentence: dict[str, list[Any]], column: str) -> list[Any]:
    if column == "head":
        return [head - place for place, head in enumerate(sentence["head"])]
    if column == "depth":
        return [_depth(sentence["head"], place) for place in range(len(sentence["head"]))]
    return sentence["entity_run" if column == "entity_any_run" else column]


def _depth(heads: list[int], place: int) -> int:
    return 0 if heads[place] == place else 1 + _depth(heads, heads[place])


def signals() -> np.ndarray:
    """Return two signals (2, 128, 2): a slow and a fast movement, each beside a drift with noise."""
    rng, t = np.random.default_rng(3), np.linspace(0, 4, 128)
    slow = np.sin(2 * np.pi * t) + 0.3 * np.sin(10 * np.pi * t)
    fast = 0.6 * np.sin(6 * np.pi * t**1.3) * np.exp(-(((t - 2) / 1.2) ** 2))
    drift = [0.5 * t - 1 + 0.1 * rng.normal(size=128), 0.1 * rng.normal(size=128).cumsum()]
    return np.stack([np.stack([slow, drift[0]], axis=1), np.stack([fast, drift[1]], axis=1)])


def images() -> np.ndarray:
    """Return two colour images (2, 64, 64, 3), values 0 to 1: a house under the sun, and a ball on a striped floor."""
    y, x = np.mgrid[0:64, 0:64]
    house = np.stack([0.55 + 0.005 * y, 0.75 - 0 * y, 0.95 - 0.004 * y], axis=-1)
    house[y > 46] = (0.42, 0.62, 0.34)
    house[(x - 50) ** 2 + (y - 12) ** 2 < 49] = (1.0, 0.85, 0.3)
    house[(y > 30) & (y < 54) & (x > 10) & (x < 38)] = (0.87, 0.79, 0.66)
    house[(y <= 30) & (y > 14) & (abs(x - 24) < 1.05 * (y - 14))] = (0.7, 0.28, 0.2)
    house[(y > 38) & (y < 54) & (x > 20) & (x < 28)] = (0.35, 0.22, 0.15)
    ball = np.repeat((0.86 - 0.2 * ((x // 8) % 2) * (y > 36))[..., None], 3, axis=-1)
    away = np.hypot(x - 30, y - 34)
    inside = away < 17
    shade = np.clip(1.05 - np.hypot(x - 24, y - 27) / 30, 0.25, 1)
    ball[inside] = (shade[..., None] * np.array([0.2, 0.45, 0.85]))[inside]
    return np.clip(np.stack([house, ball]), 0, 1)


def videos() -> np.ndarray:
    """Return two videos (2, 6, 24, 24): a disc that moves fast, and one that moves slowly."""
    y, x = np.mgrid[0:24, 0:24]
    steps = np.arange(6)[:, None, None]
    fast = np.clip(4.5 - np.hypot(x - 4 - 3 * steps, y - 6 - 2 * steps), 0, 1)
    slow = np.clip(5.5 - np.hypot(x - 12 - 0.5 * steps, y - 13 + 0.5 * steps), 0, 1)
    return np.stack([fast, slow])


def arrays() -> np.ndarray:
    """Return two rows of a table (2, 12)."""
    return np.random.default_rng(1).normal(size=(2, 12)).round(2)


def sentences() -> list[list[str]]:
    """Return the words of `TAGGED`."""
    return [sentence["word"] for sentence in TAGGED]


SAMPLES = {"signal": signals, "image": images, "video": videos, "text": sentences, "any": arrays}
