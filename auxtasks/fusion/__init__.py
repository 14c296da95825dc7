"""Several predictions of the same samples, made one: by heads at several depths, or by models of several seeds."""

from auxtasks.fusion.fuse import Method, fuse

__all__ = ["Method", "fuse"]
