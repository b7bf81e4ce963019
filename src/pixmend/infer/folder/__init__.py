"""Folders of pictures: thousands at once, a result whole or not there, and never one that is silently wrong."""

from pixmend.infer.folder.find import Found, find_pictures
from pixmend.infer.folder.forecast import JobForecast, forecast_job
from pixmend.infer.folder.job import Item, Job, plan_job
from pixmend.infer.folder.record import FAILURES, Record
from pixmend.infer.folder.run import FolderRun
from pixmend.infer.folder.start import restore_folder, watch_folder
from pixmend.infer.folder.way import Way

__all__ = [
    "FAILURES",
    "FolderRun",
    "Found",
    "Item",
    "Job",
    "JobForecast",
    "Record",
    "Way",
    "find_pictures",
    "forecast_job",
    "plan_job",
    "restore_folder",
    "watch_folder",
]
