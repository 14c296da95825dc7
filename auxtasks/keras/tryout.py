"""Trying a model out before heads are attached."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from auxtasks.batches.forms import changed_texts, is_text, shortened
from auxtasks.keras.leaks import outputs_seeing
from auxtasks.keras.taps import STEP_KINDS
from auxtasks.keras.trial import Samples, Trial, check_shapes, check_texts, trial_run
from auxtasks.specs import TargetSpec


def try_out(base: keras.Model, samples: Samples, specs: Mapping[str, TargetSpec]) -> Trial:
    """Run the model on the longest samples, and on what shows what its tensors depend on."""
    tensors = samples.tensors(samples.rows())
    shorter = changed_texts(tensors, shortened) if any(map(is_text, keras.tree.flatten(tensors))) else None
    try:
        outputs = trial_run(base, tensors, shorter)
    except tf.errors.UnimplementedError:  # numbers cannot be cast to texts
        check_texts(tensors, base)
        raise
    except (ValueError, tf.errors.InvalidArgumentError):
        check_shapes(tensors, base)
        raise
    asked = {spec.asks_for: spec.shape[0] for spec in specs.values() if spec.asks_for and spec.kind in STEP_KINDS}
    seeing = {asks: outputs_seeing(base, samples, outputs, asks, n_steps) for asks, n_steps in asked.items()}
    return Trial(
        outputs,
        samples.counted(),
        samples.layout.padding,
        {asks: found for asks, found in seeing.items() if found is not None},
    )
