"""Tasks computed from videos; importing this package registers them."""

# The order of import is the order in which the tasks are listed.
# isort: off
from auxtasks.video.motion import motion_energy
from auxtasks.video.prediction import next_frame
# isort: on

__all__ = ["motion_energy", "next_frame"]
