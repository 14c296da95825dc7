"""Tasks computed from signals of shape (n, time, channels); importing this package registers them.

====================  ==============================================================  ====================
task                  what                                                            target of one signal
====================  ==============================================================  ====================
std                   standard deviation (default)                                    channels
abs_sum_changes       sum of absolute changes from step to step (default)             channels
fft                   magnitudes of the first Fourier coefficients (default)          channels × 50
spectrum              power in frequency bands, in decibels                           channels × 8
spectral_entropy      entropy of the power spectrum, 0 to 1                           channels
permutation_entropy   entropy of the ordinal patterns, 0 to 1                         channels
mean                  mean                                                            channels
rms                   root mean square                                                channels
quantiles             quantiles of the values                                         channels × 5
zero_crossings        rate of crossing the mean                                       channels
slope                 least-squares slope per step                                    channels
autocorrelation       autocorrelation at the first lags                               channels × 10
channel_correlation   Pearson correlation of each pair of channels                    pairs of channels
next_steps            the last steps, cut off the inputs                              5 × channels
transform             which transformation a copy underwent                           a class of 5
====================  ==============================================================  ====================
"""

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
