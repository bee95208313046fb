"""Ctrl-C that waits for the end of a step."""

import signal
import threading
from types import FrameType


class Interrupt:
    """Inside `with`, the first Ctrl-C only sets `asked`; the second one interrupts at once.

    A step donates its state, so an exception in the middle of one could leave nothing to save. Only
    the main thread may set a signal handler; elsewhere Ctrl-C keeps its meaning.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous = None

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            if callable(self._previous):
                signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if callable(self._previous):
            signal.signal(signal.SIGINT, self._previous)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._previous(number, frame)
        self.asked = True
