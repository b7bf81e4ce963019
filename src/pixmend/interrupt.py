"""Ctrl-C that lets a step finish, and that ends a program which is still being loaded."""

import os
import signal
import sys
from types import FrameType, TracebackType


class Interrupt:
    """While entered, the first SIGINT or SIGTERM only sets ``asked``; a second one acts as it always did.

    Handlers can be set in the main thread alone; entered in another, this does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._give_back()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._give_back()

    def _give_back(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]


def stop_while_importing(code: int) -> None:
    """End the process at once on a SIGINT in the middle of an import, of which libraries make what they please.

    Some go on as if nothing had happened, others fail in another way. At any other moment it is KeyboardInterrupt.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # somebody else's, or ignored
        return

    def stop(number: int, frame: FrameType | None) -> None:
        above = frame
        while above is not None:
            if above.f_code.co_filename.startswith("<frozen importlib"):
                sys.stderr.write("pixmend: interrupted, nothing half-written\n")
                sys.stderr.flush()
                os._exit(code)
            above = above.f_back
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, stop)
