"""The demo itself on few seeds and epochs, and its quiet start."""

import os
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from auxtasks import demo
from auxtasks.demo import EPOCHS, make_cnn, run_demo
from auxtasks.errors import InvalidInputError, MissingDependencyError


@pytest.mark.graph
def test_demo_reports_and_draws(tmp_path: Path) -> None:
    printed = StringIO()
    path = tmp_path / "figure.png"
    found = run_demo(Console(file=printed, width=100), path, n_seeds=2, n_labelled=50, epochs=3)
    # Guessing is right in 10 % of the cases; a step of training that did nothing would show.
    assert min(found.baseline.min(), found.auxiliary.min()) > 0.5
    assert path.exists()
    for expected in (
        "50 labelled, 1,000 unlabelled and 747 test images",
        "Mean difference ",
        "oft labels ",
        "teacher alone",
        str(path),
    ):
        assert expected in printed.getvalue()


def test_both_arms_start_from_the_same_weights() -> None:
    first, second, other = (make_cnn(seed, 1).get_weights() for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("n_seeds", "epochs", "message"),
    [
        (1, EPOCHS, "`n_seeds` must be at least 2"),
        (2, 0, "`epochs` must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, n_seeds: int, epochs: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run_demo(Console(file=StringIO()), tmp_path / "figure.png", n_seeds=n_seeds, epochs=epochs)


def test_standard_error_works_again_after_a_failed_import(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, extra: str) -> None:
        os.write(2, b"noise")
        raise MissingDependencyError(f"`{name}` is needed: auxtasks[{extra}]")

    monkeypatch.setattr(demo, "require", fail)
    with pytest.raises(MissingDependencyError, match="tensorflow"):
        demo.load_tensorflow()
    os.write(2, b"signal")
    assert capfd.readouterr().err == "signal"
