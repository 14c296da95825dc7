"""Defaults on the pages of the API: those of the signature, whatever a docstring's type reads like.

Griffe gives all names of an entry ``a, b : int`` the default of the first, and takes the first of the choices ``{"x",
"y"}`` for one.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from griffe import (
    AliasResolutionError,
    Docstring,
    DocstringSection,
    DocstringSectionParameters,
    ExprName,
    Extension,
    Function,
    Module,
    Object,
)


class SignatureDefaults(Extension):
    """Take the defaults of documented parameters from the signature."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Change all objects of a package that was loaded."""
        _change(pkg)


def _change(found: Object) -> None:
    old = found.docstring
    if old is not None:
        how = {"parser": old.parser, "parser_options": old.parser_options}
        found.docstring = _Docstring(old.value, lineno=old.lineno, endlineno=old.endlineno, parent=found, **how)
    if isinstance(found, Function):
        for parameter in found.parameters:
            if isinstance(parameter.default, ExprName):
                parameter.default = _value_of(parameter.default, found)
    for member in found.members.values():
        if isinstance(member, Object):
            _change(member)


def _value_of(constant: ExprName, function: Function) -> Any:
    """Return what a constant stands for, which says more to a reader than its name."""
    try:
        return function.modules_collection[constant.canonical_path].value
    except (KeyError, AliasResolutionError, AttributeError):
        return constant


class _Docstring(Docstring):
    """A docstring whose parameters have the defaults of the signature."""

    @cached_property
    def parsed(self) -> list[DocstringSection]:
        sections = self.parse()
        known = {parameter.name: parameter for parameter in getattr(self.parent, "parameters", ())}
        for section in sections:
            if isinstance(section, DocstringSectionParameters):
                for parameter in section.value:
                    if parameter.name in known:
                        default = known[parameter.name].default
                        parameter.value = None if default is None else str(default)
        return sections
