"""What the library says of a picture while a thread has it in hand."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Listening(logging.Handler):
    """While entered, hears the library's warnings, each with the picture of the thread that gave it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()

    def __enter__(self) -> "Listening":
        logging.getLogger("pixmend").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("pixmend").removeHandler(self)

    @contextmanager
    def picture(self) -> Iterator[list[str]]:
        """What is said from here on in this thread."""
        self._here.heard = heard = []
        try:
            yield heard
        finally:
            self._here.heard = None

    def emit(self, record: logging.LogRecord) -> None:
        heard = getattr(self._here, "heard", None)
        if heard is not None:
            heard.append(record.getMessage())
