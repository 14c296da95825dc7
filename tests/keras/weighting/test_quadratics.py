"""Two quadratics with opposite optima: where each weighting leads is known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import AUX_OPTIMUM, MAIN_OPTIMUM, path, two_quadratics

from auxtasks.keras.weighting.by_gradient import Conflicts, Projection

START = (-0.5, 0.0)
RATE = 0.1


def test_fixed_weights_go_between_the_optima_by_weight() -> None:
    end = (MAIN_OPTIMUM + 3 * AUX_OPTIMUM) / 4
    expected = end + (np.array(START) - end) * (1 - 4 * RATE) ** np.arange(5)[:, None]
    np.testing.assert_allclose(path(two_quadratics("fixed", START, weight=3.0), 4), expected, atol=1e-5)


@pytest.mark.parametrize(
    "weighting", ["projection", "cosine_gate", {"cosine_gate": {"strength": "sign"}}, {"cosine_gate": {"per": "layer"}}]
)
def test_between_the_optima_only_the_main_gradient_is_left(weighting: Any) -> None:
    found = path(two_quadratics(weighting, START, weight=3.0), 4)
    expected = MAIN_OPTIMUM + (np.array(START) - MAIN_OPTIMUM) * (1 - RATE) ** np.arange(5)[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_beyond_both_optima_the_gradients_agree_and_all_of_them_is_let_through() -> None:
    start = np.array([3.0, 0.0])
    expected = start - RATE * ((start - MAIN_OPTIMUM) + 3 * (start - AUX_OPTIMUM))
    for weighting in ("projection", "cosine_gate", {"cosine_gate": {"strength": "sign"}}):
        np.testing.assert_allclose(path(two_quadratics(weighting, (3.0, 0.0), 3.0), 1)[1], expected, rtol=1e-5)


def test_a_gradient_at_an_angle_is_let_through_by_its_cosine_or_without_what_opposes() -> None:
    for start in (np.array([0.2, 0.8]), np.array([0.0, 2.0])):
        main, aux = start - MAIN_OPTIMUM, start - AUX_OPTIMUM
        product = main @ aux
        cosine = product / np.linalg.norm(main) / np.linalg.norm(aux)
        projected = aux - min(product, 0) / (main @ main) * main
        for weighting, expected in (("cosine_gate", max(cosine, 0) * aux), ("projection", projected)):
            step = path(two_quadratics(weighting, tuple(start), 2.0), 1)[1]
            np.testing.assert_allclose(step, start - RATE * (main + 2 * expected), rtol=1e-5)


def test_projection_is_that_of_the_reference(references: Any) -> None:
    for pair in references["projected_gradients"]["pairs"]:
        first, second = np.array(pair["first"]), np.array(pair["second"])
        products = np.array([[first @ second], [0.0]], "float32")  # of two layers
        found = Projection().answer(Conflicts(products, np.array([[first @ first], [0.0]], "float32")))
        expected = pair["projected_second"]
        np.testing.assert_allclose(second + np.array(found.shifts)[0] * first, expected, atol=1e-5)


def test_where_the_main_gradient_is_zero_a_projection_changes_nothing_and_a_gate_is_closed() -> None:
    start = tuple(MAIN_OPTIMUM)
    np.testing.assert_allclose(path(two_quadratics("projection", start), 1)[1], [0.8, 0.0], atol=1e-6)
    np.testing.assert_allclose(path(two_quadratics("cosine_gate", start), 1)[1], start, atol=1e-6)


def test_gradnorm_balances_the_pulls() -> None:
    """With alpha 0 both pulls go to their mean: the factor to |g_0| / |g_1|, which the equal distances make known."""
    model = two_quadratics({"gradnorm": {"alpha": 0.0, "learning_rate": 0.01}}, (0.5, 0.0))
    model.optimizer.learning_rate = 0.0
    (gradnorm,) = model.weightings
    for start in (0.26, 0.4):
        gradnorm.balance.assign([start])
        path(model, 6)
        assert float(gradnorm.balance[0]) == pytest.approx(0.5 / 1.5, abs=0.02)
