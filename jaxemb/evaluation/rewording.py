"""The same task in other words: how much of a score hangs on the wording of texts and prompts."""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float32

from jaxemb.config import AtLeast, UsageError, smaller
from jaxemb.evaluation.judges import Judge
from jaxemb.evaluation.paraphrase.paraphrasers import (
    ClauseOrder,
    InTurn,
    Paraphraser,
    SynonymSubstitution,
    edit_distance,
    generator,
)
from jaxemb.evaluation.wrapped import Wrapped
from jaxemb.statistics.metrics import SAME_IN_EVERY_RUN, statistic_of
from jaxemb.statistics.result import Result
from jaxemb.text import Template
from jaxemb.vectors.cache import Embed

Reword = Callable[[Sequence[str], str], list[str]]
"""Texts and their role to what is embedded in their place."""


@dataclass(frozen=True, kw_only=True)
class Reworded(Wrapped, abc.ABC):
    """Another task, scored as it is and again with every text reworded, run after run.

    For every metric `m` of the inner task, whose labels, order and ids stay as they are:

        m.mean    the mean over the runs
        m.spread  the standard deviation over the runs (0 for a single one)
        m.drop    the score of the original texts less `m.mean`

    Within a run equal texts are reworded alike, on both sides of a pair and in both roles. A run
    that fails fails the task: no mean is over the runs that happened to work.

    Records: `m.mean` and `m.drop` where the metric is a mean over examples; else what the score is
    computed from with an axis `[examples, 1 + runs]`, the original first. So `m.mean` and `m.drop`
    are judged over examples as any metric is.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(
            f"{name}.{of}" for name in self.inner.metrics for of in ("mean", "drop", "spread")
        )

    @abc.abstractmethod
    def rewordings(self) -> "Sequence[Reword]":
        """What is done to the texts, one function per run."""

    def run(self, embed: Embed) -> Result:
        rewordings = self.rewordings()
        again = [self.inner.run(RewordedEmbed(embed, reword)) for reword in rewordings]
        return self.summary(self.inner.run(embed), again, rewordings)

    def score_run(self, searcher: Any) -> Result | None:
        """Scores a searcher without vectors on the reworded documents and queries."""
        whole = self.inner.score_run(searcher)
        if whole is None:
            return None
        rewordings = self.rewordings()
        again = [self.inner.score_run(RewordedSearcher(searcher, reword)) for reword in rewordings]
        return self.summary(whole, again, rewordings)

    def summary(
        self, whole: Result, again: Sequence[Result], rewordings: Sequence[Reword]
    ) -> Result:
        """One result of the original's and the runs'; see the class."""
        _check_labels(whole, again)
        metrics, examples = {}, dict(_shared(whole.examples))
        for name in self.inner.metrics:
            scores = np.array([result.metrics[name] for result in again])
            metrics[f"{name}.mean"] = float(scores.mean())
            metrics[f"{name}.drop"] = float(whole.metrics[name] - scores.mean())
            metrics[f"{name}.spread"] = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
            examples |= _records(name, whole, again)
        return Result(metrics=metrics, examples=examples, data=whole.data)


@dataclass(frozen=True, kw_only=True)
class Paraphrased(Reworded):
    """Another task with every text paraphrased at random, `runs` times over.

    Run `r` of a text depends on `seed`, `r` and the text alone. Beside the scores stand what the
    paraphrases are like, over all texts and runs: `edit_distance` (characters, on `sample` texts a
    run) and `unchanged`, the share of texts that came out as they were; with a `judge` also
    `similarity`, from 0 to 5.

    Its name says so: `retrieval@paraphrased`.

    Reference: PTEB: Towards Robust Text Embedding Evaluation via Stochastic Paraphrasing at
    Evaluation Time with LLMs, arXiv:2510.06730.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> task = Paraphrased(inner=STS(), runs=3)
        >>> task.name, task.metrics[:3]
        ('sts@paraphrased', ('spearman.mean', 'spearman.drop', 'spearman.spread'))
    """

    manner: ClassVar[str] = "paraphrased"
    paraphraser: Paraphraser = field(
        default_factory=lambda: InTurn(paraphrasers=(ClauseOrder(), SynonymSubstitution()))
    )
    judge: Judge | None = None
    runs: Annotated[int, AtLeast(1)] = 5
    sample: Annotated[int, AtLeast(1)] = 100
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        if self.runs < 1 or self.sample < 1:
            raise UsageError(f"runs={self.runs} and sample={self.sample} must be at least 1.")
        super().__post_init__()

    @property
    def metrics(self) -> tuple[str, ...]:
        judged = ("similarity",) if self.judge is not None else ()
        return (*super().metrics, "edit_distance", "unchanged", *judged)

    def rewordings(self) -> "list[Paraphrases]":
        return [Paraphrases(self, run) for run in range(self.runs)]

    def summary(
        self, whole: Result, again: Sequence[Result], rewordings: "Sequence[Paraphrases]"
    ) -> Result:
        result = super().summary(whole, again, rewordings)
        described = [paraphrases.described() for paraphrases in rewordings]
        means = {name: float(np.mean([one[name] for one in described])) for name in described[0]}
        return dataclasses.replace(result, metrics=result.metrics | means)

    def small(self) -> "Paraphrased":
        return smaller(self, runs=2, sample=8)


class Paraphrases:
    """The paraphrases of one run, each text's made once: `texts, role -> texts`."""

    def __init__(self, task: Paraphrased, run: int):
        self._task, self._run = task, run
        self.of: dict[str, str] = {}

    def __call__(self, texts: Sequence[str], role: str) -> list[str]:
        for text in dict.fromkeys(texts):
            if text not in self.of:
                draw = generator(text, self._task.seed, self._run, 0)
                self.of[text] = self._task.paraphraser(text, draw)
        return [self.of[text] for text in texts]

    def described(self) -> dict[str, float]:
        """What the paraphrases are like, as means over the texts."""
        pairs = sorted(self.of.items())  # whatever was asked for first
        draw = np.random.default_rng((self._task.seed, self._run))
        sample = min(self._task.sample, len(pairs))
        some = [pairs[n] for n in draw.choice(len(pairs), sample, replace=False)]
        found = {
            "edit_distance": float(np.mean([edit_distance(*pair) for pair in some])),
            "unchanged": float(np.mean([text == other for text, other in pairs])),
        }
        if self._task.judge is not None:
            rated = self._task.judge([text for text, _ in some], [other for _, other in some])
            found["similarity"] = float(rated.mean())
        return found


@dataclass(frozen=True, kw_only=True)
class Prompted(Reworded):
    """Another task under several prompts, each a run: how much of a score is the prompt's doing.

    A template's prefix for the role is written before each text, after whatever the model's own
    template writes. The original is the task without any of them, so `drop` is what prompting costs
    on average, and `spread` how far one prompt is from another; `range` is the best prompt's score
    less the worst's, for the inner task's first metric.

    Its name says so: `retrieval@prompted`.

    Example:
        >>> from jaxemb.evaluation import STS
        >>> Prompted(inner=STS(), templates=(Template(query="Q: "), Template())).name
        'sts@prompted'
    """

    manner: ClassVar[str] = "prompted"
    templates: tuple[Template, ...]

    def __post_init__(self) -> None:
        if not self.templates:
            raise UsageError(f"{self.inner.name} needs at least one template to be prompted with.")
        super().__post_init__()

    @property
    def metrics(self) -> tuple[str, ...]:
        return (*super().metrics, "range")

    def rewordings(self) -> list[Reword]:
        return [prefixed(template, self.kind) for template in self.templates]

    def summary(
        self, whole: Result, again: Sequence[Result], rewordings: Sequence[Reword]
    ) -> Result:
        result = super().summary(whole, again, rewordings)
        scores = [one.metrics[self.inner.metrics[0]] for one in again]
        span = {"range": float(max(scores) - min(scores))}
        return dataclasses.replace(result, metrics=result.metrics | span)


def prefixed(template: Template, kind: str = "") -> Reword:
    """Writes a template's prefix for the role, and the type of task, before every text.

    Example:
        >>> prefixed(Template(query="Q: "))(["why"], "query")
        ['Q: why']
    """
    before = f"{kind}/" if kind else ""
    return lambda texts, role: [template.prefix(before + role) + text for text in texts]


# --- models and searchers that see other words


class RewordedEmbed:
    """A model that is given reworded texts; at every depth, where the model has layers to cut."""

    def __init__(self, embed: Embed, reword: Reword):
        self._embed, self._reword = embed, reword

    def __call__(self, texts: Sequence[str], role: str) -> Float32[np.ndarray, "texts width"]:
        return self._embed(self._reword(texts, role), role)

    def at(self, layers: int | None) -> "RewordedEmbed":
        """The same for the model cut after so many layers."""
        cut = getattr(self._embed, "at", None)
        return self if cut is None else RewordedEmbed(cut(layers), self._reword)


class RewordedSearcher:
    """A searcher whose documents and queries are reworded."""

    def __init__(self, searcher: Any, reword: Reword):
        self._searcher, self._reword = searcher, reword

    def index(self, documents: Sequence[str]) -> "RewordedSearcher":
        index = self._searcher.index(self._reword(documents, "document"))
        return RewordedSearcher(index, self._reword)

    def search(self, queries: Sequence[str], k: int) -> Any:
        return self._searcher.search(self._reword(queries, "query"), k)


# --- records


def _shared(examples: dict[str, np.ndarray]) -> Iterable[tuple[str, np.ndarray]]:
    return ((name, examples[name]) for name in SAME_IN_EVERY_RUN if name in examples)


def _check_labels(whole: Result, again: Iterable[Result]) -> None:
    for result in again:
        for name, values in _shared(whole.examples):
            if not np.array_equal(values, result.examples.get(name)):
                raise ValueError(f"rewording the texts changed the examples: {name} differs")


def _records(name: str, whole: Result, again: Sequence[Result]) -> dict[str, np.ndarray]:
    """What the mean and the drop of one metric are computed from."""
    statistic = statistic_of(name)
    if name in whole.examples:
        mean = np.mean([result.examples[name] for result in again], axis=0)
        return {f"{name}.mean": mean, f"{name}.drop": whole.examples[name] - mean}
    if statistic is None or any(record not in whole.examples for record in statistic.records):
        return {}
    return {
        own: np.stack([result.examples[own] for result in (whole, *again)], axis=1)
        for own in statistic.records
        if own not in SAME_IN_EVERY_RUN
    }
