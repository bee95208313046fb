"""How much was embedded, and how fast."""

from collections.abc import Callable
from typing import Any

from jaxemb.vectors.cache import Usage

Emit = Callable[[dict[str, Any]], None]


class Meter:
    """Texts, tokens and seconds of all requests for vectors, told as events."""

    def __init__(self, emit: Emit, tasks: int) -> None:
        self._emit, self._tasks, self._task, self._number = emit, tasks, "", 0
        self.texts = self.embedded = self.tokens = 0
        self.seconds = self._busy = 0.0

    def begin(self, task: str) -> None:
        self._task, self._number = task, self._number + 1
        self.tell("task")

    def tell(self, event: str, **more: Any) -> None:
        where = {"task": self._task, "number": self._number, "tasks": self._tasks}
        self._emit({"event": event, **where, **self.summary(), **more})

    def request(self, usage: Usage) -> None:
        """The vectors of a request are there, from the store or embedded."""
        self.texts += usage.texts
        self.embedded += usage.embedded
        self.seconds += usage.seconds
        self._busy += usage.seconds if usage.embedded else 0.0

    def batch(self, texts: int, tokens: int) -> None:
        """A batch is embedded."""
        self.tokens += tokens
        self.tell("embedded")

    def summary(self) -> dict[str, Any]:
        """Tokens are those of texts, without padding; their rate is over requests that embed."""
        rate = round(self.tokens / self._busy) if self.tokens and self._busy else None
        return {
            "texts": self.texts,
            "embedded": self.embedded,
            "tokens": self.tokens,
            "embedding_seconds": round(self.seconds, 3),
            "tokens_per_second": rate,
        }
