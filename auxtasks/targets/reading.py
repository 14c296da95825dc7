"""Reading the inputs of any domain, as a generator's parameters ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auxtasks.compute.settings import Settings
from auxtasks.compute.task import Task
from auxtasks.errors import InvalidInputError
from auxtasks.inputs.read import read_inputs
from auxtasks.inputs.samples import Dense, Ragged, Samples

if TYPE_CHECKING:
    from auxtasks.targets.generator import AuxTargetGenerator
    from auxtasks.text.documents import Documents

TEXT_ONLY = (
    "tokenizer",
    "max_tokens",
    "length",
    "inputs",
    "backend",
    "pipeline",
    "batch_size",
    "n_process",
    "cache",
)
"""The parameters that only texts have."""


def read_samples(X: object, generator: AuxTargetGenerator, settings: Settings, *, fitted: bool) -> Samples | Documents:
    """Read inputs; texts are not tagged yet.

    Parameters
    ----------
    X : array-like or sequence
        The inputs.
    generator : AuxTargetGenerator
        Whose parameters say how to read them.
    settings : Settings
        The checked parameters that are not about texts.
    fitted : bool
        Whether to lay them out like the inputs that the generator was fitted on.

    Returns
    -------
    Dense, Ragged or Documents
        The samples.

    Raises
    ------
    AuxTasksError
        If an input or a parameter cannot be used.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.compute.settings import checked_settings
    >>> generator = auxtasks.AuxTargetGenerator("signal")
    >>> read_samples([[1.0, 2.0]], generator, checked_settings(generator.get_params()), fitted=False).n
    1
    """
    params = generator.get_params()
    if generator.domain != "text":
        _refuse_text_only(params, generator)
        length = generator.length_ if fitted else None
        return read_inputs(
            X, generator.domain, padding=settings.padding, padding_value=settings.padding_value, length=length
        )
    # Here and not above: importing a family of tasks registers them, and the order of families is the registry's.
    from auxtasks.text.build import read_documents
    from auxtasks.text.settings import checked_text_settings

    return read_documents(X, checked_text_settings(params), generator.texts_ if fitted else None)


def tagged_samples(
    samples: Samples | Documents, generator: AuxTargetGenerator, tasks: Sequence[Task], *, fitted: bool
) -> Samples | Documents:
    """Tag texts as tasks need it; after everything else was checked, because it takes most of the time.

    Parameters
    ----------
    samples : Dense, Ragged or Documents
        The inputs.
    generator : AuxTargetGenerator
        Whose parameters say what tags them.
    tasks : sequence of Task
        What is to be computed.
    fitted : bool
        Whether these are other inputs than the generator was fitted on.

    Returns
    -------
    Dense, Ragged or Documents
        The same samples; texts with annotations.

    Raises
    ------
    AuxTasksError
        If the texts cannot be tagged.

    Examples
    --------
    >>> import auxtasks
    >>> from auxtasks.inputs.read import read_inputs
    >>> samples = read_inputs([[1.0, 2.0]], "signal")
    >>> tagged_samples(samples, auxtasks.AuxTargetGenerator("signal"), [], fitted=False) is samples
    True
    """
    if isinstance(samples, (Dense, Ragged)):
        return samples
    from auxtasks.text.build import tagged
    from auxtasks.text.settings import checked_text_settings

    needs = {column for task in tasks for column in task.needs}
    return tagged(samples, checked_text_settings(generator.get_params()), needs, training=not fitted)


def laid_out(given: Mapping[str, object] | None, samples: Samples | Documents) -> dict[str, object]:
    """Return given columns as arrays; of texts, those with a label for each token follow the model's tokens.

    Parameters
    ----------
    given : mapping of str to array-like or None
        The columns.
    samples : Dense, Ragged or Documents
        The inputs.

    Returns
    -------
    dict of str to array-like
        The columns.

    Raises
    ------
    InvalidInputError
        If texts have more or fewer labels than tokens.

    Examples
    --------
    >>> from auxtasks.inputs.read import read_inputs
    >>> laid_out(None, read_inputs([[1.0, 2.0]], "signal"))
    {}
    """
    if isinstance(samples, (Dense, Ragged)):
        return dict(given or {})
    from auxtasks.text.labels import lay_out_labels

    return lay_out_labels(given or {}, samples)


def _refuse_text_only(params: dict[str, Any], generator: AuxTargetGenerator) -> None:
    defaults = generator._defaults()
    for name in TEXT_ONLY:
        if params[name] is not defaults[name] and params[name] != defaults[name]:
            raise InvalidInputError(
                f"`{name}` is for domain 'text' and has no meaning for {generator.domain!r}; leave it out."
            )
