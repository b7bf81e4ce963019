"""Folders of pictures: thousands at once, a result whole or not there, and never one that is silently wrong."""

from pixmend.infer.folder.find import Found, find_pictures
from pixmend.infer.folder.job import Item, Job, plan_job
from pixmend.infer.folder.record import FAILURES, Record
from pixmend.infer.folder.run import FolderRun, restore_folder

__all__ = ["FAILURES", "FolderRun", "Found", "Item", "Job", "Record", "find_pictures", "plan_job", "restore_folder"]
