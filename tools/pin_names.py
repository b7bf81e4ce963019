"""Write tests/data/state_dicts.json: what the state dict of every variant looks like.

Run it when a variant is added. A changed line means that files of users no longer load.

    python tools/pin_names.py
"""

import json
import sys
from pathlib import Path

import torch

from pixmend.models import VARIANTS, build

TESTS = Path(__file__).parents[1] / "tests"


def main() -> None:
    sys.path.insert(0, str(TESTS))
    target = TESTS / "data" / "state_dicts.json"
    target.touch()
    if not target.stat().st_size:
        target.write_text("{}")
    from test_models_contract import described

    with torch.device("meta"):
        pinned = {name: described(build(config)) for name, config in VARIANTS.items()}
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in pinned.items()]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
