"""Tasks computed from signals of shape (n, time, channels); importing this package registers them."""

from auxtasks.signal.variation import std

__all__ = ["std"]
