"""The papers' claims as experiments that anyone can run: small forms, a curve, and a verdict with its uncertainty."""

from pixmend.studies.carry import Study, plan_study, run_study
from pixmend.studies.names import STUDIES, find
from pixmend.studies.report import Results

__all__ = ["STUDIES", "Results", "Study", "find", "plan_study", "run_study"]
