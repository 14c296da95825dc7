"""Names for the array types that recur in annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
"""An array of float32 or float64."""

Array = NDArray[Any]
"""An array of any dtype."""
