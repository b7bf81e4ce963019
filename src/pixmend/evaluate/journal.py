"""Records of a run on disk, one line a picture as it is scored: whatever stops the run, only the picture is lost."""

import json
import math
from dataclasses import asdict
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.evaluate.protocol import Score
from pixmend.evaluate.report import Conditions, Record
from pixmend.files import not_writable, replace


class Journal:
    """The file of one model on one benchmark: the conditions in the first line, then a record in each.

    What it holds already is in ``done`` and need not be measured again.

    Raises:
        PixmendError: the file is of a run under other conditions, or is no journal.
    """

    def __init__(self, path: Path, conditions: Conditions) -> None:
        self.path = path
        self.done: dict[str, Record] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # the last line was being written when the run ended
        fingerprint = conditions.fingerprint()
        if whole:
            self._read(whole, fingerprint)
        else:
            head = {"pixmend": "journal of an evaluation", "fingerprint": fingerprint, **asdict(conditions)}
            whole = json.dumps(head) + "\n"
        if whole != text:
            replace(path, whole)

    def add(self, record: Record) -> None:
        """Append; whole lines only count when the file is read again."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(finite(asdict(record))) + "\n")
        except OSError as error:
            raise not_writable(self.path, error) from error

    def _read(self, whole: str, fingerprint: str) -> None:
        try:
            head, *records = [json.loads(line) for line in whole.splitlines()]
            found = head["fingerprint"]
            self.done = {record["name"]: _record(record) for record in records}
        except (ValueError, KeyError, TypeError) as error:
            raise PixmendError(
                f"{self.path}: is no journal of an evaluation: move it away or name another folder"
            ) from error
        if found != fingerprint:
            raise PixmendError(
                f"{self.path}: is of a run with another model, other pictures, another protocol or other versions: "
                "name another folder, or --force to measure anew"
            )


def finite(value: object) -> object:
    """The same with infinities as strings, for which JSON has no number."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _record(content: dict) -> Record:
    psnr, *others = (content["score"][name] for name in ("psnr", "ssim", "psnr_b", "mae"))
    ssim, psnr_b, mae = (None if value is None else float(value) for value in others)
    return Record(**{**content, "score": Score(psnr=float(psnr), ssim=ssim, psnr_b=psnr_b, mae=mae)})
