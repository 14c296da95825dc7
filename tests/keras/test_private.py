"""Every name of Keras that is not public stands in one file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import auxtasks

PACKAGE = Path(auxtasks.__file__).parent
PRIVATE = PACKAGE / "keras" / "private.py"
ELSEWHERE = {("extractors/text/tokenizers/keras_layers.py", "_preprocess")}
"""Of a layer of the user's, on a floor below `auxtasks.keras`."""


def _names() -> set[str]:
    """The private names in `auxtasks.keras.private`, as attributes or in strings."""
    nodes = list(ast.walk(ast.parse(PRIVATE.read_text(encoding="utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {name for name in attributes | strings if re.fullmatch(r"_[a-z]\w+", name)}


def test_private_names_of_keras_stand_in_one_file() -> None:
    names = _names() | {"_preprocess", "_layers", "_operations", "_is_function_set"}
    assert {"_flatten_layers", "_compile_config", "_fn_kwargs"} <= names
    used = re.compile(rf"(keras\.src|(?<=[.\"'])(?:{'|'.join(sorted(names))}))\b")
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PRIVATE
        for name in used.findall(path.read_text(encoding="utf-8"))
    }
    assert found == ELSEWHERE
