"""Which paraphrases are let through."""

import abc
import dataclasses
from collections.abc import Callable, Sequence

from jaxemb.config import Part, UsageError
from jaxemb.evaluation.judges import Judge

Propose = Callable[[str, int], str]
"""A text and the number of the attempt to a paraphrase."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate(Part, abc.ABC):
    """Slot: texts and a proposer of paraphrases to one accepted text each."""

    @abc.abstractmethod
    def __call__(self, texts: Sequence[str], propose: Propose) -> tuple[list[str], int]:
        """The accepted texts in order, and how many originals were kept for want of a good one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Open(Gate):
    """Lets every paraphrase through.

    Example:
        >>> Open()(["a"], lambda text, attempt: text + "!")
        (['a!'], 0)
    """

    def __call__(self, texts: Sequence[str], propose: Propose) -> tuple[list[str], int]:
        return [propose(text, 0) for text in texts], 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AtLeast(Gate):
    """Lets a paraphrase through that a judge rates `least` or more, else asks for another.

    After `attempts` paraphrases the original is kept, and counted. A gate selects: judged by a model
    that is itself under test, it lets through what that model finds easy.

    Example:
        >>> from jaxemb.evaluation import WordOverlap
        >>> gate = AtLeast(judge=WordOverlap(), least=4.0)
        >>> gate(["sort it"], lambda text, attempt: "sort it" if attempt == 2 else "draw")
        (['sort it'], 0)
        >>> gate(["sort it"], lambda text, attempt: "draw")
        (['sort it'], 1)
    """

    judge: Judge
    least: float = 3.5
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"attempts={self.attempts} must be at least 1.")

    def __call__(self, texts: Sequence[str], propose: Propose) -> tuple[list[str], int]:
        found, waiting = list(texts), list(range(len(texts)))
        for attempt in range(self.attempts):
            proposed = [propose(texts[place], attempt) for place in waiting]
            ratings = self.judge([texts[place] for place in waiting], proposed)
            good = ratings >= self.least
            for place, text, fine in zip(waiting, proposed, good, strict=True):
                if fine:
                    found[place] = text
            waiting = [place for place, fine in zip(waiting, good, strict=True) if not fine]
            if not waiting:
                break
        return found, len(waiting)
