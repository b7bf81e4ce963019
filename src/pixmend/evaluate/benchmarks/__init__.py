"""Benchmarks: which sets of pictures there are, how they lie on disk, which files belong together."""

from pixmend.evaluate.benchmarks.finding import find, locate
from pixmend.evaluate.benchmarks.known import KNOWN, Known, known, same_set
from pixmend.evaluate.benchmarks.reading import Benchmark, Pair

__all__ = ["KNOWN", "Benchmark", "Known", "Pair", "find", "known", "locate", "same_set"]
