"""Kinds of questions, few of them labelled: parts of speech and the fine kind as auxiliary targets.

Without --data the questions are generated, of made-up words that a dictionary tags, and so that parts of speech must
help: the gain says nothing of other data. With it they are those of TREC (Li and Roth 2002): a folder with
``trec_train.tsv.gz`` and ``trec_test.tsv.gz``, lines of coarse kind, fine kind and question; then --pipeline names a
spaCy pipeline that gives parts of speech, such as en_core_web_sm.

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
from auxtasks.audit import paired_comparison
from auxtasks.keras import attach_heads

# The number of made-up words of each tag.
MADE_UP = {"NN": 400, "JJ": 200, "VBD": 200, "NNP": 200}
# Only the order of the tags tells the kind.
PATTERNS = {
    "HUM:name": "NN VBD JJ NN NNP",
    "ENTY:thing": "NN VBD NNP JJ NN",
    "LOC:place": "JJ NN VBD NNP NN",
    "NUM:date": "NNP VBD NN JJ NN",
    "NUM:count": "NN JJ NN VBD NNP",
}


@dataclass(frozen=True)
class Questions:
    """Questions, as texts or as tokens, and their coarse and fine kinds, as numbers and as names."""

    texts: list[Any]
    coarse: np.ndarray
    fine: list[str]


def dictionary(rng: np.random.Generator) -> dict[str, list[str]]:
    """Make up words for each tag, more than a hundred questions can hold."""
    syllables = [first + second for first, second in product("bdfgklmnprst", "aeiou")]
    spelled = iter(dict.fromkeys("".join(rng.choice(syllables, size=3)) for _ in range(4 * sum(MADE_UP.values()))))
    return {tag: [next(spelled) for _ in range(n)] for tag, n in MADE_UP.items()}


def generated(words: dict[str, list[str]], n: int, rng: np.random.Generator) -> Questions:
    """Make up questions by pattern."""
    fine = rng.choice(list(PATTERNS), size=n).tolist()
    return with_kinds([[str(rng.choice(words[tag])) for tag in PATTERNS[kind].split()] for kind in fine], fine)


def read(path: Path) -> Questions:
    """Read questions from a file of tab-separated lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return with_kinds([row[2] for row in rows], [row[1] for row in rows])


def with_kinds(texts: list[Any], fine: list[str]) -> Questions:
    """Take the first parts of fine kinds as the coarse ones, and number them."""
    kinds = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    return Questions(texts, np.array([kinds.index(kind.partition(":")[0]) for kind in fine]), fine)


def words_of(text: str) -> list[str]:
    """Cut a question of TREC, in which words and marks stand apart already."""
    return text.lower().split()


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
    """What is trained beside the main task, by loss weight."""

    name: str
    weights: dict[str, float]


ARMS = [
    Arm("main task alone", {"pos": 0.0}),  # weight 0: the very batches and weights of plain training
    Arm("parts of speech", {"pos": 10.0}),
    Arm("fine kind, where labelled", {"fine": 1.0}),
    Arm("both", {"pos": 10.0, "fine": 1.0}),
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
        tasks=["pos"] if "pos" in arm.weights else [],
        label_columns={"fine": fine} if "fine" in arm.weights else None,
        **tagger,
    )
    keras.utils.set_random_seed(seed)
    base = make_model(len(targets.vocabulary), targets.inputs.shape[1])
    model = attach_heads(base, targets, weights=arm.weights)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    labels = targets.with_main(train.coarse[order[:n_labelled]])
    model.fit(targets.inputs, labels, batch_size=64, epochs=epochs, verbose=0, seed=seed)
    inputs = targets.prepare(test.texts)  # numbers of tokens; nothing is tagged for that
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
    parser.add_argument("--epochs", type=int, default=3, help="passes over the unlabelled questions (%(default)s)")
    options = parser.parse_args(arguments)
    if options.data:
        train, test = (read(options.data / f"trec_{part}.tsv.gz") for part in ("train", "test"))
        tagger = {"tagger_model": options.pipeline, "cache": options.cache, "tokenizer": words_of}
    else:
        rng = np.random.default_rng(0)
        words = dictionary(rng)
        train, test = generated(words, options.labels + options.unlabelled, rng), generated(words, 1000, rng)
        tags = {word: tag for tag, known in words.items() for word in known}
        tagger = {"tagger": "nltk", "tagger_model": nltk.UnigramTagger(model=tags)}
    found: dict[str, list[float]] = {arm.name: [] for arm in ARMS}
    for seed, arm in product(range(options.seeds), ARMS):
        found[arm.name].append(accuracy(arm, train, test, options.labels, options.epochs, seed, tagger))
    base = found[ARMS[0].name]
    print(f"{'beside the main task':26} accuracy  gain in points, 95 %    worse in")
    print(f"{ARMS[0].name:26} {np.mean(base):8.1%}")
    for arm in ARMS[1:]:
        gain = paired_comparison(base, found[arm.name])
        interval = f"{100 * gain.mean:+.1f}  {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
        worse = f"{(gain.differences < 0).sum()} of {options.seeds} seeds"
        print(f"{arm.name:26} {np.mean(found[arm.name]):8.1%}  {interval:22}  {worse}: {gain.verdict}")


if __name__ == "__main__":
    main()
