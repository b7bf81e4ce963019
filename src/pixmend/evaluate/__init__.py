"""Scoring as the papers did: benchmarks, protocols, and a report that says what was measured and how."""

from pixmend.evaluate.baseline import BicubicEnlarge, Identity
from pixmend.evaluate.benchmarks import Benchmark, find
from pixmend.evaluate.protocol import (
    CLASSIC_SR,
    COLOUR_DENOISING,
    DERAINING,
    PROTOCOLS,
    Protocol,
    ReseededNoise,
    Score,
    protocol_named,
    protocol_of,
)
from pixmend.evaluate.report import Record, Report
from pixmend.evaluate.runner import measure
from pixmend.tasks import Task, parse_task

__all__ = [
    "CLASSIC_SR",
    "COLOUR_DENOISING",
    "DERAINING",
    "PROTOCOLS",
    "Benchmark",
    "BicubicEnlarge",
    "Identity",
    "Protocol",
    "Record",
    "Report",
    "ReseededNoise",
    "Score",
    "Task",
    "find",
    "measure",
    "parse_task",
    "protocol_named",
    "protocol_of",
]
