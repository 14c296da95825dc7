"""`AuxModel`: a model with auxiliary heads, trained by plain ``fit``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf

from auxtasks.batches.composition import Weight
from auxtasks.batches.forms import AuxBatch, as_inputs
from auxtasks.generator import AuxTargetGenerator
from auxtasks.keras.fitting import Fitting
from auxtasks.keras.heads import build_heads
from auxtasks.keras.loss_names import TaskLoss
from auxtasks.keras.losses import activated
from auxtasks.keras.objective import KnownMean, TaskMeans
from auxtasks.keras.on_the_fly import OnTheFly
from auxtasks.keras.plan import Plan
from auxtasks.keras.recording import Event, recording
from auxtasks.keras.training import CurrentStep
from auxtasks.keras.trial import Shape
from auxtasks.keras.turns.schedule import Asked, Schedule
from auxtasks.keras.weighting.base import Weighting
from auxtasks.specs import TargetSpec


@keras.saving.register_keras_serializable("auxtasks")
class AuxModel(Fitting):
    """A Keras model with heads for auxiliary targets; made by `attach_heads`.

    Calling it returns the outputs of the base model alone, so that ``predict``, ``evaluate`` with plain labels,
    ``class_weight``, callbacks and export work as on the base. In training, the loss of each task over its chance,
    times its weight, is added to the main loss.

    Parameters
    ----------
    base : keras.Model
        The model; it is not changed.
    specs : mapping of str to TargetSpec
        The auxiliary targets.
    taps : mapping of str to (path, call, shape)
        For each target, the layer that its head reads, which call of it, and the shape of its output without batch.
    weights : mapping of str to float
        The loss weight of each task.
    seed : int
        Seeds the heads.
    name : str, optional
        The model's name.
    ties : mapping of str to (path, rows, width), optional
        For the targets whose head is tied to an embedding of the model, its path, the row of each class and the width
        of a row.
    schedule : str, mapping or callable, default "joint"
        Whether all tasks are trained at once or in turn; see `attach_heads`.
    generator : AuxTargetGenerator, optional
        What computes the targets in training, where the data does not hold them.
    weighting : sequence of Weighting, default ()
        What weighs the losses while the model trains; see `attach_heads`.
    losses : mapping of str to Loss or Rebalanced, optional
        Of the targets that do not keep the loss of their kind; ``chance`` in `specs` is that of these losses.
    metrics : mapping of str to list of Metric, optional
        Metrics of the targets.
    """

    def __init__(
        self,
        base: keras.Model,
        specs: Mapping[str, TargetSpec],
        taps: Mapping[str, tuple[str, int, Shape]],
        weights: Mapping[str, Weight],
        seed: int,
        name: str | None = None,
        ties: Mapping[str, tuple[str, Sequence[int], int]] | None = None,
        schedule: Asked = "joint",
        generator: AuxTargetGenerator | None = None,
        weighting: Sequence[Weighting] = (),
        losses: Mapping[str, TaskLoss] | None = None,
        metrics: Mapping[str, Sequence[keras.metrics.Metric]] | None = None,
    ) -> None:
        # The base's own policy: under another one the inputs would be cast before the base sees them.
        super().__init__(name=name or f"aux_{base.name}", dtype=base.dtype_policy, autocast=base.autocast)
        self.base = base
        self._plan = Plan.make(base, specs, taps, ties or {})
        self._add_weightings(weighting, list(specs))
        self._add_turns(schedule, self._plan, seed)
        self.heads = build_heads(specs, self._plan.taps, seed, self._plan.ties, fused=not self.in_turns)
        self._seed = seed
        self._step = CurrentStep()
        self._on_the_fly = OnTheFly(generator)
        # Keras does not look into a plain object, and would save the predictor as a part of this model.
        self._untracked = SimpleNamespace()
        self._main_loss = KnownMean(name="main_loss")
        self._task_losses = TaskMeans(list(specs))
        self._add_loss_weights(weights)
        self._add_scores(losses or {}, metrics or {})
        self.built = True

    @property
    def specs(self) -> dict[str, TargetSpec]:
        """The auxiliary targets by name."""
        return dict(self._plan.specs)

    @property
    def taps(self) -> dict[str, str]:
        """The path of the layer that each task's head reads."""
        return {task: point.path for task, point in self._plan.taps.items()}

    @property
    def tapped_layers(self) -> list[keras.Layer]:
        """The layers that heads read."""
        return list(self._plan.layers.values())

    def predict_heads(self, events: Sequence[Event]) -> dict[str, Any]:
        """Return the linear outputs of every head, given the calls of tapped layers in a forward pass."""
        outputs: dict[str, Any] = {}
        for head in self.heads:
            event = self._plan.event_of(head.specs[0].name, events)
            outputs |= head.predict_from(event.output, event.mask)
        return {name: outputs[name] for name in self.specs}

    def predict_auxiliary(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> dict[str, Any]:
        """Predict the auxiliary targets.

        Parameters
        ----------
        x : array, structure of arrays, tf.data.Dataset or PyDataset
            The inputs.
        batch_size, verbose
            As for `keras.Model.predict`.

        Returns
        -------
        dict of str to ndarray
            Numbers in the scale they were trained in, which ``targets.unscale`` turns into units; probabilities for
            classes, labels and distributions, along the last axis. NaN for the steps of a target that a batch of
            shorter texts does not have.
        """
        if not hasattr(self._untracked, "predictor"):
            self._untracked.predictor = AuxiliaryPredictor(self)
        predictions: dict[str, Any] = self._untracked.predictor.predict(
            as_inputs(x), batch_size=batch_size, verbose=verbose
        )
        return predictions

    @property
    def output_names(self) -> list[str] | None:
        """The names of the base's outputs, by which Keras matches labels, losses and metrics; None if it has none."""
        return getattr(self.base, "output_names", None)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs of the base model."""
        if isinstance(inputs, AuxBatch):
            inputs = inputs.inputs
        return self.base(inputs, training=training)

    def save_own_variables(self, store: Any) -> None:
        """Save also the states of random generators, so that a resumed run goes on as it would have."""
        super().save_own_variables(store)
        store_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Load what `save_own_variables` saved."""
        super().load_own_variables(take_states(self, store))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs; the base must be serialisable itself."""
        return {
            "name": self.name,
            "base": keras.saving.serialize_keras_object(self.base),
            **self._plan.to_config(self.base),
            "weights": self._asked_weights(),
            "seed": self._seed,
            "weighting": [keras.saving.serialize_keras_object(each) for each in self.weightings],
            **self._turns.to_config(),
            **self._on_the_fly.to_config(),
            **self._scores_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> AuxModel:
        """Make the model that `get_config` described."""
        base = keras.saving.deserialize_keras_object(config["base"], custom_objects=custom_objects)
        specs = {name: TargetSpec.from_dict(spec) for name, spec in config["specs"].items()}
        taps, ties = (Plan.by_path(base, config.get(part, {})) for part in ("taps", "ties"))
        schedule = Schedule.from_config(config.get("schedule", "joint"), custom_objects)
        weighting = [
            keras.saving.deserialize_keras_object(each, custom_objects) for each in config.get("weighting", [])
        ]
        made = {"base": base, "specs": specs, "taps": taps, "ties": ties, "schedule": schedule, "weighting": weighting}
        made |= cls._scores_from_config(config, specs, custom_objects)
        return cls(**{**config, **made, "generator": OnTheFly.from_config(config).generator})

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Export for inference; see `keras.Model.export`. Nothing of the heads is in what is written."""
        return self.base.export(*args, **kwargs)


class AuxiliaryPredictor(keras.Model):
    """A view of an `AuxModel` that returns what its heads predict.

    Parameters
    ----------
    model : AuxModel
        The model with heads.
    """

    def __init__(self, model: AuxModel) -> None:
        super().__init__(name=f"{model.name}_auxiliary", dtype=model.dtype_policy, autocast=model.autocast)
        self.model = model
        self.built = True

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the prediction of each target: numbers as trained, or probabilities."""
        with recording(self.model.tapped_layers) as events:
            self.model(inputs, training=False)
        linear = self.model.predict_heads(events)
        specs = self.model.specs
        return {name: _padded(specs[name], activated(specs[name], output)) for name, output in linear.items()}


def _padded(spec: TargetSpec, output: Any) -> Any:
    """Bring predictions per step to the target's length: the texts of another batch may be longer or shorter."""
    if spec.kind not in ("step_class", "step_vector") or output.shape[1] == spec.shape[0]:
        return output
    length = spec.shape[0]
    output = output[:, :length]
    padding = [[0, 0], [0, length - tf.shape(output)[1]], [0, 0]]
    padded = tf.pad(output, padding, constant_values=tf.constant(float("nan"), output.dtype))
    return tf.ensure_shape(padded, (None, length, spec.size))


_PREFIX = "seed_"


def states_of(model: keras.Model) -> list[Any]:
    """Return the state variable of every random generator in a model, each once."""
    generators = [generator for layer in model._flatten_layers() for generator in layer._seed_generators]
    return [generator.state for generator in {id(each): each for each in generators}.values()]


def store_states(model: keras.Model, store: Any) -> None:
    """Write the states beside the variables that a model saves."""
    for index, state in enumerate(states_of(model)):
        store[f"{_PREFIX}{index}"] = keras.ops.convert_to_numpy(state)


def take_states(model: keras.Model, store: Mapping[str, Any]) -> dict[str, Any]:
    """Set the states from what was stored, and return the rest."""
    stored = {name: store[name] for name in store.keys()}  # noqa: SIM118 - Keras's store is no mapping
    states = states_of(model)
    found = {name: value for name, value in stored.items() if name.startswith(_PREFIX)}
    if len(found) == len(states):  # layers that make their generator only when called have none yet
        for index, state in enumerate(states):
            state.assign(found[f"{_PREFIX}{index}"])
    return {name: value for name, value in stored.items() if name not in found}
