"""Attention of every transformer, from outside: how far its heads look, and where they look from a place."""

from pixmend.analyze.attention.distance import Reach, attention_distance
from pixmend.analyze.attention.maps import AttentionMap, Box, Looking, attention_maps
from pixmend.analyze.attention.record import Call, attentions_of, find_attentions, read_attention

__all__ = [
    "AttentionMap",
    "Box",
    "Call",
    "Looking",
    "Reach",
    "attention_distance",
    "attention_maps",
    "attentions_of",
    "find_attentions",
    "read_attention",
]
