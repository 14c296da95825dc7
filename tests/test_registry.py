"""Tasks are declared once, and third parties announce theirs by entry points."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import auxtasks
from auxtasks import registry
from auxtasks.errors import InvalidInputError, UnknownNameError
from auxtasks.registry import find_task
from auxtasks.typing import Array

EXTRACTOR = """
import auxtasks

@auxtasks.register_task("peak", domain="signal", kind="vector", axes=["channel"], source="max |x|")
def peak(X):
    return abs(X).max(axis=1)
"""


def install(folder: Path, name: str, source: str) -> None:
    """Lay out a distribution as pip would: a module, and metadata with an entry point."""
    (folder / f"{name}.py").write_text(source)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[auxtasks.extractors]\n{name} = {name}\n")


def run(code: str, folder: Path) -> str:
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout


def test_an_installed_package_adds_its_extractors(tmp_path: Path) -> None:
    install(tmp_path, "peaks", EXTRACTOR)
    code = "import auxtasks; print(auxtasks.make_aux_targets([[1.0, -3.0]], 'signal', 'peak', scale=False)['peak'])"
    assert run(code, tmp_path) == "[[3.]]\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
        (EXTRACTOR.replace('"signal"', '"smell"'), "there is no domain named 'smell'"),
    ],
)
def test_a_broken_package_is_left_out_with_a_warning(tmp_path: Path, source: str, reason: str) -> None:
    install(tmp_path, "broken", source)
    code = f"""
import warnings, auxtasks
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    names = [task.name for task in auxtasks.list_tasks("signal")]
print("std" in names, [w.category.__name__ for w in caught], {reason!r} in str(caught[0].message))
"""
    assert run(code, tmp_path) == "True ['AuxTasksWarning'] True\n"


def test_what_is_declared_reaches_the_spec_and_survives_pickling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))
    # As a user's extractor may be: with a lambda, which cannot be pickled.
    declared = {"spatial": "grid", "per_sample": "std", "lookahead": "next", "level": "low", "weight_scale": 0.5}
    register = auxtasks.register_task(
        "test_declared", domain="signal", kind="class", source="-", classes=lambda _: ("low", "high"), **declared
    )
    register(sign_of_the_first)
    X = np.array([[1.0, 2.0], [-1.0, 0.0]])
    generator = auxtasks.AuxTargetGenerator("signal", "test_declared").fit(X)
    assert declared.items() <= generator.specs_["test_declared"].to_dict().items()
    assert pickle.loads(pickle.dumps(generator)).transform(X)["test_declared"].tolist() == [1, 0]  # noqa: S301


def sign_of_the_first(X: Array) -> Array:
    return (X[:, 0, 0] > 0).astype(np.int32)


def test_a_name_is_taken_once_in_a_domain() -> None:
    with pytest.raises(InvalidInputError, match=r"`name`: 'std' is already a task of domain 'signal', from auxtasks"):
        auxtasks.register_task("std", domain="signal", kind="vector", source="-")(lambda X: X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"domain": "signals", "kind": "vector"},
            "`domain`: there is no domain named 'signals'. Did you mean",
        ),
        ({"domain": "signal", "kind": "vectors"}, "`kind`: there is no kind of target named 'vectors'. Did you mean"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        auxtasks.register_task("new", source="-", **arguments)  # type: ignore[arg-type]


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"`tasks`: .* 'abs_sum_change'. Did you mean 'abs_sum_changes'"):
        find_task("abs_sum_change", "signal")


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        (
            "signal",
            "std abs_sum_changes fft spectrum spectral_entropy permutation_entropy mean rms quantiles zero_crossings "
            "slope autocorrelation channel_correlation next_steps transform",
        ),
        ("image", "hog edges local_binary_patterns colour_histogram corners thumbnail rotation"),
        ("video", "next_frame motion_energy"),
        (
            "text",
            "pos pos_fine pos_histogram ner entity_presence chunk dependency tree_depth head_distance next_word "
            "previous_word reconstruction word_shape text_statistics",
        ),
    ],
)
def test_tasks_are_listed_in_their_order_and_those_of_any_domain_last(domain: str, names: str) -> None:
    code = f"import auxtasks; print(*(task.name for task in auxtasks.list_tasks({domain!r})))"
    shared = [] if domain == "text" else ["reconstruction"]
    assert run(code, Path()).split() == [*names.split(), *shared]
