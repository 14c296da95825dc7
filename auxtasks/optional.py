"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from auxtasks.errors import MissingDependencyError


def require(name: str, extra: str) -> ModuleType:
    """Import an optional module, or say how to install it.

    Parameters
    ----------
    name : str
        The module to import, such as ``"skimage.feature"``.
    extra : str
        The extra of auxtasks that brings it, such as ``"image"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the package that holds the module is not installed. An error inside an installed package is passed on
        as it is, because installing it again would not help.

    Examples
    --------
    >>> require("json", extra="test").dumps([1])
    '[1]'
    """
    package = name.partition(".")[0]
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"`{package}` is needed here and not installed. Install it with: pip install 'auxtasks[{extra}]'",
            name=package,
        )
    return import_module(name)
