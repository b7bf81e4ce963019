"""Training runs by name, each a function that returns a typed run to carry out or to derive others from.

A function's docstring says which table of a paper it reproduces, with which command and pictures, on what hardware,
what score to expect by which protocol, and where paper and code disagree.
"""

from pixmend.recipes import cnn, default, edt, hat, ipt, restormer, swinir
from pixmend.recipes.names import RECIPES, find
from pixmend.recipes.shrink import small

__all__ = ["RECIPES", "cnn", "default", "edt", "find", "hat", "ipt", "restormer", "small", "swinir"]
