"""Objects that move, found event by event: neurons with conduction delays that are tuned to velocities."""

from .._lib.modules import only_public
from .bank import Response, VelocityBank
from .motion import Motion, MotionTrack, find_motion
from .noise import Noise, estimate_noise

__all__ = ["Motion", "MotionTrack", "Noise", "Response", "VelocityBank", "estimate_noise", "find_motion"]


__dir__ = only_public(__all__)
