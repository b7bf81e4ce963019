"""What made a picture, written into its file: the network, its weights, the options, the version.

It stands in the XMP of the file as one property, JSON, which PNG, JPEG, WebP, TIFF and AVIF all can hold.
"""

import html
import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath

NAMESPACE = "urn:pixmend:1#"
_OURS = re.compile(rb'<rdf:Description\s[^<>]*\bpixmend:provenance="[^"<>]*"\s*/>')
_FOUND = re.compile(rb"pixmend:provenance(?:\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')|>([^<]*)</pixmend:provenance)")
_END = b"</rdf:RDF>"
_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)

logger = logging.getLogger(__name__)


def read_provenance(path: FilePath) -> dict[str, Any] | None:
    """What ``write_picture`` was told of how the picture was made; None of a file that does not say.

    Raises:
        PixmendError: as ``read_picture``.
    """
    from pixmend.image.read import read_picture

    return provenance_in(read_picture(path).xmp)


def provenance_in(xmp: bytes | None) -> dict[str, Any] | None:
    """The same of the XMP of a picture; also where another program wrote it anew."""
    found = _FOUND.search(xmp) if xmp else None
    if found is None:
        return None
    text = next(part for part in found.groups() if part is not None)
    try:
        facts = json.loads(html.unescape(text.decode()))
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def with_provenance(xmp: bytes | None, provenance: Mapping[str, Any]) -> bytes:
    """The XMP with this in it and no older one; of paths only the names, whose folders may name a person.

    Raises:
        PixmendError: something in it that JSON does not know.
    """
    try:
        text = json.dumps(_without_folders(provenance), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise PixmendError(f"provenance: expected what JSON can hold: {error}") from error
    entry = f'<rdf:Description rdf:about="" xmlns:pixmend="{NAMESPACE}" pixmend:provenance="{html.escape(text)}"/>'
    before = _OURS.sub(b"", xmp) if xmp else _EMPTY
    if _END not in before:
        logger.warning("the XMP of the picture is malformed and gives way to how it was made")
        before = _EMPTY
    start, end = before.rsplit(_END, 1)
    return b"".join((start, entry.encode(), _END, end))


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(inner) for inner in value]
    if isinstance(value, os.PathLike):
        return PurePath(value).name
    if isinstance(value, str):
        rooted = next((kind for kind in (PurePosixPath, PureWindowsPath) if kind(value).is_absolute()), None)
        return rooted(value).name if rooted else value
    return value
