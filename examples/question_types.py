"""Kinds of questions, few of them labelled: parts of speech and the fine kind as auxiliary targets.

Without --data the questions are generated and a small dictionary tags them. With it they are those of TREC (Li and Roth
2002): a folder with ``trec_train.tsv.gz`` and ``trec_test.tsv.gz``, lines of coarse kind, fine kind and question; then
--pipeline names a spaCy pipeline that gives parts of speech, such as en_core_web_sm.

python examples/question_types.py --data folder --pipeline en_core_web_sm
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import keras
import nltk
import numpy as np

import auxtasks
from auxtasks.audit import compare
from auxtasks.keras import attach_heads

WORDS = {
    "DT": "the a this",
    "JJ": "old largest first green famous strange",
    "NN": "river bridge king engine planet song city author metal animal",
    "VBD": "built wrote crossed found named painted",
    "VBZ": "is was",
    "IN": "of in near",
    "NNP": "Vienna Gauss Everest Amazon Curie Cairo",
    ".": "?",
}
TAGS = {word: tag for tag, words in WORDS.items() for word in words.split()} | {
    "who": "WP", "what": "WP", "where": "WRB", "when": "WRB", "how": "WRB", "many": "JJ", "did": "VBD", "were": "VBD",
}  # fmt: skip
# Question word, fine kind and the tags of what follows; the kinds of "what" differ only in the pattern.
PATTERNS = [
    ("who", "HUM:individual", "VBD DT JJ NN IN NNP ."),
    ("what", "ENTY:thing", "VBZ DT JJ NN IN DT NN ."),
    ("what", "HUM:name", "NN VBD DT NN IN NNP ."),
    ("what", "LOC:place", "NN VBZ IN NNP ."),
    ("where", "LOC:other", "VBZ DT JJ NN IN NNP ."),
    ("how many", "NUM:count", "NN VBZ IN DT JJ NN ."),
    ("when", "NUM:date", "did NNP VBD DT NN ."),
]
"""Tags stand for one of their words; anything else for itself."""


@dataclass(frozen=True)
class Questions:
    """Questions and their coarse and fine kinds, as numbers and as names."""

    texts: list[str]
    coarse: np.ndarray
    fine: list[str]


def generated(n: int, rng: np.random.Generator) -> Questions:
    """Make up questions by pattern, a tenth of them with the kind of another."""
    drawn = [PATTERNS[place] for place in rng.integers(len(PATTERNS), size=n)]
    texts = [
        " ".join([start, *(rng.choice(WORDS.get(tag, tag).split()) for tag in tags.split())])
        for start, _, tags in drawn
    ]
    fine = np.array([kind for _, kind, _ in drawn])
    wrong = rng.random(n) < 0.1
    fine[wrong] = rng.choice([kind for _, kind, _ in PATTERNS], size=wrong.sum())
    return with_kinds(texts, fine.tolist())


def read(path: Path) -> Questions:
    """Read questions from a file of tab-separated lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return with_kinds([row[2] for row in rows], [row[1] for row in rows])


def with_kinds(texts: list[str], fine: list[str]) -> Questions:
    """Take the first parts of fine kinds as the coarse ones, and number them."""
    kinds = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    return Questions(texts, np.array([kinds.index(kind.partition(":")[0]) for kind in fine]), fine)


def make_model(vocabulary_size: int, length: int) -> keras.Model:
    """Make an ordinary network for texts."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            layers.Embedding(vocabulary_size, 64),
            layers.Conv1D(64, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(6, activation="softmax"),
        ]
    )


@dataclass(frozen=True)
class Arm:
    """What is trained beside the main task."""

    name: str
    parts_of_speech: bool
    fine: bool
    weight: float


ARMS = [
    Arm("main task alone", True, False, 0.0),  # weight 0: the very batches and weights of plain training
    Arm("parts of speech", True, False, 1.0),
    Arm("fine kind, where labelled", False, True, 1.0),
    Arm("both", True, True, 1.0),
]


def accuracy(
    arm: Arm, train: Questions, test: Questions, n_labelled: int, epochs: int, seed: int, tagger: Any
) -> float:
    """Train one arm on shuffled questions, of which the first are labelled, and test it."""
    order = np.random.default_rng(seed).permutation(len(train.texts))
    fine = [train.fine[at] if place < n_labelled else None for place, at in enumerate(order)]
    targets = auxtasks.make_aux_targets(
        [train.texts[at] for at in order],
        domain="text",
        tasks=["pos"] if arm.parts_of_speech else [],
        given={"fine": fine} if arm.fine else None,
        **tagger,
    )
    keras.utils.set_random_seed(seed)
    base = make_model(len(targets.vocabulary), targets.inputs.shape[1])
    model = attach_heads(base, targets, weights=arm.weight)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    labels = targets.with_main(train.coarse[order[:n_labelled]])
    model.fit(targets.inputs, labels, batch_size=64, epochs=epochs, verbose=0, seed=seed)
    inputs = targets.transform(test.texts).inputs
    return float(model.evaluate(inputs, test.coarse, batch_size=500, verbose=0, return_dict=True)["accuracy"])


def main(arguments: list[str] | None = None) -> None:
    """Train every arm on every seed and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with TREC; questions are generated without")
    parser.add_argument("--pipeline", help="spaCy pipeline that tags the questions of --data")
    parser.add_argument("--cache", type=Path, help="folder that keeps what the pipeline says, for the next seed")
    parser.add_argument("--labels", type=int, default=100, help="questions with a label (default: %(default)s)")
    parser.add_argument("--unlabelled", type=int, default=1000, help="generated ones without (%(default)s)")
    parser.add_argument("--seeds", type=int, default=10, help="pairs of runs, at least 2 (%(default)s)")
    parser.add_argument("--epochs", type=int, default=6, help="passes over the unlabelled questions (%(default)s)")
    options = parser.parse_args(arguments)
    if options.data:
        train, test = (read(options.data / f"trec_{part}.tsv.gz") for part in ("train", "test"))
        tagger = {"pipeline": options.pipeline, "cache": options.cache}
    else:
        rng = np.random.default_rng(0)
        train, test = generated(options.labels + options.unlabelled, rng), generated(1000, rng)
        tagger = {"backend": "nltk", "pipeline": nltk.UnigramTagger(model=TAGS)}
    found: dict[str, list[float]] = {arm.name: [] for arm in ARMS}
    for seed, arm in product(range(options.seeds), ARMS):
        found[arm.name].append(accuracy(arm, train, test, options.labels, options.epochs, seed, tagger))
    base = found[ARMS[0].name]
    print(f"{'beside the main task':26} accuracy  gain in points, 95 %    worse in")
    print(f"{ARMS[0].name:26} {np.mean(base):8.1%}")
    for arm in ARMS[1:]:
        gain = compare(base, found[arm.name])
        interval = f"{100 * gain.mean:+.1f}  {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
        worse = f"{(gain.differences < 0).sum()} of {options.seeds} seeds"
        print(f"{arm.name:26} {np.mean(found[arm.name]):8.1%}  {interval:22}  {worse}: {gain.verdict}")


if __name__ == "__main__":
    main()
