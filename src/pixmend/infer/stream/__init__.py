"""Pictures larger than memory: read, restored and written some rows at a time, and continued after a kill."""

from pixmend.infer.stream.journal import begun
from pixmend.infer.stream.plan import MEMORY, StreamPlan, plan_stream
from pixmend.infer.stream.run import Streamed, carry_out, stream_picture
from pixmend.infer.stream.seams import Certificate, Seam, certify

__all__ = [
    "MEMORY",
    "Certificate",
    "Seam",
    "StreamPlan",
    "Streamed",
    "begun",
    "carry_out",
    "certify",
    "plan_stream",
    "stream_picture",
]
