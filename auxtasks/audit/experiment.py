"""What the runs of an audit have in common: the model, the samples and how to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.fingerprint import fingerprint, named
from auxtasks.audit.hidden import without_labels
from auxtasks.audit.model import described_model
from auxtasks.audit.run import Run
from auxtasks.audit.settings import Data, Settings
from auxtasks.audit.splits import Split
from auxtasks.audit.training import train_run
from auxtasks.audit.workers import keras_state
from auxtasks.specs import TargetSpec
from auxtasks.typing import Array

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Experiment:
    """A model, its samples and how it is trained; picklable if `build_model` is.

    Parameters
    ----------
    build_model : function
        Returns a new compiled model.
    specs : mapping of str to TargetSpec
        The specs of all tasks.
    samples : Data
        The samples, transformed copies after the originals.
    n_original : int
        How many are originals.
    test : Data or None
        The test set, if there is one.
    settings : Settings
        How to train.
    """

    build_model: Callable[[], keras.Model]
    specs: Mapping[str, TargetSpec]
    samples: Data
    n_original: int
    test: Data | None
    settings: Settings

    @property
    def main(self) -> Array:
        """The main labels of the original samples."""
        return self.samples.main[: self.n_original]

    @property
    def labelled(self) -> Array:
        """Which original samples have a main label."""
        from auxtasks.keras.labels import present_rows

        found: Array = present_rows(self.main)
        return found

    def parts(self, split: Split) -> tuple[Data, Data]:
        """Return the samples to train and to test on; copies go with their originals."""
        n_copies = len(self.samples.inputs) // self.n_original
        rows = np.concatenate([split.train + copy * self.n_original for copy in range(n_copies)])
        whole = len(rows) == len(self.samples.inputs)
        train = self.samples if whole else self.samples.rows(rows)
        if len(split.hidden):
            # Copies, whose numbers come after those of the originals, have no main label anyway.
            train = replace(train, main=without_labels(train.main, np.isin(rows, split.hidden)))
        return train, self.samples.rows(split.test) if self.test is None else self.test

    def run(self, arm: Arm, split: Split) -> Run:
        """Train and test one model."""
        train, test = self.parts(split)
        run = train_run(self.build_model, self.specs, train, test, self.settings, arm, split.seed, split.fold)
        return replace(run, parts=parts_name(split))

    def made_of(self) -> dict[str, str]:
        """Return fingerprints of all that decides the result of a run besides arm, seed and split."""
        settings = dict(self.settings.__dict__)
        weights = settings.pop("weights")
        test = () if self.test is None else (self.test.inputs, self.test.main)
        targets = {f"the target {task!r}": fingerprint(self.samples.targets[task]) for task in self.specs}
        return {
            "the inputs": fingerprint(self.samples.inputs),
            "the main labels": fingerprint(self.samples.main),
            **targets,
            **{f"the weight of {task!r}": fingerprint(weight) for task, weight in weights.items()},
            "the test part": fingerprint(*test),
            "the model": fingerprint(described_model(self.build_model)),
            "the settings": fingerprint(named(settings)),
            "the settings of Keras": fingerprint(keras_state()),
            "the version": fingerprint(versions()),
        }


def parts_name(split: Split) -> str:
    """Return a fingerprint of the samples on both sides of a split."""
    # Results of audits that hide nothing stay valid.
    return fingerprint(split.train, split.test, *([split.hidden] if len(split.hidden) else []))


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    import keras
    import tensorflow as tf

    from auxtasks._version import __version__

    return {"auxtasks": __version__, "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
