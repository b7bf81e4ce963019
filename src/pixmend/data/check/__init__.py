"""What is wrong with a folder of pictures, found before a network is trained on it."""

from pixmend.data.check.report import Case, CheckReport, Finding, Severity
from pixmend.data.check.run import check_folder

__all__ = ["Case", "CheckReport", "Finding", "Severity", "check_folder"]
