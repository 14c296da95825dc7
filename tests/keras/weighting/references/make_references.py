"""Make ``references.json``: what other libraries compute for the weighting of losses and gradients.

Run once, in an environment of its own; the tests only read the numbers::

    pip install torch==2.15.0 numpy==2.4.6 torchjd==0.18.0
    pip install --no-deps libmtl==1.1.5
    python make_references.py

Made with Python 3.11.7, torch 2.15.0, torchjd 0.18.0 and LibMTL 1.1.5, in float64 on a CPU. Wherever both libraries
have a method, both are run and must agree. LibMTL learns the weights of GradNorm as a softmax; the algorithm as
published has no library here and is written down in NumPy from Chen et al. 2018, algorithm 1.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

TASKS = ["first", "second", "third"]
ALGORITHM_1 = "Chen et al. 2018, GradNorm, algorithm 1, in NumPy"


def losses_in_time(steps: int) -> np.ndarray:
    """Losses of three tasks that fall at different rates, two of them in waves; of shape (steps, 3)."""
    time = np.arange(steps)[:, None]
    falling = np.array([2.0, 0.7, 5.0]) * np.exp(-time * np.array([0.05, 0.25, 0.12]))
    return np.round(falling * (1 + np.array([0.1, 0.3, 0.0]) * np.sin(time)), 6)


def uncertainty() -> dict[str, Any]:
    """s under plain SGD on the sum of L / (2 exp s) + s / 2 (Kendall et al. 2018)."""
    import torch
    from torchjd.scalarization import UW

    losses, rate = losses_in_time(12), 0.1
    starts = []
    for start in ([0.0, 0.0, 0.0], [-0.5, -0.5, -0.5], [0.4, -1.2, 0.9]):
        torchjd = UW(len(TASKS))
        libmtl = libmtl_weighting("UW")
        runs = []
        for module, parameter, backward in (
            (torchjd, torchjd.log_var, lambda values, module=torchjd: module(values).backward()),
            (libmtl, libmtl.loss_scale, libmtl.backward),
        ):
            parameter.data = torch.tensor(start)
            optimizer = torch.optim.SGD(module.parameters(), lr=rate)
            path = [start]
            for values in torch.tensor(losses):
                optimizer.zero_grad()
                # Losses come from a graph; here there is none behind them.
                backward(values.clone().requires_grad_())
                optimizer.step()
                path.append(parameter.detach().tolist())
            runs.append(path)
        starts.append({"start": start, "s": agreed(*runs)})
    return {"source": ["torchjd", "LibMTL"], "learning_rate": rate, "losses": losses.tolist(), "runs": starts}


def dynamic_weight_average() -> dict[str, Any]:
    """Weights of each epoch from the losses of the two before it (Liu et al. 2019); ones in the first two."""
    import torch
    from torchjd.scalarization import DWA

    losses = losses_in_time(8)
    runs = []
    for temperature in (2.0, 0.5):
        torchjd, libmtl = DWA(temperature), libmtl_weighting("DWA")
        libmtl.train_loss_buffer = losses.T.copy()
        paths: tuple[list[Any], list[Any]] = ([], [])
        for epoch, values in enumerate(torch.tensor(losses)):
            values.requires_grad_()
            # The weight of a loss is the derivative of their weighted sum by it.
            (weights,) = torch.autograd.grad(torchjd(values), values)
            paths[0].append(weights.tolist())
            torchjd.step()
            libmtl.epoch = epoch
            paths[1].append(libmtl.backward(values, T=temperature).tolist())
        runs.append({"temperature": temperature, "weights": agreed(*paths)})
    return {"source": ["torchjd", "LibMTL"], "epoch_losses": losses.tolist(), "runs": runs}


def projected_gradients() -> dict[str, Any]:
    """Gradient surgery (Yu et al. 2020) on pairs, for which the order of projections does not matter."""
    import torch
    from torchjd.aggregation import PCGrad
    from torchjd.aggregation._pcgrad import PCGradWeighting

    pairs = {
        "conflicting": ([1.0, 2.0, -1.0, 0.5], [-2.0, 0.5, 1.0, 0.25]),
        "slightly conflicting": ([1.0, 0.0, 0.0, 0.0], [-0.001, 1.0, -3.0, 2.0]),
        "conflicting, second much larger": ([0.01, -0.02, 0.005, 0.0], [-300.0, 100.0, 50.0, 20.0]),
        "opposite": ([1.0, -2.0, 3.0, 0.5], [-2.0, 4.0, -6.0, -1.0]),
        "orthogonal": ([1.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, -1.0]),
        "agreeing": ([1.0, 2.0, -1.0, 0.5], [2.0, 0.5, -1.0, 0.25]),
        "second is zero": ([1.0, 2.0, -1.0, 0.5], [0.0, 0.0, 0.0, 0.0]),
    }
    found = []
    for name, pair in pairs.items():
        matrix = torch.tensor(pair)
        total = PCGrad()(matrix)
        # Each gradient becomes itself plus a multiple of the other, so the weights tell both multiples.
        weights = PCGradWeighting()(matrix @ matrix.T)
        first = matrix[0] + (weights[1] - 1) * matrix[1]
        second = matrix[1] + (weights[0] - 1) * matrix[0]
        libmtl = libmtl_weighting("PCGrad", n_tasks=2)
        shared = with_gradients(libmtl, matrix)
        libmtl.backward(matrix @ shared)
        agreed(total.tolist(), shared.grad.tolist(), (first + second).tolist())
        found.append(
            {
                "name": name,
                "first": pair[0],
                "second": pair[1],
                "projected_first": first.tolist(),
                "projected_second": second.tolist(),
                "sum": total.tolist(),
                "first_plus_projected_second": (matrix[0] + second).tolist(),
            }
        )
    return {"source": ["torchjd", "LibMTL"], "pairs": found}


def gradient_normalisation() -> dict[str, Any]:
    """Weights of GradNorm while losses and gradients of the shared parameters follow a given course."""
    steps, rate = 12, 0.02
    losses = losses_in_time(steps)
    decay = np.exp(-0.1 * np.arange(steps))[:, None, None]
    gradients = np.round(np.random.default_rng(0).normal(size=(steps, 3, 4)) * [[0.3], [2.0], [1.0]] * decay, 6)
    norms = np.linalg.norm(gradients, axis=2)
    runs = [
        {
            "alpha": alpha,
            "weights": published_gradnorm(losses, norms, alpha, rate),
            "anchored_weights": published_gradnorm(losses, norms, alpha, rate, anchored=True),
            "softmax_weights": softmax_gradnorm(losses, gradients, alpha, rate),
        }
        for alpha in (1.5, 0.5)
    ]
    return {
        "source": {
            "weights": ALGORITHM_1,
            "anchored_weights": f"{ALGORITHM_1}, but the first weight stays 1 instead of the sum, and none is negative",
            "softmax_weights": "LibMTL",
        },
        "learning_rate": rate,
        "losses": losses.tolist(),
        "gradients": gradients.tolist(),
        "norms": norms.tolist(),
        "runs": runs,
    }


def published_gradnorm(
    losses: np.ndarray, norms: np.ndarray, alpha: float, rate: float, *, anchored: bool = False
) -> list[list[float]]:
    """Return the weights before the first step and after each one."""
    weights = np.ones(losses.shape[1])
    path = [weights.tolist()]
    for values, norm in zip(losses, norms, strict=True):
        weighted = weights * norm
        progress = values / losses[0]
        wanted = weighted.mean() * (progress / progress.mean()) ** alpha
        # The derivative of the sum of |weighted - wanted| by the weights, with what is wanted held constant.
        weights = weights - rate * np.sign(weighted - wanted) * norm
        weights = np.maximum([1.0, *weights[1:]], 0.0) if anchored else weights * len(weights) / weights.sum()
        path.append(weights.tolist())
    return path


def softmax_gradnorm(losses: np.ndarray, gradients: np.ndarray, alpha: float, rate: float) -> list[list[float]]:
    """Return the weights of each step in LibMTL, and those after the last one."""
    import torch

    libmtl = libmtl_weighting("GradNorm")
    libmtl.epoch, libmtl.train_loss_buffer = 1, losses[:1].T
    optimizer = torch.optim.SGD([libmtl.loss_scale], lr=rate)
    path = []
    for values, matrix in zip(torch.tensor(losses), torch.tensor(gradients), strict=True):
        shared = with_gradients(libmtl, matrix)
        optimizer.zero_grad()
        path.append(libmtl.backward(matrix @ shared + values, alpha=alpha).tolist())
        optimizer.step()
    return [*path, (len(TASKS) * libmtl.loss_scale.detach().softmax(0)).tolist()]


def libmtl_weighting(name: str, n_tasks: int = len(TASKS)) -> Any:
    """Return a weighting of LibMTL on its own, outside the trainer, which insists on a GPU."""
    if "LibMTL" not in sys.modules:
        # The package itself imports models that need a torchvision of long ago; the weightings need none.
        spec = find_spec("LibMTL")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("LibMTL is not installed.")
        sys.modules["LibMTL"] = ModuleType("LibMTL")
        sys.modules["LibMTL"].__path__ = list(spec.submodule_search_locations)
    import LibMTL.weighting

    weighting = getattr(LibMTL.weighting, name)()
    weighting.task_num, weighting.device, weighting.rep_grad = n_tasks, "cpu", False
    weighting.init_param()
    return weighting


def with_gradients(weighting: Any, matrix: Any) -> Any:
    """Return shared parameters, all 0, of which ``matrix @ shared`` are losses with the rows as gradients."""
    import torch

    shared = torch.zeros(matrix.shape[1], requires_grad=True)
    weighting.get_share_params = lambda: [shared]
    weighting.zero_grad_share_params = lambda: shared.grad.zero_()
    return shared


def agreed(*results: Any) -> Any:
    """Return the first of some results that must be equal to rounding."""
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-12, atol=1e-12)
    return results[0]


def main() -> None:
    """Write the file."""
    import torch

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    versions = {name: version(name) for name in ("torch", "torchjd", "LibMTL", "numpy")}
    references = {
        "versions": {"python": platform.python_version(), **versions},
        "tasks": TASKS,
        "uncertainty": uncertainty(),
        "dynamic_weight_average": dynamic_weight_average(),
        "projected_gradients": projected_gradients(),
        "gradient_normalisation": gradient_normalisation(),
    }
    path = Path(__file__).with_name("references.json")
    text = json.dumps(references, indent=1)
    one_line = re.sub(r"\[[^][]*\]", lambda numbers: " ".join(numbers[0].split()), text)
    path.write_text(one_line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
