"""What the runs of an audit have in common: the model, the samples and how to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auxtasks.audit.arms import Arm
from auxtasks.audit.fingerprint import fingerprint, named
from auxtasks.audit.run import Run
from auxtasks.audit.settings import Data, Settings
from auxtasks.audit.splits import Split
from auxtasks.audit.training import checked_model, train_run
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
        from auxtasks.keras.labels import labelled_rows

        rows = labelled_rows(self.main)
        return np.ones(self.n_original, dtype=bool) if rows is None else np.asarray(rows, dtype=bool)

    def parts(self, split: Split) -> tuple[Data, Data]:
        """Return the samples to train and to test on; copies go with their originals."""
        n_copies = len(self.samples.inputs) // self.n_original
        rows = np.concatenate([split.train + copy * self.n_original for copy in range(n_copies)])
        whole = len(rows) == len(self.samples.inputs)
        train = self.samples if whole else self.samples.rows(rows)
        return train, self.samples.rows(split.test) if self.test is None else self.test

    def run(self, arm: Arm, split: Split) -> Run:
        """Train and test one model."""
        train, test = self.parts(split)
        return train_run(self.build_model, self.specs, train, test, self.settings, arm, split.seed, split.fold)

    def made_of(self, cv: Any, groups: Array | None) -> dict[str, str]:
        """Return fingerprints of all that decides the result of a run besides arm, seed and fold."""
        from auxtasks.keras.seeds import set_seed

        set_seed(0)
        model = checked_model(self.build_model())
        parts = [named(layer) for layer in model._flatten_layers(include_self=False)]
        weights = [np.asarray(weight) for weight in model.get_weights()]
        test = () if self.test is None else (self.test.inputs, self.test.main)
        return {
            "the inputs": fingerprint(self.samples.inputs),
            "the main labels": fingerprint(self.samples.main),
            "the targets": fingerprint({task: self.samples.targets[task] for task in self.specs}),
            "the test part": fingerprint(*test, named(cv), groups),
            "the model": fingerprint(parts, weights, named(model.optimizer), named(model.loss)),
            "the settings": fingerprint(named(self.settings.__dict__)),
            "the version": fingerprint(versions()),
        }


def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    import keras
    import tensorflow as tf

    from auxtasks._version import __version__

    return {"auxtasks": __version__, "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
