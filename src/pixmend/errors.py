"""The one exception the library raises for what its user can mend."""


class PixmendError(ValueError):
    """Bad input. The message is one line: where, expected, got, and what to do."""
