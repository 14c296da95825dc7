"""In partitions, in any order, by any number of workers: the targets of the whole."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auxtasks
from auxtasks import AuxTargetGenerator, make_aux_targets
from auxtasks.cluster import LazyAuxTargets
from auxtasks.typing import Array

N = 40
RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(N, 24, 2)).cumsum(axis=1) + 1e3
SIGNALS[:, :, 1] = np.where(np.arange(N)[:, None] < 9, SIGNALS[:, :, 0], SIGNALS[:, :, 1])  # a copy, but not throughout
IMAGES = RNG.integers(0, 256, size=(N, 12, 12, 3), dtype=np.uint8)
SERIES = [RNG.normal(size=(int(length), 2)).cumsum(axis=0) for length in RNG.integers(12, 30, size=N)]
SPEAKERS = ["anna", "ben", None, "cleo"] * (N // 4)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, ...]:
    """Draw the lengths of chunks, empty ones among them."""
    ends = sorted(draw(st.lists(st.integers(0, N), max_size=6)))
    return tuple(np.diff([0, *ends, N]).tolist())


CASES: dict[str, tuple[Array, str, Any]] = {
    "signal": (SIGNALS, "signal", ["std", "fft", "quantiles", "spectrum", {"next_steps": {"horizon": 2}}]),
    "image": (IMAGES, "image", ["hog", "colour_histogram", "thumbnail", "reconstruction"]),
}


@pytest.mark.parametrize("case", CASES)
@given(lengths=cuts(), workers=st.integers(1, 4), order=st.permutations(range(N)), split=st.integers(2, 8))
@settings(max_examples=10)
def test_chunked_is_whole(
    check_alike: Any, case: str, lengths: tuple[int, ...], workers: int, order: list[int], split: int
) -> None:
    X, domain, tasks = CASES[case]
    whole = make_aux_targets(X, domain, tasks, label_columns={"speaker": SPEAKERS})
    chunks = (lengths, *((axis + 1) // 2 for axis in X.shape[1:]))  # samples reach over several chunks
    with pytest.MonkeyPatch.context() as patch, dask.config.set(scheduler="threads", num_workers=workers):
        patch.setattr("auxtasks.scale.dask_fit.SPLIT_EVERY", split)
        shuffled = da.from_array(X[order], chunks=chunks)
        lazy = make_aux_targets(shuffled, domain, tasks, label_columns={"speaker": [SPEAKERS[row] for row in order]})
        check_alike(lazy.compute(), whole, order)


@given(lengths=cuts())
@settings(max_examples=6)
def test_series_of_a_bag(check_alike: Any, lengths: tuple[int, ...]) -> None:
    ends = np.cumsum(lengths)
    parts = [dask.delayed(SERIES[end - length : end]) for length, end in zip(lengths, ends, strict=True)]
    tasks = ["std", "reconstruction", {"next_steps": {"horizon": 2}}]
    lazy = make_aux_targets(db.from_delayed(parts), "signal", tasks)
    check_alike(lazy.compute(), make_aux_targets(SERIES, "signal", tasks))


def test_other_inputs_take_the_fitted_scaling(check_alike: Any) -> None:
    generator = AuxTargetGenerator("signal").fit(SIGNALS[:25])
    lazy = generator.transform(da.from_array(SIGNALS[25:], chunks=(4, -1, -1)))
    assert isinstance(lazy, LazyAuxTargets)
    check_alike(lazy.compute(), generator.transform(SIGNALS[25:]))
    ragged = make_aux_targets(SERIES, "signal")
    check_alike(ragged.transform(db.from_sequence(SERIES[:9], npartitions=3)).compute(), ragged.transform(SERIES[:9]))


def test_fitting_in_partitions_serves_arrays_in_memory(check_alike: Any) -> None:
    lazily = AuxTargetGenerator("signal").fit(da.from_array(SIGNALS, chunks=(7, -1, -1)))
    check_alike(lazily.transform(SIGNALS), make_aux_targets(SIGNALS, "signal"))
    assert lazily.fit(SIGNALS).specs_ == AuxTargetGenerator("signal").fit(SIGNALS).specs_


def test_data_frames_and_their_columns(check_alike: Any) -> None:
    frame = pd.DataFrame(RNG.normal(size=(N, 6))).assign(label=np.arange(N) % 3)
    lazy = dd.from_pandas(frame, npartitions=5)
    found = make_aux_targets(
        lazy.drop(columns="label"), "any", "reconstruction", label_columns={"label": lazy["label"]}
    )
    expected = make_aux_targets(
        frame.drop(columns="label"), "any", "reconstruction", label_columns={"label": frame["label"]}
    )
    check_alike(found.compute(), expected)
    assert found.generator.n_features_in_ == expected.generator.n_features_in_ == 6


def test_chunks_of_unknown_length(check_alike: Any) -> None:
    whole = da.from_array(SIGNALS, chunks=(7, -1, -1))
    some = whole[whole[:, 0, 0] > 1e3]
    expected = make_aux_targets(SIGNALS[SIGNALS[:, 0, 0] > 1e3], "signal")
    fitted = make_aux_targets(some, "signal")
    assert fitted.n_samples == len(expected.inputs)  # the pass that fits has counted them
    check_alike(fitted.compute(), expected)
    other = expected.transform(some)
    with pytest.raises(auxtasks.errors.InvalidInputError, match=r"number of samples is unknown .* compute_chunk_sizes"):
        _ = other.n_samples
    assert isinstance(other, LazyAuxTargets)
    assert "an unknown number of samples in 6 chunks" in repr(other)
    assert other.compute_chunk_sizes().n_original == fitted.n_original
    check_alike(other.compute(), expected)


def test_copies_come_after_all_originals_and_are_made_again_alike(check_alike: Any) -> None:
    tasks = ["hog", "rotation"]
    lazy = make_aux_targets(da.from_array(IMAGES, chunks=(7, -1, -1, -1)), "image", tasks)
    once, again = lazy.compute(), lazy.compute()
    assert (once.n_original, once.n_samples) == (lazy.n_original, lazy.n_samples) == (N, 2 * N)
    np.testing.assert_array_equal(once.inputs[:N], IMAGES)
    np.testing.assert_array_equal(once.inputs, again.inputs)
    turned = [np.rot90(image, turns) for image, turns in zip(IMAGES, once["rotation"][N:], strict=True)]
    np.testing.assert_array_equal(once.inputs[N:], turned)
    # What is fitted is of these very copies; in one chunk they are those of the in-memory call.
    np.testing.assert_allclose(once["hog"].mean(axis=(0, 1, 2)), 0, atol=1e-5)
    one = make_aux_targets(da.from_array(IMAGES, chunks=-1), "image", tasks)
    check_alike(one.compute(), make_aux_targets(IMAGES, "image", tasks))
    # Noise makes numbers of booleans.
    noisy = make_aux_targets(da.from_array(SIGNALS > 1e3, chunks=-1), "signal", "transform")
    check_alike(noisy.compute(), make_aux_targets(SIGNALS > 1e3, "signal", "transform"))


def test_preparing_is_lazy_too() -> None:
    generator = AuxTargetGenerator("signal", ["std", {"next_steps": {"horizon": 2}}]).fit(SIGNALS)
    lazy: Any = generator.prepare(da.from_array(SIGNALS, chunks=(7, 12, -1)))
    assert lazy.chunks == ((7, 7, 7, 7, 7, 5), (22,), (2,))
    np.testing.assert_array_equal(lazy.compute(), generator.prepare(SIGNALS))


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    def never(block: Array) -> Array:
        raise AssertionError

    generator = AuxTargetGenerator("signal").fit(SIGNALS)
    X = da.from_array(SIGNALS, chunks=(7, -1, -1)).map_blocks(never, dtype=float, meta=np.empty((0, 0, 0)))
    targets = generator.transform(X)
    targets.with_main(np.arange(5))
    assert targets["std"].shape == (N, 2)


def test_the_graph_has_as_many_layers_whatever_the_number_of_partitions() -> None:
    generator = AuxTargetGenerator("signal", ["std", "fft"]).fit(SIGNALS)

    def layers(rows: int) -> int:
        found: Any = generator.transform(da.from_array(SIGNALS, chunks=(rows, -1, -1)))
        return len(found["fft"].dask.layers)

    assert layers(20) == layers(1)
