"""How options are read: tasks and their options without JSON, values, sizes of images."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from auxtasks.cli.options import option_of, size_of, task_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("std", "std"),
        (" std ", "std"),
        ("fft:n_coefficients=50", {"fft": {"n_coefficients": 50}}),
        ("acf:lags=3,unbiased=true", {"acf": {"lags": 3, "unbiased": True}}),
        ("low:task=fft,n_coefficients=5", {"low": {"task": "fft", "n_coefficients": 5}}),
        ("quantiles:q=0.1,0.5,0.9", {"quantiles": {"q": [0.1, 0.5, 0.9]}}),
        ("quantiles:q=[0.1, 0.5],other=None", {"quantiles": {"q": [0.1, 0.5], "other": None}}),
        ("soft_labels:features=std", {"soft_labels": {"features": "std"}}),
        ('soft_labels:features=["std","mean"]', {"soft_labels": {"features": ["std", "mean"]}}),
        ('fft:{"n_coefficients": 50}', {"fft": {"n_coefficients": 50}}),
    ],
)
def test_tasks_need_no_json(text: str, expected: Any) -> None:
    assert task_of(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (":x=1", "names no task"),
        ("fft:50", r"each option of 'fft' must be option=value; got '50'. An example: fft:option=5,other=true"),
        ("fft:", "must be option=value; got ''"),
        ("fft:a b=5", "must be option=value"),
        ("fft:{50}", "is not JSON"),
    ],
)
def test_what_is_no_task_is_refused(text: str, message: str) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        task_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1e-3", 1e-3), ("False", False), ("false", False), ("null", None), ("en_core_web", "en_core_web")],
)
def test_values_are_read_as_json_and_python_write_them(text: str, value: Any) -> None:
    name, found = option_of(f"scale={text}")
    assert (name, found, type(found)) == ("scale", value, type(value))


@pytest.mark.parametrize("text", ["64x48", "64×48", "64, 48"])
def test_sizes_are_height_and_width(text: str) -> None:
    assert size_of(text) == (64, 48)


@pytest.mark.parametrize("text", ["64", "0x64", "ax3", "64x64x3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="must be HEIGHTxWIDTH, such as 64x64"):
        size_of(text)
