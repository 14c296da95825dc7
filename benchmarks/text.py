"""Text targets beside the bare taggers: time, two processes, the cache, and agreement with gold tags.

    python benchmarks/text.py --pipeline path/to/a/spacy/pipeline

The texts are the questions of TREC, the gold tags those of UD English EWT, both looked for in $AUXTASKS_DATA; NLTK's
models where NLTK looks for them. The ways take turns, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import nltk
import numpy as np
import spacy
from timing import medians

import auxtasks
from auxtasks.extractors.text.taggers.nltk_tagger import PENN

DATA = Path(os.environ.get("AUXTASKS_DATA", Path(__file__).parents[2] / "shared" / "data"))


def questions() -> list[str]:
    with gzip.open(DATA / "trec" / "trec_train.tsv.gz", "rt", encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t")[2] for line in file]


def gold(part: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the sentences of a part of EWT as words with their universal tags."""
    with gzip.open(DATA / "ud_ewt" / f"ewt_{part}.tsv.gz", "rt", encoding="utf-8") as file:
        for sentence in file.read().split("\n\n"):
            rows = [line.split("\t") for line in sentence.splitlines() if line and not line.startswith("# ")]
            if rows:
                yield [(row[0], row[1]) for row in rows]


def report(title: str, taken: dict[str, float], n_words: int, base: str) -> None:
    print(f"\n{title}\n{'':44}{'seconds':>9}{'words/s':>10}{'ratio':>8}")
    for name, seconds in taken.items():
        print(f"{name:44}{seconds:>9.3f}{n_words / seconds:>10.0f}{seconds / taken[base]:>8.3f}")


def over_the_taggers(path: str, texts: list[str], runs: int) -> None:
    """Time the whole call beside the bare tagger with the same components, on a loaded pipeline."""
    nlp = spacy.load(path)
    n_words = sum(len(nlp.make_doc(text)) for text in texts)
    everything = ["pos", "pos_fine", "ner", "dependency", "tree_depth", "head_distance", "chunk"]
    for tasks, components in (
        (["pos"], ["tok2vec", "morphologizer"]),
        (everything, nlp.pipe_names),
    ):

        def bare(components: list[str] = components) -> None:
            with nlp.select_pipes(enable=components):
                for _ in nlp.pipe(texts):
                    pass

        def whole(tasks: list[str] = tasks) -> None:
            auxtasks.make_aux_targets(texts, "text", tasks, tagger_model=nlp)

        taken = medians({"bare nlp.pipe": bare, "make_aux_targets": whole}, runs)
        report(f"spaCy, {', '.join(tasks)}", taken, n_words, "bare nlp.pipe")

    tokens = [[token.text for token in nlp.make_doc(text) if not token.is_space] for text in texts]
    taken = medians(
        {
            "bare pos_tag_sents": lambda: nltk.pos_tag_sents(tokens),
            "make_aux_targets": lambda: auxtasks.make_aux_targets(tokens, "text", "pos", tagger="nltk"),
        },
        runs,
    )
    report("NLTK, pos, tokens given", taken, n_words, "bare pos_tag_sents")


def two_processes(path: str, texts: list[str], runs: int) -> None:
    many = texts * 4
    n_words = sum(len(doc) for doc in spacy.load(path).tokenizer.pipe(many))

    def tag(n_process: int) -> None:
        auxtasks.make_aux_targets(many, "text", ["pos", "ner"], tagger_model=path, n_jobs=n_process)

    taken = medians({"1 process": lambda: tag(1), "2 processes": lambda: tag(2)}, runs)
    report(f"spaCy, pos and ner of {len(many)} texts, loading included", taken, n_words, "1 process")


def with_a_cache(path: str, texts: list[str], runs: int) -> None:
    first, second = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            for seconds in (first, second):
                start = perf_counter()
                auxtasks.make_aux_targets(texts, "text", ["pos", "ner"], tagger_model=path, cache=folder)
                seconds.append(perf_counter() - start)
    print(f"\ncache, pos and ner: first call {median(first):.3f} s, second {median(second):.3f} s, ", end="")
    print(f"{median(first) / median(second):.1f} times as fast")


def agreement(path: str) -> None:
    """Compare the targets, and the bare taggers, with the gold tags of the test part."""
    sentences = list(gold("test"))
    tokens = [[word for word, _ in sentence] for sentence in sentences]
    truth = [tag for sentence in sentences for _, tag in sentence]
    nlp = spacy.load(path)
    docs = nlp.pipe(spacy.tokens.Doc(nlp.vocab, words=words) for words in tokens)
    bare = {
        "spacy": [token.pos_ for doc in docs for token in doc],
        "nltk": [PENN.get(tag, "X") for sentence in nltk.pos_tag_sents(tokens) for _, tag in sentence],
    }
    print(f"\n{'agreement with gold UPOS, %':44}{'bare':>9}{'targets':>9}   of {len(truth)} tokens")
    for backend, found in bare.items():
        options = {"tagger_model": nlp} if backend == "spacy" else {}
        targets = auxtasks.make_aux_targets(tokens, "text", "pos", tagger=backend, scale=False, **options)
        codes = targets["pos"][np.arange(targets["pos"].shape[1]) < np.array([[len(words)] for words in tokens])]
        named = [targets.specs["pos"].classes[code] if code >= 0 else "" for code in codes]
        shares = [100 * np.mean([a == b for a, b in zip(tags, truth, strict=True)]) for tags in (found, named)]
        print(f"{backend:44}{shares[0]:>9.2f}{shares[1]:>9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", default=str(DATA / "spacy" / "en_ewt_sm"))
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    texts = questions()
    agreement(given.pipeline)
    over_the_taggers(given.pipeline, texts, given.runs)
    two_processes(given.pipeline, texts, max(1, given.runs // 2))
    with_a_cache(given.pipeline, texts, given.runs)


if __name__ == "__main__":
    main()
