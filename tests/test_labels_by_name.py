"""Classes by name: numbered by their sorted names, the same in every part, wherever main labels are given."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import auxtasks
from auxtasks.audit.audit import WithoutTargets, samples_of
from auxtasks.audit.screen import rank_tasks
from auxtasks.errors import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 16, 1)).astype("float32") * (1 + 4 * (np.arange(60) % 2))[:, None, None]
NAMES = np.array(["walk", "run"])[np.arange(60) % 2]
NUMBERS = 1 - np.arange(60) % 2


@pytest.fixture(scope="module")
def targets() -> auxtasks.AuxTargets:
    """Targets that were made with classes by name."""
    return auxtasks.make_aux_targets(X, "signal", ["std", "mean"], y=NAMES)


def test_names_are_numbered_in_their_order(targets: auxtasks.AuxTargets) -> None:
    plain = auxtasks.make_aux_targets(X, "signal", ["std"])
    assert plain.class_names == {}
    for found in (plain.with_main(NAMES), targets.with_main()):
        np.testing.assert_array_equal(found["main"], NUMBERS)
    some: Any = [None, "run", "walk"]
    assert plain.with_main(some)["main"][:4].tolist() == [-1, 0, 1, -1]


def test_other_samples_have_the_numbers_of_the_training_samples(targets: auxtasks.AuxTargets, tmp_path: Path) -> None:
    targets.save(tmp_path / "targets")
    for known in (targets, auxtasks.load_targets(tmp_path / "targets"), pickle.loads(pickle.dumps(targets))):  # noqa: S301
        assert known.class_names == {"main": ("run", "walk")}
        others = known.transform(X[:3])
        assert others.with_main(["walk", "walk", "walk"])["main"].tolist() == [1, 1, 1]
        with pytest.raises(InvalidInputError, match="holds the class 'swim', and the classes are 'run', 'walk'"):
            others.with_main(["walk", "swim", "walk"])


def test_a_ranking_takes_names(targets: auxtasks.AuxTargets) -> None:
    assert str(rank_tasks(targets, NAMES)) == str(rank_tasks(targets, NUMBERS))


def test_an_audit_numbers_both_parts_by_the_names_of_the_training() -> None:
    samples, tested = samples_of(WithoutTargets(X), NAMES, (X[:2], ["walk", "walk"]), None)
    assert tested is not None
    assert (samples.main.tolist(), tested.main.tolist()) == (NUMBERS.tolist(), [1, 1])
    with pytest.raises(InvalidInputError, match="`test` holds the class 'walk', and the other labels are numbers"):
        samples_of(WithoutTargets(X), NUMBERS, (X[:2], ["walk", "walk"]), None)
