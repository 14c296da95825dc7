"""What is lost of audits, checkpoints and cached tags by killed processes, several writers and flipped bits.

    python benchmarks/damage.py            # a minute or two; prints a line for each kind of damage
    python benchmarks/damage.py --kills 50 --flips 1000

Processes are made by `os.fork`, so that this runs on Unix alone.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from auxtasks.audit import load_report
from auxtasks.audit.comparison import paired_comparison
from auxtasks.audit.experiment import Arm, Run
from auxtasks.audit.records import Records
from auxtasks.audit.report import AuditReport
from auxtasks.audit.verdicts import Finding
from auxtasks.errors import StorageError
from auxtasks.extractors.text.cache import cached
from auxtasks.extractors.text.spans import Annotations, Spans
from auxtasks.extractors.text.taggers.base import Corpus

MADE_OF = {"the inputs": "1", "the model": "2"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=16)
    parser.add_argument("--flips", type=int, default=600)
    asked = parser.parse_args()
    rng = random.Random(0)  # noqa: S311
    for count in (flips_of_results, flips_of_reports, flips_of_tags):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{count.__name__}: {dict(count(Path(folder), asked.flips, rng))}", flush=True)
    for count in (kills_of_checkpoints, kills_of_results, kills_of_tags):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{count.__name__}: {dict(count(Path(folder), asked.kills, rng))}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"runs of three processes with 250 each that are in the file: {several_writers(Path(folder))}")


def run_of(seed: int, fold: int = 0) -> Run:
    return Run(Arm(("fft",)), seed, fold, {"accuracy": 0.8 + seed / 999}, {"fft": 0.5}, 1.5, {"main": [0.7, 1 / 3]})


def report_of() -> AuditReport:
    gain = paired_comparison([0.80, 0.82, 0.81], [0.84, 0.85, 0.86])
    finding = Finding(Arm(("fft",)), "helps", "Better than the baseline.", gain, None, None, 0.02, 0.6, 0.3, 1.07)
    settings = {"metric": "accuracy", "higher_is_better": True, "margin": 0.0, "confidence": 0.95}
    settings |= {"adjust": "holm", "n_pairs": 3}
    return AuditReport(settings, (finding,), tuple(map(run_of, range(6))), {"fft": 0.6})


class Tagger:
    """Says the number of each text."""

    def annotate(self, corpus: Corpus, needs: frozenset[str]) -> Annotations:
        """Return the numbers."""
        spans = Spans.of([[(0, 1)]] * len(corpus.texts))
        return Annotations(spans, {name: np.arange(len(corpus.texts), dtype=np.int32) for name in needs}, {})

    def fingerprint(self, needs: frozenset[str]) -> str:  # noqa: ARG002
        """Return what never changes."""
        return "state"


CORPUS = Corpus(["a"] * 20_000)
FEW = Corpus(["a"] * 20)


def tags_of(folder: Path, corpus: Corpus) -> Annotations:
    return cached(Tagger(), corpus, frozenset({"head"}), folder)


def flipped(path: Path, flips: int, rng: random.Random, look: Callable[[], str]) -> Counter[str]:
    """Flip one bit at a time, and count what is seen."""
    whole, seen = path.read_bytes(), Counter[str]()
    for _ in range(flips):
        at = rng.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        seen[look()] += 1
    return seen


def flips_of_results(folder: Path, flips: int, rng: random.Random) -> Counter[str]:
    path, runs = folder / "runs.jsonl", list(map(run_of, range(6)))
    records = Records(path, MADE_OF)
    for run in runs:
        records.add(run)

    def look() -> str:
        try:
            found = list(Records(path, MADE_OF).values())
        except StorageError:
            return "refused"
        return "the last run trained again" if found == runs[:-1] else "BELIEVED"

    return flipped(path, flips, rng, look)


def flips_of_reports(folder: Path, flips: int, rng: random.Random) -> Counter[str]:
    path = folder / "report.json"
    report_of().to_json(path)

    def look() -> str:
        try:
            load_report(path)
        except StorageError:
            return "refused"
        return "BELIEVED"

    return flipped(path, flips, rng, look)


def flips_of_tags(folder: Path, flips: int, rng: random.Random) -> Counter[str]:
    tags_of(folder, FEW)
    (path,) = folder.iterdir()

    def look() -> str:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tags_of(folder, FEW)
        return "tagged again" if caught else "BELIEVED"

    return flipped(path, flips, rng, look)


def killed(work: Callable[[], None], wait: float) -> None:
    """Let a process work for some time, and kill it."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(1)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def kills_of_checkpoints(folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    import keras

    import auxtasks
    from auxtasks.keras import BaseCheckpoint, attach_heads

    base = keras.Sequential([keras.Input((500,)), keras.layers.Dense(3000, name="wide"), keras.layers.Dense(2)])
    inputs = np.random.default_rng(0).normal(size=(20, 500)).astype("float32")
    model = attach_heads(base, auxtasks.make_aux_targets(inputs, "signal", ["std"]))
    model.compile("sgd", "mse")
    path, seen = folder / "base.keras", Counter[str]()
    save = BaseCheckpoint(path)
    save.set_model(model)
    start = time.perf_counter()
    save.model.save(str(path))
    took = time.perf_counter() - start

    def work() -> None:
        while True:
            save.model.save(str(path))

    for _ in range(kills):
        killed(work, rng.uniform(0, 3 * took))
        left = len(list(folder.iterdir())) > 1
        try:
            keras.models.load_model(path)
            seen["whole" + ", and something left beside it" * left] += 1
        except (OSError, ValueError):
            seen["TORN"] += 1
        save.on_train_begin()
        seen["LEFT"] += len(list(folder.iterdir())) > 1
    return seen


def kills_of_results(folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    path, seen = folder / "runs.jsonl", Counter[str]()
    Records(path, MADE_OF)
    before = 0
    for fold in range(kills):

        def work(fold: int = fold) -> None:
            records, told = Records(path, MADE_OF), folder / "told"
            for seed in range(10**6):
                records.add(run_of(seed, fold))
                told.write_text(str(seed))

        (folder / "told").write_text("-1")
        killed(work, rng.uniform(0, 0.2))
        records = Records(path, MADE_OF)
        told = int((folder / "told").read_text() or 0)
        of_fold = sum(run.fold == fold for run in records.values())
        seen["LOST" if of_fold < told + 1 or len(records) - of_fold < before else "kept"] += 1
        before = len(records)
    return seen


def kills_of_tags(folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    seen, right = Counter[str](), Tagger().annotate(CORPUS, frozenset({"head"}))

    def work() -> None:
        while True:
            for path in folder.glob("*.npz"):
                path.unlink()
            tags_of(folder, CORPUS)

    for _ in range(kills):
        killed(work, rng.uniform(0, 0.3))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = tags_of(folder, CORPUS)
        same = np.array_equal(found.columns["head"], right.columns["head"])
        seen["WRONG" if not same else "DAMAGED" if caught else "whole or absent"] += 1
    seen["files left beside it"] = len(list(folder.iterdir())) - 1
    return seen


def several_writers(folder: Path) -> int:
    path, children = folder / "runs.jsonl", []
    for fold in range(3):
        child = os.fork()
        if not child:
            records = Records(path, MADE_OF)
            for seed in range(250):
                records.add(run_of(seed, fold))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return len(Records(path, MADE_OF))


if __name__ == "__main__":
    main()
