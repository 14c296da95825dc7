"""What the signal tasks refuse, by message, and the order in which they are listed."""

import numpy as np
import pytest

import auxtasks
from auxtasks.errors import InvalidInputError, InvalidTypeError, UnknownNameError
from auxtasks.extractors import signal

X = np.zeros((2, 6, 1))
RNG = np.random.default_rng(0)
REFUSED = [
    (signal.fft, {"n_coefficients": 0}, InvalidInputError, "`n_coefficients` must be at least 1; got 0"),
    (signal.fft, {"n_coefficients": 2.0}, InvalidTypeError, "`n_coefficients` must be an integer; got 2.0"),
    (signal.spectrum, {"n_bands": 0}, InvalidInputError, "`n_bands` must be from 1 to 1024; got 0"),
    (signal.spectrum, {"segment_length": 15}, InvalidInputError, "`segment_length` must be at least 16; got 15"),
    (signal.spectrum, {"top_db": -1}, InvalidInputError, "`top_db` must be from 0 to 200; got -1"),
    (signal.permutation_entropy, {"order": 8}, InvalidInputError, "`order` must be from 2 to 7; got 8"),
    (signal.permutation_entropy, {"delay": 0}, InvalidInputError, "`delay` must be at least 1; got 0"),
    (signal.quantiles, {"q": 0.5}, InvalidTypeError, "`q` must be a list or tuple of numbers; got 0.5"),
    (signal.quantiles, {"q": ["a"]}, InvalidTypeError, "`q` must be a number; got 'a'"),
    (signal.quantiles, {"q": []}, InvalidInputError, "`q` must hold at least one number from 0 to 1; got none"),
    (signal.quantiles, {"q": [1.5]}, InvalidInputError, "`q` must be from 0 to 1; got 1.5"),
    (signal.autocorrelation, {"n_lags": True}, InvalidTypeError, "`n_lags` must be an integer; got True"),
    (
        signal.channel_correlation,
        {},
        InvalidInputError,
        r"needs signals of at least 2 channels; got X of shape \(2, 6, 1\).*Leave the task out",
    ),
    (signal.next_steps, {"horizon": 0}, InvalidInputError, "`horizon` must be at least 1; got 0"),
    (
        signal.next_steps,
        {"horizon": 6},
        InvalidInputError,
        r"`horizon` must be smaller than the length of every series; got 6 for X of shape \(2, 6, 1\)",
    ),
    (
        signal.transform,
        {"rng": RNG, "transformations": "jitter"},
        InvalidTypeError,
        "`transformations` must be a list or tuple of names; got 'jitter'",
    ),
    (
        signal.transform,
        {"rng": RNG, "transformations": ["time_reversel"]},
        UnknownNameError,
        "no choice named 'time_reversel'. Did you mean 'time_reversal'",
    ),
    (
        signal.transform,
        {"rng": RNG, "transformations": ["jitter", "jitter"]},
        InvalidInputError,
        "`transformations` must hold at least one name and none twice",
    ),
    (signal.transform, {"rng": RNG, "jitter_sigma": -0.1}, InvalidInputError, "`jitter_sigma` must be from 0 to 100"),
    (signal.transform, {"rng": RNG, "scaling_sigma": "a"}, InvalidTypeError, "`scaling_sigma` must be a number"),
    (signal.transform, {"rng": RNG, "n_segments": 1}, InvalidInputError, "`n_segments` must be at least 2; got 1"),
]


@pytest.mark.parametrize(("task", "options", "error", "message"), REFUSED)
def test_a_wrong_option_is_refused_by_name(task, options, error, message):
    with pytest.raises(error, match=message):
        task(X, **options)


def test_tasks_are_listed_in_order_with_the_defaults_first():
    own = [
        task
        for task in auxtasks.list_tasks("signal")
        if task.function.__module__.startswith("auxtasks.extractors.signal.")
    ]
    assert {task.name for task in own} == set(signal.__all__)
    assert [task.name for task in own if task.default] == [task.name for task in own][:3]
    table = [line.split()[0] for line in signal.__doc__.splitlines() if line.startswith(tuple(signal.__all__))]
    assert [task.name for task in own] == table
