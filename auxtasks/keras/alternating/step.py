"""Training in turns: whose turn each step is, and one step that trains one task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from auxtasks.backend import ON_TENSORFLOW, check_tensorflow
from auxtasks.errors import InvalidInputError
from auxtasks.keras.alternating import Schedule
from auxtasks.keras.alternating.batches import label_counts
from auxtasks.keras.compiling import optimizer_like, unscaled
from auxtasks.keras.layers import walk
from auxtasks.keras.objective import Parts
from auxtasks.keras.private import statistics_of
from auxtasks.keras.weighting.base import Weighting
from auxtasks.keras.weighting.by_gradient import GradientWeighting

if ON_TENSORFLOW:
    import tensorflow as tf


class Alternation:
    """Whose turn it is, by a schedule and by counts that are saved with the model.

    A plain object: the optimizers of the tasks, which Keras must track and save, are an attribute of the model.
    """

    @classmethod
    def of(
        cls, schedule: Schedule, seed: int, weightings: Iterable[Weighting], add_weight: Callable[..., Any]
    ) -> Alternation | None:
        if schedule.kind == "joint":
            return None
        check_tensorflow(
            "schedule",
            "tasks are trained in turn",
            "each takes the gradients of its own loss in the middle of a step",
            "Use schedule='joint'",
        )
        for weighting in weightings:
            if isinstance(weighting, GradientWeighting) or weighting.trainable_variables:
                raise InvalidInputError(
                    f"`weighting`: {type(weighting).__name__} needs several tasks in a step and cannot be combined "
                    "with a `schedule` that trains one; use schedule='joint', or a weighting that follows a plan or "
                    "the losses."
                )
        return cls(schedule, seed, add_weight)

    def __init__(self, schedule: Schedule, seed: int, add_weight: Callable[..., Any]) -> None:
        self.schedule, self.seed = schedule, seed
        n_tasks = len(schedule.tasks)
        self.step = add_weight(name="alternation_step", shape=(), initializer="zeros", trainable=False, dtype="int64")
        # Zeros until the labels have been counted.
        self.ratio = add_weight(
            name="alternation_ratio", shape=(n_tasks,), initializer="zeros", trainable=False, dtype="float32"
        )
        self.counts = add_weight(
            name="alternation_counts", shape=(n_tasks,), initializer="zeros", trainable=False, dtype="int64"
        )
        if schedule.ratio is not None:
            self.ratio.assign(schedule.ratio)

    def compile_arguments(self, jit_compile: Any = "auto", **_: Any) -> dict[str, Any]:
        if self.schedule.kind != "callable":
            return {}
        if jit_compile not in ("auto", False):
            raise InvalidInputError(
                "`jit_compile` cannot be True with a function as schedule, which runs in Python; leave it out."
            )
        return {"jit_compile": False}

    def clones(self, optimizer: Any, n_devices: int) -> list[Any]:
        if getattr(unscaled(optimizer), "use_ema", False):
            raise InvalidInputError(
                "`optimizer` has use_ema=True, which cannot be combined with a schedule other than 'joint': each "
                "task has its own optimizer, with its own average of the shared weights. Omit use_ema."
            )
        if n_devices > 1:
            raise InvalidInputError(
                "`schedule`: tasks are trained in turn on one device only; got a strategy with "
                f"{n_devices} replicas. Use schedule='joint'."
            )
        return [optimizer_like(optimizer) for _ in self.schedule.tasks[1:]]

    def count_labels(self, x: Any) -> None:
        if self.schedule.kind != "proportional" or self.schedule.ratio is not None:
            return
        counts = label_counts(x, self.schedule.tasks)
        if counts is not None:
            self.ratio.assign(counts)
        elif not ops.convert_to_numpy(self.ratio).any():
            raise InvalidInputError(
                "`schedule`: labelled samples can only be counted in arrays passed to fit; set the ratio, as in "
                "schedule={'proportional': {'ratio': {'main': 1000, 'fft': 5000}}}."
            )

    def build_optimizers(self, model: Any) -> None:
        """Give each optimizer a state for the variables that its task trains, where it has none yet."""
        for optimizer, variables in self._optimizers(model):
            if not optimizer.built:
                optimizer.build(variables)

    def trainer(self, model: Any) -> Callable[[tf.GradientTape, Any, Parts], None]:
        """Return what trains the task whose turn it is; to be called before the forward pass."""
        return partial(self._train, model, Statistics(model.base))

    def _train(self, model: Any, statistics: Statistics, tape: tf.GradientTape, loss: Any, parts: Parts) -> None:
        """Train one task; the losses of all are computed and logged, as in joint training."""
        del loss
        factor = ops.ones(()) if parts.main_factor is None else ops.cast(parts.main_factor, "float32")
        n_labels, counts = (ops.cast(count, "float32") for count in parts.counts)
        trains_main = ops.logical_and(model._trains_main, factor > 0)
        turn = choose(
            self.schedule,
            self.step.value,
            self.seed,
            self.ratio.value,
            self.counts.value,
            present=ops.concatenate([ops.reshape(n_labels, (1,)), counts]) > 0,
            trained=ops.concatenate([ops.reshape(trains_main, (1,)), parts.weights > 0]),
        )
        branches = [
            partial(_train_one, tape, each, weight, optimizer, model.optimizer, variables, statistics)
            for each, weight, (optimizer, variables) in zip(
                [parts.main, *parts.losses],
                [factor, *ops.unstack(parts.weights, len(parts.losses))],
                self._optimizers(model),
                strict=True,
            )
        ]
        branches.append(partial(_nothing, statistics))
        if tf.executing_eagerly():
            branches[int(turn)]()
        else:
            tf.switch_case(turn, branches)
        if self.schedule.kind == "alternating":
            self.counts.assign(counted(self.counts.value, self.ratio.value, turn))
        self.step.assign_add(1)

    def _optimizers(self, model: Any) -> list[tuple[Any, list[Any]]]:
        """Return for each task its optimizer and all that its loss may depend on; what it does not has no gradient."""
        of_heads = {head.specs[0].name: head.trainable_variables for head in model.heads}
        return [
            (optimizer, [*model.base.trainable_variables, *of_heads.get(task, ())])
            for task, optimizer in zip(self.schedule.tasks, [model.optimizer, *model._task_optimizers], strict=True)
        ]


def _nothing(statistics: Statistics) -> Any:
    statistics.put_back(reached=())
    return tf.constant(0)


def _train_one(
    tape: tf.GradientTape,
    loss: Any,
    weight: Any,
    optimizer: Any,
    main_optimizer: Any,
    variables: list[Any],
    statistics: Statistics,
) -> Any:
    """Apply the gradients of one loss; variables without one, weight decay and momentum included, are left alone."""
    scale = optimizer.scale_loss(ops.ones_like(loss)) * ops.cast(weight, loss.dtype)
    gradients = tape.gradient(loss, [variable.value for variable in variables], output_gradients=scale)
    reached = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
    if reached:
        _follow_learning_rate(optimizer, main_optimizer)
        optimizer.apply(*zip(*reached, strict=True))
    statistics.put_back(reached=[variable for _, variable in reached])
    return tf.constant(0)


class Statistics:
    """The values, before a forward pass, of what is not trained in the layers that have something trainable too.

    Others are left out: frozen layers change nothing, and nothing tells who reaches a layer that trains nothing.
    """

    def __init__(self, base: keras.Model) -> None:
        # Each with its value, and with the trainable variables of its layer.
        self._held: list[tuple[Any, Any, frozenset[int]]] = []
        for _, layer in walk(base):
            of_layer = frozenset(id(variable) for variable in layer.trainable_variables)
            own = statistics_of(layer) if of_layer else []
            self._held += [(variable, tf.identity(variable.value), of_layer) for variable in own]

    def put_back(self, reached: Sequence[Any]) -> None:
        """Give layers of which no variable was reached the values they had."""
        known = {id(variable) for variable in reached}
        for variable, value, of_layer in self._held:
            if not of_layer & known:
                variable.assign(value)


def _follow_learning_rate(optimizer: Any, main: Any) -> None:
    """Give an optimizer the learning rate that the main one has now.

    Callbacks change the main optimizer's alone. A learning-rate schedule is left to count each task's own steps.
    """
    if optimizer is not main and isinstance(optimizer.learning_rate, keras.Variable):
        optimizer.learning_rate.assign(ops.convert_to_tensor(main.learning_rate))


def choose(schedule: Schedule, step: Any, seed: int, ratio: Any, turns: Any, *, present: Any, trained: Any) -> Any:
    """Return the number of the task that a step trains.

    A batch with labels of one task alone trains this task, whichever's turn it is. Otherwise the turns go round among
    the tasks that have both labels in the batch and a positive weight.

    For ``"alternating"`` it is the first of the tasks with the fewest whole rounds, of turns // ratio, behind it. While
    the same tasks can be trained, this goes round in their order; a task that had no label when its turn came has it
    as soon as it has one. For ``"proportional"``, with r the ratio of the tasks that can be trained, 0 for the others,
    and c its running sum, it is the first with c > u sum(r), where u from [0, 1) is made of 32 bits of the Philox
    generator for the key (seed, step).
    """
    usable = tf.logical_and(present, trained)
    n_tasks = len(schedule.tasks)
    if schedule.kind == "callable":
        turn = _by_function(schedule, step)
    elif schedule.kind == "alternating":
        in_order = tf.logical_and(usable, ratio > 0)
        rounds = tf.where(in_order, _rounds(turns, ratio), tf.int64.max)
        turn = tf.where(tf.reduce_any(in_order), tf.argmin(rounds, output_type=tf.int32), n_tasks)
    else:
        bounds = tf.cumsum(tf.where(usable, tf.cast(ratio, tf.float64), 0.0))
        turn = tf.reduce_sum(tf.cast(bounds <= bounds[-1] * _share(seed, step), tf.int32))
    alone = tf.reduce_sum(tf.cast(present, tf.int32)) == 1
    turn = tf.where(alone, tf.argmax(tf.cast(present, tf.int32), output_type=tf.int32), turn)
    # The last entry stands for no task.
    return tf.where(tf.gather(tf.concat([usable, [False]], axis=0), turn), turn, n_tasks)


def counted(turns: Any, ratio: Any, turn: Any) -> Any:
    chosen = tf.range(turns.shape[0]) == turn
    # A task of ratio 0 is trained only where it is alone, and makes no rounds.
    rounds = tf.where(tf.logical_and(chosen, ratio > 0), _rounds(turns, ratio), 0)
    behind = tf.reduce_max(rounds) - 1
    return tf.maximum(turns + tf.cast(chosen, tf.int64), behind * tf.cast(ratio, tf.int64))


def _rounds(turns: Any, ratio: Any) -> Any:
    return turns // tf.maximum(tf.cast(ratio, tf.int64), 1)


def _share(seed: int, step: Any) -> Any:
    """Draw whole numbers, which are the same under XLA as without; floats are not."""
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    bits = tf.random.stateless_uniform((), key, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
    return tf.cast(bits, tf.float64) / 2.0**32


def _by_function(schedule: Schedule, step: Any) -> Any:
    if tf.executing_eagerly():
        return tf.constant(schedule.number_of(int(step)), tf.int32)
    turn = tf.py_function(lambda step: schedule.number_of(int(step)), [step], tf.int32)
    turn.set_shape(())
    return turn
