"""Tasks usable in every domain; importing this package registers them."""

from auxtasks.generic.reconstruction import reconstruction

__all__ = ["reconstruction"]
