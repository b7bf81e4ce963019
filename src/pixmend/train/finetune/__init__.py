"""Fine-tuning for people: somebody's own pictures, a budget of memory, and a score before and after.

``plan`` decides, ``begin`` holds pictures out and scores the weights as they are, ``pixmend.train.fit`` carries out the
plan's run as any other, ``finish`` scores again and judges.
"""

from pixmend.train.finetune.course import begin, finish, is_finetuning
from pixmend.train.finetune.judge import Outcome
from pixmend.train.finetune.ladder import Choice
from pixmend.train.finetune.planning import Plan, plan

__all__ = ["Choice", "Outcome", "Plan", "begin", "finish", "is_finetuning", "plan"]
