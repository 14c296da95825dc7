"""Texts: the kinds of questions, of requests and of news, opinions, irony and spam."""

from __future__ import annotations

import gzip
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from problems.problem import DATA, MOST_SAMPLES, TUNING_DATA, Problem, Split, draw_few

Rows = list[tuple[str, str]]
"""The name of the kind and the text of each sample."""
NEWS_WORDS = 200


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


def tuning_split(name: str, per_class: int | None, rng: np.random.Generator) -> Split:
    """Take the official parts, or draw a third for the test; without a number by class, the first 100 are the few."""
    if (TUNING_DATA / "texts" / f"{name}.train.tsv.gz").exists():
        train, test = (tuning_rows(f"{name}.{part}") for part in ("train", "test"))
    else:
        rows = tuning_rows(name)
        shuffled = rng.permutation(len(rows))
        test, train = ([rows[i] for i in part] for part in np.split(shuffled, [len(rows) // 3]))
    kinds = sorted({kind for kind, _ in train})
    test = [row for row in test if row[0] in kinds]
    y, y_test = (np.array([kinds.index(kind) for kind, _ in part], "int32") for part in (train, test))
    order, few = draw_few(y, per_class, rng) if per_class else (rng.permutation(len(y))[:MOST_SAMPLES], 100)
    return Split([train[i][1] for i in order], y[order], [text for _, text in test], y_test, few)


def tuning_rows(name: str) -> Rows:
    """Read a file, without empty texts; news are cut to their first words, and repeats of news and spam dropped."""
    with gzip.open(TUNING_DATA / "texts" / f"{name}.tsv.gz", "rt", encoding="utf-8") as file:
        rows: Rows = [(kind, text) for kind, text in (line.rstrip("\n").split("\t") for line in file) if text.strip()]
    if name == "bbc_news":
        rows = [(kind, " ".join(text.split()[:NEWS_WORDS])) for kind, text in rows]
    return list(dict.fromkeys(rows)) if name in ("bbc_news", "sms_spam") else rows


def words_and_marks(text: str) -> list[str]:
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


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


TAGGED = {"tagger_model": DATA / "spacy" / "en_ewt_sm", "cache": Path(tempfile.gettempdir()) / "auxtasks-gain"}
TREC = Problem("text", trec_split, text_model, 6, 400, 64, options={**TAGGED, "tokenizer": trec_words})
TUNING_KINDS = {
    "atis": (21, None),
    "banking77": (77, 5),
    "bbc_news": (5, 20),
    "custrev": (2, 50),
    "rt-polarity": (2, 50),
    "sms_spam": (2, 50),
    "tweet_irony": (2, 50),
}
TUNING_TEXTS = {
    name: Problem(
        "text",
        partial(tuning_split, name, per_class),
        text_model,
        kinds,
        400,
        64,
        options={
            **TAGGED,
            "tokenizer": words_and_marks,
            "max_tokens": 20_000,
            "max_length": NEWS_WORDS if name == "bbc_news" else 60,
        },
    )
    for name, (kinds, per_class) in TUNING_KINDS.items()
}
