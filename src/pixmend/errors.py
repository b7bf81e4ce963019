"""The one exception the library raises for what its user can mend, and the hint at the name that was meant."""

import difflib
from collections.abc import Iterable

_ALIKE = 0.6
_SHOWN = 16


class PixmendError(ValueError):
    """Bad input. The message is one line: where, expected, got, and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: ``did you mean X?``, or ``there is A, B, C`` if none is like it.

    Of equally near names the first one known is named.
    """
    names = tuple(known)
    likeness = [difflib.SequenceMatcher(None, name, other).ratio() for other in names]
    if max(likeness, default=0.0) < _ALIKE:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"there is {', '.join(names[:_SHOWN])}{more}"
    return f"did you mean {names[likeness.index(max(likeness))]}?"
