"""What a file cannot hold of a generator for texts, and who says so when it is missed."""

from __future__ import annotations

from dataclasses import dataclass

from auxtasks.errors import InvalidInputError


@dataclass(frozen=True)
class Unsaved:
    """Stands where a parameter was an object that is not written to disk, such as a function or a loaded pipeline.

    Parameters
    ----------
    parameter : str
        The parameter's name.
    what : str
        What it was.
    """

    parameter: str
    what: str

    def missed(self) -> InvalidInputError:
        """Return the error to raise where the object is needed."""
        return InvalidInputError(
            f"`{self.parameter}` was {self.what}, which is not saved with targets; give it again by "
            f"targets.generator.set_params({self.parameter}=...)."
        )
