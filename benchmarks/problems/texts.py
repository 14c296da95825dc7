"""Texts: the kinds of questions."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, Arm, Problem, Split


def trec_split(rng: np.random.Generator) -> Split:
    """Shuffle the official training part, whose first 100 questions keep their label."""
    parts = []
    for part in ("train", "test"):
        with gzip.open(DATA / "trec" / f"trec_{part}.tsv.gz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        kinds = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
        parts.append(([row[2] for row in rows], np.array([kinds.index(row[0]) for row in rows], "int32")))
    (texts, y), test = parts
    order = rng.permutation(len(texts))
    return Split([texts[i] for i in order], y[order], *test, 100)


def trec_words(text: str) -> list[str]:
    return text.lower().split()  # words and marks stand apart already


def text_model(targets: Any, outputs: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(targets.inputs.shape[1:], dtype="int32"),
            layers.Embedding(len(targets.vocabulary), 64),
            layers.Conv1D(64, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(outputs, "softmax"),
        ]
    )


TREC = Problem(
    "text",
    trec_split,
    text_model,
    6,
    400,
    64,
    others=(
        Arm("defaults", weight=10.0),
        Arm("dependency", ("dependency",), 3.0),
        Arm("pos, dependency", ("pos", "dependency"), 5.0),
        Arm("ner", ("ner",), 3.0),
        Arm("pos_histogram", ("pos_histogram",), 3.0),
        Arm("text_statistics", ("text_statistics",), 3.0),
        Arm("next_word", ("next_word",), 1.0),
    ),
    options={
        "pipeline": DATA / "spacy" / "en_ewt_sm",
        "cache": Path(tempfile.gettempdir()) / "auxtasks-gain",
        "tokenizer": trec_words,
    },
)
