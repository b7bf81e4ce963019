"""Write the signatures of benchmark pictures that ``pixmend data check`` knows.

``python tools/known_pictures.py Set5=bench/Set5/HR/x2 McMaster=bench/McMaster Rain100L=bench/Rain100L/norain``
adds them to those already known; a set named again is replaced.
"""

import json
import sys
from pathlib import Path

from pixmend.data.check.facts import Unreadable, find_facts
from pixmend.data.check.pairing import list_pictures
from pixmend.data.check.signature import to_text

FILE = Path(__file__).parent.parent / "src" / "pixmend" / "data" / "known_pictures.json"
ABOUT = (
    "Signs of the 255 slowest waves of each picture's luma, see pixmend/data/check/signature.py; no picture follows."
)


def signatures(name: str, folder: Path) -> dict[str, str]:
    """Of every picture of one benchmark, by ``name/stem``; ends the program at a picture that cannot be read."""
    found = {}
    for path in list_pictures(folder).pictures:
        seen = find_facts(path)
        if isinstance(seen, Unreadable):
            raise SystemExit(f"{path}: {seen.reason}")
        found[f"{name}/{path.stem}"] = to_text(seen[0].signature)
    return found


def main(arguments: list[str], file: Path = FILE) -> None:
    """Add the sets given as NAME=FOLDER to the file."""
    if not arguments or not all("=" in argument for argument in arguments):
        raise SystemExit("give NAME=FOLDER for every benchmark")
    known = json.loads(file.read_text())["pictures"] if file.exists() else {}
    for name, folder in (argument.split("=", 1) for argument in arguments):
        known = {key: value for key, value in known.items() if not key.startswith(f"{name}/")}
        added = signatures(name, Path(folder))
        known |= added
        print(f"{name}: {len(added)} pictures")
    content = {"about": ABOUT, "pictures": dict(sorted(known.items()))}
    file.write_text(json.dumps(content, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
