"""Valid calls of the public functions, on data so small that a call takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from sklearn.base import clone

import auxtasks
from auxtasks import AuxTargetGenerator, AuxTargets, make_aux_targets
from auxtasks import keras as heads
from auxtasks.audit import audit, paired_comparison, rank_tasks, select_tasks
from auxtasks.curves import plot_curves
from auxtasks.keras import weighting
from auxtasks.keras.alternating import Schedule
from auxtasks.sklearn import AuxClassifier, AuxRegressor
from auxtasks.specs import TargetSpec
from auxtasks.splits import SemiSupervisedSplit, hide_labels

RNG = np.random.default_rng(0)
N = 8
SIGNALS = RNG.normal(size=(N, 8))
IMAGES = RNG.normal(size=(N, 6, 6, 1)).astype("float32")
TEXTS = ["the cat sat", "a dog", "the dog sat down", "a cat", "down", "sat", "the cat", "a dog sat"]
Y = np.arange(N) % 2
TASKS = [{"low": {"task": "fft", "n_coefficients": 3}}, "std"]


@dataclass(frozen=True)
class Call:
    """A valid call: its arguments are made anew; in what is exact, NaN never says "missing"."""

    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    weight: float = 1.0
    exact: bool = False


class Trained(BaseException):
    """Stands for a training: a call that gets so far was let in."""


def make(X: Any, domain: Any, tasks: Any = "std", **options: Any) -> AuxTargets:
    """Make targets; the warnings of valid data are not what is looked for."""
    return make_aux_targets(X, domain, tasks, **options)


def network(units: int = 2) -> keras.Model:
    dense = keras.layers.Dense(units, "softmax" if units > 1 else None)
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, name="hidden"), dense])


def _of(made: dict[str, Any]) -> Any:
    return lambda: dict(made)


def of_targets() -> dict[str, Call]:
    """Return the calls that make targets and read them."""
    targets = make(SIGNALS, "signal", TASKS, label_columns={"speaker": Y})
    fitted = AuxTargetGenerator("signal", TASKS).fit(SIGNALS)
    own = {"X": SIGNALS, "domain": "signal", "tasks": TASKS}
    how: dict[str, Any] = {"scale": True, "seed": 0, "dtype": "float32", "padding": "post", "padding_value": 0.0}
    how |= {"n_jobs": 1, "progress": False}
    texts = {
        "X": TEXTS,
        "domain": "text",
        "tasks": ["text_statistics", "next_word"],
        "tokenizer": "whitespace",
        "max_tokens": 20,
    }
    texts |= {
        "max_length": 4,
        "model_inputs": "ids",
        "tagger": "nltk",
        "tagger_model": None,
        "batch_size": 10,
        "n_jobs": 1,
    }
    hidden = np.array([0, 1, 0, 1, 0, 1, -1, -1])

    def changed(**params: Any) -> Any:
        return AuxTargetGenerator("signal", "std").set_params(**params).fit_transform(SIGNALS)

    def saved(**options: Any) -> AuxTargets:
        targets.save(**{"path": "targets", "include_inputs": True, "overwrite": True, **options})
        return auxtasks.load_targets("targets")

    saved()
    return {
        "make_aux_targets": Call(make, _of({**own, **how, "y": None, "label_columns": {"speaker": Y}}), 6),
        "make_aux_targets image": Call(
            make, _of({"X": IMAGES, "domain": "image", "tasks": ["thumbnail", "hog"], **how}), 2
        ),
        "make_aux_targets any": Call(make, _of({"X": SIGNALS, "domain": "any", "tasks": "reconstruction", **how}), 2),
        "make_aux_targets text": Call(make, _of({**texts, "cache": None}), 4),
        "make_aux_targets given": Call(
            make,
            _of(
                {**own, "label_columns": {"a": Y.astype(str), "b": SIGNALS, "c": np.eye(N, 3, dtype=int), "d": Y * 1.0}}
            ),
            3,
        ),
        "make_aux_targets y": Call(make, _of({**own, "tasks": ["soft_labels"], "y": hidden}), 0.01),
        "make_aux_targets save_to": Call(make, _of({**own, "save_to": "out", "overwrite": True}), 0.5),
        "AuxTargetGenerator": Call(
            lambda **p: AuxTargetGenerator(**p).fit(SIGNALS), _of({"domain": "signal", **how}), 2
        ),
        "set_params": Call(changed, _of({"tasks": "std", "seed": 1, "max_length": None}), 1),
        "get_params": Call(fitted.get_params, _of({"deep": True}), 0.1),
        "fit": Call(
            AuxTargetGenerator("signal", "std").fit, _of({"X": SIGNALS, "y": None, "label_columns": {"a": Y}}), 3
        ),
        "transform": Call(fitted.transform, _of({"X": SIGNALS, "label_columns": None}), 3),
        "prepare": Call(fitted.prepare, _of({"X": SIGNALS}), 1, exact=True),
        "in_graph": Call(fitted.in_graph, _of({"x": SIGNALS.astype("float32")}), 1),
        "as_map": Call(fitted.as_map, _of({"batched": True, "column": None, "label": None, "in_graph": True}), 0.5),
        "as_batch_map": Call(fitted.as_batch_map, _of({"column": "x"}), 0.5),
        "AuxTargets.transform": Call(targets.transform, _of({"X": SIGNALS, "label_columns": {"speaker": Y}}), 3),
        "with_main": Call(targets.with_main, _of({"y": Y, "name": "main"}), 4),
        "with_main outputs": Call(targets.with_main, lambda: {"y": {"a": Y, "b": SIGNALS}}, 2),
        "unscale": Call(targets.unscale, _of({"name": "low", "values": targets["low"]}), 3, exact=True),
        "save": Call(saved, _of({"path": "targets", "include_inputs": True, "overwrite": True}), 0.5),
        "load_targets": Call(auxtasks.load_targets, _of({"path": "targets", "mmap": True}), 1),
        "list_tasks": Call(auxtasks.list_tasks, _of({"domain": "signal"}), 1),
        "extractor": Call(
            auxtasks.register_task, _of({"name": "a", "domain": "any", "kind": "vector", "source": "", "axes": ()}), 0.5
        ),
        "TargetSpec": Call(
            TargetSpec,
            _of(
                {
                    "name": "a",
                    "task": "std",
                    "kind": "class",
                    "shape": (),
                    "n_classes": 3,
                    "baseline_loss": 1.0,
                    "weight_scale": 1.0,
                }
            ),
            2,
        ),
    }


def of_predictions() -> dict[str, Call]:
    """Return the calls that fuse predictions."""
    predictions = RNG.dirichlet([1, 1], size=(3, N))
    named = dict(zip("abc", predictions, strict=True))
    fuse = auxtasks.fuse
    return {
        "fuse": Call(fuse, _of({"predictions": predictions, "method": "mean", "weights": [1, 2, 3]}), 4, exact=True),
        "fuse named": Call(
            fuse, lambda: {"predictions": dict(named), "method": "vote", "weights": {"a": 2.0}}, 3, exact=True
        ),
        "fuse classes": Call(fuse, _of({"predictions": [Y, Y, 1 - Y], "method": "vote"}), 3),
    }


def of_labels() -> dict[str, Call]:
    """Return the calls that hide labels, split by them and judge by them."""
    split = {"hide": 0.3, "cv": 2, "stratify": None, "random_state": 0}
    how = {"hide": 0.5, "seed": 0, "stratify": None}
    arms = {"baseline": [0.1, 0.2, 0.3], "auxiliary": [0.2, 0.3, 0.5], "confidence": 0.9, "overlap": 0.1}
    drawn = {"y_true": Y, "y_pred": RNG.random(N), "problem": None, "from_logits": False}
    plotted = {"y_true": Y, "y_pred": network(), "x": SIGNALS, "folder": "curves", "classes": None, "from_logits": None}

    def divided(X: Any, y: Any, groups: Any, **options: Any) -> Any:
        return SemiSupervisedSplit(**options).split_three(X, y, groups)

    return {
        "hide_labels": Call(hide_labels, _of({"y": Y, **how}), 3),
        "hide_labels named": Call(hide_labels, lambda: {"y": {"a": Y, "b": SIGNALS}, **how, "hide": {"a": 0.5}}, 2),
        "SemiSupervisedSplit": Call(divided, _of({"X": SIGNALS, "y": Y, "groups": None, **split}), 2),
        "paired_comparison": Call(paired_comparison, _of(arms), 2),
        "plot_curves of predictions": Call(plot_curves, _of({**drawn, "classes": ["a", "b"]}), 0.05),
        "plot_curves": Call(plot_curves, _of(plotted), 0.01),
    }


def of_heads() -> dict[str, Call]:
    """Return the calls on models, and of what trains them."""
    base, targets = network(), make(SIGNALS, "signal", TASKS)
    model = heads.attach_heads(base, targets)
    how: dict[str, Any] = {"at": {"std": "hidden", "low": 0.5}, "weights": {"std": 1.0}, "samples": None, "seed": 0}
    how |= {"name": "wrapped", "schedule": "joint", "weighting": "fixed", "tie": None, "deep_supervision": ["hidden"]}
    how |= {"losses": {"std": "huber"}, "metrics": {"std": ["mae"]}, "head_budget": 0.1}
    turns = {"schedule": {"alternating": {"ratio": {"main": 2}}}, "weighting": {"warm_up": {"steps": 3}}}
    batches: dict[str, Any] = {"y": Y, "batch_size": 2, "shuffle": True, "seed": 0, "drop_remainder": False}
    batches |= {"labelled_share": None, "sample_weight": np.ones(N), "inputs": SIGNALS}
    some = {"y": np.where(Y == 1, 0, -1), "batch_size": 4, "labelled_share": 0.5, "seed": 0}
    sets = {"main": (SIGNALS, Y), "std": (SIGNALS, targets["std"])}
    options: dict[str, dict[str, Any]] = {
        "Delayed": {"steps": 5},
        "WarmUp": {"steps": 5, "start": 1, "shape": "linear"},
        "Decay": {"steps": 5, "start": 1, "shape": "cosine", "to": 0.1},
        "Pretrain": {"steps": 5},
        "Uncertainty": {"main": False},
        "DynamicWeightAverage": {"temperature": 2.0},
        "GradNorm": {"alpha": 1.5, "learning_rate": 0.1},
        "CosineGate": {"strength": "cosine", "per": "model"},
        "Projection": {},
        "Custom": {"function": len},
    }
    found = {name: Call(getattr(weighting, name), _of({**given, "name": "w"}), 0.5) for name, given in options.items()}
    asked = {"asked": {"proportional": {"ratio": {"main": 1.0, "std": 2}}}}
    return found | {
        "attach_heads": Call(heads.attach_heads, _of({"base": base, "targets": targets, **how}), 0.7),
        "attach_heads turns": Call(heads.attach_heads, _of({"base": base, "targets": targets, **turns}), 0.2),
        "attach_heads simple": Call(
            heads.attach_heads,
            _of({"base": base, "targets": targets.specs, "samples": SIGNALS, "weights": 1.0, "at": 0.5}),
            0.3,
        ),
        "strip_heads": Call(heads.strip_heads, _of({"model": model}), 0.2),
        "Schedule": Call(lambda asked: Schedule.of(asked, ["main", "std"]), _of(asked), 1),
        "Rebalanced": Call(heads.Rebalanced, _of({"by": "loss", "loss": None, "momentum": 0.9, "name": "a"}), 1),
        "PruneOpposed": Call(heads.PruneOpposed, _of({"patience": 2, "threshold": 0.0, "verbose": 0}), 1),
        "freeze": Call(heads.freeze, lambda: {"model": network(), "up_to": "hidden", "samples": None}, 0.1),
        "replace_head": Call(
            heads.replace_head, _of({"model": base, "n_outputs": 3, "activation": "softmax", "head": None}), 0.1
        ),
        "build_multitask_model": Call(
            heads.build_multitask_model,
            _of({"encoder": base, "tasks": {"a": 3, "b": "binary"}, "hidden": [4], "at": None, "optimizer": "adam"}),
            0.1,
        ),
        "to_py_dataset": Call(lambda **p: targets.to_py_dataset(**p)[0], _of(batches), 3),
        "to_tf_dataset": Call(
            lambda **p: next(iter(targets.to_tf_dataset(**p))), _of({**batches, "prefetch": True}), 0.3
        ),
        "to_py_dataset composed": Call(lambda **p: targets.to_py_dataset(**p)[0], _of(some), 2),
        "TaskBatches": Call(
            lambda **p: heads.TaskBatches(**p)[0],
            lambda: {
                "data": dict(sets),
                "targets": {"std": targets.specs["std"]},
                "batch_size": 2,
                "seed": 0,
                "steps_per_epoch": 2,
            },
            1,
        ),
    }


def of_trainings() -> dict[str, Call]:
    """Return the calls that would train; no training begins, since what is looked for happens before."""
    patch.object(TensorFlowTrainer, "fit", _not_trained).start()
    targets = make(SIGNALS, "signal", TASKS)
    own: dict[str, Any] = {"build_model": compiled, "X": SIGNALS, "y": Y, "targets": targets, "cv": 2, "groups": None}
    own |= {"seeds": 2, "epochs": 1, "batch_size": 4, "fit_options": {"callbacks": None}, "metrics": "accuracy"}
    own |= {"margin": 0.0, "results": None, "n_jobs": 1, "progress": False}
    asked = {"weights": 1.0, "at": "auto", "confidence": 0.9, "adjust": "holm", "together": False, "controls": False}
    search = {"confirm": 2, "max_tasks": 1, "weights": [1.0], "depths": ["auto"], "warm_up": False}
    trained: dict[str, Any] = {"model": network, "domain": "signal", "tasks": "std", "at": "auto", "weights": 1.0}
    trained |= {
        "epochs": 1,
        "batch_size": 4,
        "labelled_share": "auto",
        "verbose": 0,
        "random_state": 0,
        "metrics": None,
    }
    trained |= {"optimizer": "sgd", "loss": "auto", "callbacks": None, "weighting": "fixed", "schedule": "joint"}
    data = {"X": SIGNALS, "y": Y, "sample_weight": None, "label_columns": None}
    ranked = {"targets": targets, "y": Y, "inputs": None, "specs": None, "problem": None, "max_samples": 100, "seed": 0}

    def estimator(kind: Any) -> Any:
        def fitted(X: Any, y: Any, sample_weight: Any, label_columns: Any, **params: Any) -> Any:
            return clone(kind(**params)).fit(X, y, sample_weight, label_columns)

        return fitted

    classes = {**trained, **data, "class_weight": None, "unlabelled": -1}
    numbers = {**trained, **data, "y": SIGNALS[:, 0], "model": lambda: network(1)}
    return {
        "rank_tasks": Call(rank_tasks, _of(ranked), 0.1),
        "audit": Call(audit, _of({**own, **asked}), 0.1),
        "select_tasks": Call(select_tasks, _of({**own, **search}), 0.05),
        "AuxClassifier": Call(estimator(AuxClassifier), _of(classes), 0.1),
        "AuxRegressor": Call(estimator(AuxRegressor), _of(numbers), 0.1),
    }


def compiled() -> keras.Model:
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _not_trained(*_: Any, **__: Any) -> None:
    raise Trained


def all_calls() -> dict[str, Call]:
    """Return all calls by name."""
    return {**of_targets(), **of_predictions(), **of_heads(), **of_labels(), **of_trainings()}
