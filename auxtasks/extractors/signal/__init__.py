"""Tasks computed from signals of shape (n, time, channels); importing this package registers them."""

from __future__ import annotations

from auxtasks.extractors.signal.correlation import autocorrelation, channel_correlation
from auxtasks.extractors.signal.entropy import permutation_entropy, spectral_entropy
from auxtasks.extractors.signal.level import abs_sum_changes, mean, quantiles, rms, slope, std, zero_crossings
from auxtasks.extractors.signal.spectrum import fft, spectrum
from auxtasks.extractors.signal.transformations import next_steps, transform

# fmt: off
__all__ = [  # noqa: RUF022 (the order in which the tasks are listed)
    "std", "abs_sum_changes", "fft", "spectrum", "spectral_entropy", "permutation_entropy", "mean", "rms", "quantiles",
    "zero_crossings", "slope", "autocorrelation", "channel_correlation", "next_steps", "transform",
]
# fmt: on
