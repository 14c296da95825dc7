"""The ways of naming tasks."""

import re
from typing import Any

import numpy as np
import pytest

from auxtasks import list_tasks, make_aux_targets
from auxtasks.errors import AuxTasksError
from auxtasks.targets.tasks import parse_tasks

FFT5 = {"fft": {"n_coefficients": 5}}


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("std", ["std"]),
        (["std", "fft"], ["std", "fft"]),
        (("fft", "std"), ["fft", "std"]),
        (FFT5, ["fft"]),
        ([{**FFT5, "std": {}}], ["fft", "std"]),
        (["fft", {"low": {"task": "fft", "n_coefficients": 5}}], ["fft", "low"]),
    ],
)
def test_names_mappings_and_aliases(tasks: Any, expected: list[str]) -> None:
    assert [task.name for task in parse_tasks("signal", tasks)] == expected


def test_options_reach_the_task_and_its_spec(signals: Any) -> None:
    targets = make_aux_targets(signals, "signal", ["fft", {"low": {"task": "fft", "n_coefficients": 3}}], scale=False)
    spec = targets.specs["low"]
    assert (spec.name, spec.task, spec.options, spec.shape) == ("low", "fft", {"n_coefficients": 3}, (6,))
    assert spec.columns[:4] == tuple(f"channel {c}, coefficient {k}" for c, k in [(0, 0), (0, 1), (0, 2), (1, 0)])
    np.testing.assert_array_equal(targets["low"][:, :3], targets["fft"][:, :3])


def test_defaults_are_those_of_the_domain() -> None:
    for domain in ("signal", "image", "video", "any"):
        declared = [task.name for task in list_tasks(domain) if task.domain == domain and task.default]
        assert [task.name for task in parse_tasks(domain, None)] == declared != []
        assert [task.name for task in parse_tasks(domain, None, ["label"])] == declared
    assert [task.name for task in parse_tasks("signal", None, ["label"])] == ["std", "abs_sum_changes", "fft"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("sdt", "`tasks`: there is no task of domain 'signal' named 'sdt'. Did you mean 'std'"),
        (["std", "std"], "'std' is named more than once"),
        (["std", {"label": {"task": "fft"}}], "'label' is named more than once, among tasks and label columns"),
        ({"fft": {"coefficients": 5}}, "no option of task 'fft' named 'coefficients'. Did you mean 'n_coefficients'"),
        ({"low": {"task": "ftt"}}, "named 'ftt'. Did you mean 'fft'"),
        (["next_steps", "transform"], "'next_steps' and 'transform' each change the inputs, but only one task may"),
        ({"a": {"task": "next_steps"}, "b": {"task": "next_steps"}}, "'a' and 'b' each change the inputs"),
        (3, "`tasks` must be a list of names and of {name: options}; got 3 of type int"),
        ([3], "`tasks` must hold names and {name: options}; got 3 of type int"),
        ({"fft": 5}, "`tasks` must map a name to a mapping of options"),
        ({"fft": None}, "`tasks` must map a name to a mapping of options"),
        ({3: {}}, "`tasks` must map a name to a mapping of options"),
    ],
)
def test_refused(tasks: Any, message: str) -> None:
    with pytest.raises(AuxTasksError, match=re.escape(message)):
        parse_tasks("signal", tasks, ["label"])


def test_nothing_to_compute_is_refused() -> None:
    with pytest.raises(AuxTasksError, match="`tasks` is empty"):
        parse_tasks("signal", [])
