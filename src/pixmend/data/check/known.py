"""The signatures of benchmark pictures that come with the package; ``tools/known_pictures.py`` makes the file."""

import json
from importlib.resources import files

from pixmend.data.check.signature import Signature, from_text


def known_pictures() -> dict[str, Signature]:
    """By name, ``Set5/baby``. The pictures themselves cannot be made from them."""
    text = files("pixmend.data").joinpath("known_pictures.json").read_text(encoding="utf-8")
    return {name: from_text(found) for name, found in json.loads(text)["pictures"].items()}
