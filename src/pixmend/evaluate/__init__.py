"""Scoring as the papers did: benchmarks, protocols, and a report that says what was measured and how."""

from pixmend.evaluate.baseline import BASELINES, BicubicEnlarge, Identity, baseline_name, baseline_named
from pixmend.evaluate.benchmarks import KNOWN, Benchmark, Known, find, known, locate
from pixmend.evaluate.comparison import Comparison
from pixmend.evaluate.journal import Journal
from pixmend.evaluate.noise import Noise
from pixmend.evaluate.padding import Padding, parse_padding
from pixmend.evaluate.protocol import Protocol, Score
from pixmend.evaluate.protocols import CLASSIC_SR, COLOUR_DENOISING, DERAINING, PROTOCOLS, protocol_named, protocol_of
from pixmend.evaluate.published import Published, published
from pixmend.evaluate.report import Conditions, Record, Report
from pixmend.evaluate.runner import Measurement, measure, select
from pixmend.tasks import Task, parse_task

__all__ = [
    "BASELINES",
    "CLASSIC_SR",
    "COLOUR_DENOISING",
    "DERAINING",
    "KNOWN",
    "PROTOCOLS",
    "Benchmark",
    "BicubicEnlarge",
    "Comparison",
    "Conditions",
    "Identity",
    "Journal",
    "Known",
    "Measurement",
    "Noise",
    "Padding",
    "Protocol",
    "Published",
    "Record",
    "Report",
    "Score",
    "Task",
    "baseline_name",
    "baseline_named",
    "find",
    "known",
    "locate",
    "measure",
    "parse_padding",
    "parse_task",
    "protocol_named",
    "protocol_of",
    "published",
    "select",
]
