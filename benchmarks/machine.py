"""What a measurement must say of where it was made."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

import pixmend

RESULTS = Path(__file__).parent / "results"


def describe() -> dict[str, object]:
    """Machine, versions, commit, date."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent)
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": model[0].partition(":")[2].strip() if model else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pixmend": pixmend.__version__,
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def keep(name: str, command: str, rows: list[dict[str, object]]) -> None:
    """Write results/<name>.json and print the rows."""
    RESULTS.mkdir(exist_ok=True)
    content = {"command": command, "machine": describe(), "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    for row in rows:
        print(*(f"{key} {value}" for key, value in row.items()), sep="   ")
