"""Fitting on a collection of Dask: one pass over its partitions, two over those of texts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auxtasks.cluster.door import read_source
from auxtasks.cluster.given import bring, pieces
from auxtasks.cluster.part import Part, see_part
from auxtasks.cluster.piece import Piece
from auxtasks.cluster.source import Source
from auxtasks.cluster.tree import reduce_tree
from auxtasks.compute.given_columns import check_names, encode_given, fit_columns
from auxtasks.compute.names import fit_names
from auxtasks.compute.settings import checked_settings
from auxtasks.compute.task import Task
from auxtasks.compute.tasklist import parse_tasks
from auxtasks.errors import InvalidInputError
from auxtasks.optional import require
from auxtasks.scaling.fit import fit_targets

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator


def fit_lazily(generator: AuxTargetGenerator, X: object, given: Mapping[str, object] | None) -> Source:
    """Fit a generator on a collection of Dask, with the scheduler that is active.

    Parameters
    ----------
    generator : AuxTargetGenerator
        Takes the attributes that `AuxTargetGenerator.fit` sets, or stays as it is if anything fails.
    X : dask.array.Array, dask.bag.Bag, dask.dataframe.DataFrame or Series
        The inputs.
    given : mapping of str to array-like, optional
        The given columns.

    Returns
    -------
    Source
        The partitions, with the numbers of their samples.

    Raises
    ------
    AuxTasksError
        As `AuxTargetGenerator.fit`; where samples cannot be used, the partition is named.

    Notes
    -----
    A worker computes the targets of a partition, collects what they tell (counts, means, sums of squared deviations,
    frequencies of classes, which columns are copies), and forgets them; the parts are merged along a tree. Texts are
    gone through twice, because no target can be computed before the vocabulary, the longest text and the tagger's names
    are known; given columns take a count of the samples first where the collection does not tell it.

    Examples
    --------
    >>> import auxtasks, dask.array as da, numpy as np
    >>> generator = auxtasks.AuxTargetGenerator("signal", "std")
    >>> fit_lazily(generator, da.from_array(np.array([[1.0, 3.0], [2.0, 2.0]]), chunks=1), None).rows
    (1, 1)
    >>> generator.scalings_["std"].mean.round(2)  # of log(1 + std)
    array([0.35])
    """
    settings = checked_settings(generator.get_params())
    check_names(given, None)
    tasks = parse_tasks(generator.domain, generator.tasks, given or ())
    source = read_source(X, generator, settings)
    columns = bring(given, generator.domain)
    if columns:
        source = source.counted()
    draft = copy.copy(generator)
    draft.given_ = fit_columns(columns, sum(source.rows or ()))
    draft.texts_ = None
    told_of = pieces(source, columns)
    if generator.domain == "text":
        tasks = _fit_texts(draft, source, told_of, tasks)
    found: Part = _reduced(see_part, source, told_of, draft, tasks)
    if found.told is None:
        raise InvalidInputError("`X` holds no samples: all of its partitions are empty.")
    made = (*tasks, *(column.task for column in encode_given(draft.given_, {}, 0, None, settings.dtype)))
    specs, scalings = fit_targets(made, found.told.seen, scale=settings.scale, compute=found.told.compute)
    generator._learned(
        tasks=tasks,
        given=draft.given_,
        specs=specs,
        scalings=scalings,
        shapes={name: seen.natural for name, seen in found.told.seen.items()},
        row_shape=found.told.row_shape,
        channel_added=found.told.add_channel,
        length=found.told.row_shape[0] if found.told.ragged else None,
        texts=draft.texts_,
    )
    return source.with_rows([found.rows[number] for number in range(len(source.blocks))])


def _fit_texts(
    draft: AuxTargetGenerator, source: Source, told_of: Sequence[Piece], tasks: Sequence[Task]
) -> tuple[Task, ...]:
    """Decide the vocabulary, the number of steps and the names of classes, in a first pass."""
    # Here and not above: importing a family of tasks registers them, and the order of families is the registry's.
    from auxtasks.cluster.classes import check_names_merge, fit_texts, stand_in
    from auxtasks.cluster.words import Words, see_words

    check_names_merge(tasks)
    # The words that are classes are counted anyway; only names of a tagger ask for tagging in this pass already.
    needs = frozenset(column for task in tasks if task.fit is not None for column in task.needs)
    found: Words = _reduced(see_words, source, told_of, draft, needs)
    draft.texts_ = fit_texts(found, draft.max_tokens)
    return fit_names(tasks, stand_in(found, draft.texts_))


def _reduced(see: Any, source: Source, told_of: Sequence[Piece], draft: AuxTargetGenerator, *arguments: Any) -> Any:
    delayed = require("dask", extra="dask").delayed
    # One node for all partitions: a vocabulary is not sent along with each of them.
    shared = [delayed(argument, traverse=False) for argument in (draft, *arguments)]
    return reduce_tree(see, [(b, piece, *shared) for b, piece in zip(source.blocks, told_of, strict=True)]).compute()
