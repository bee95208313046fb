"""Progress of work that takes a while: a bar in a terminal, a line at each end elsewhere."""

import sys
import time
from types import TracebackType


class Progress:
    """A context that counts steps: `with Progress("read pydocs", total) as step: step()`.

    Written to standard error. In a terminal it is a `rich` bar; otherwise a line at the start and
    one with the time at the end, so that logs stay short.
    """

    def __init__(self, title: str, total: int):
        self._title = title
        self._total = total
        self._bar = None

    def __enter__(self) -> "Progress":
        self._start = time.monotonic()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total)
        else:
            print(f"{self._title} …", file=sys.stderr, flush=True)
        return self

    def __call__(self, steps: int = 1) -> None:
        """Count steps done; safe from several threads."""
        if self._bar is not None:
            self._bar.advance(self._task, steps)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            seconds = time.monotonic() - self._start
            print(f"{self._title}: {seconds:.0f} s", file=sys.stderr, flush=True)
