"""Videos, frame by frame: as many as came in, at their own times, with all else that was in the file."""

from pixmend.infer.video.clip import SUFFIXES, Clip, look_at
from pixmend.infer.video.encode import CONTAINERS
from pixmend.infer.video.plan import VideoPlan, plan_video
from pixmend.infer.video.run import RestoredVideo, carry_out, restore_video

__all__ = [
    "CONTAINERS",
    "SUFFIXES",
    "Clip",
    "RestoredVideo",
    "VideoPlan",
    "carry_out",
    "look_at",
    "plan_video",
    "restore_video",
]
