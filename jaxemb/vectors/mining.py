"""Hard negatives that a model finds: once, or by the model under training every so many steps."""

from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, UsageError, check_ranges, fingerprint
from jaxemb.data import Batches, Dataset, ExampleData, Pairs, Shuffled
from jaxemb.data.collation import Collator
from jaxemb.vectors.judges import Judge, UnderTraining
from jaxemb.vectors.negatives import Eligible, Hardest, Ranks, Taking
from jaxemb.vectors.ranks import ranked

_ANY, _HARDEST = Ranks(), Hardest()
_IDS = ("query", "positive", "query_id", "positive_id")


@dataclass(frozen=True, kw_only=True)
class Mining(Dataset, ABC):
    """Base of the inner pairs with `count` negatives each, searched among all positives."""

    inner: ExampleData = Pairs()
    count: Annotated[int, AtLeast(1)] = 1
    judge: Judge = UnderTraining()
    eligible: Eligible = Ranks()
    take: Taking = Hardest()
    depth: Annotated[int, AtLeast(1)] = 100

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in _IDS:
            if name not in self.inner.columns:
                raise UsageError(
                    f"{type(self).__name__} needs the column {name!r} of the inner data."
                )

    @property
    def batch_size(self) -> int:
        """The inner data's."""
        return self.inner.batch_size

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives", "negatives_id")

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return self.inner.texts()

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint(), self.judge.fingerprint()])

    @property
    def changes(self) -> bool:
        """Whether another search may find something else: the model has moved, or the ceiling."""
        return self.judge.changes or self.eligible.changes

    def found(
        self, examples: Sequence[dict[str, Any]], current: Callable[[], Any], step: int
    ) -> "Found":
        """A search by the judge after so many steps of training."""
        searcher = self.judge.searcher(current)
        return mine(
            examples, searcher, self.count, eligible=self.eligible.at(step), take=self.take,
            depth=self.depth, seed=step,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MinedOnce(Mining, ExampleData):
    """The inner pairs with `count` negatives each, searched once, before the first step.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        judge: the model that ranks; that of the stage is asked as it starts.
        eligible: which of the ranked may be negatives.
        take: which of these are taken. Where they are too few, others are drawn at random.
        depth: how many are ranked.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Example:
        >>> MinedOnce(count=7, eligible=Ranks(first=50, last=100), take=DrawnUniformly())
    """

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples = self.inner.examples_for(model)
        found = self.found(examples, lambda: model, step=0)
        return [
            with_negatives(examples, row, own) for row, own in enumerate(found.numbers.tolist())
        ]

    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> Batches:
        return self.inner.batches_of(examples, columns, model, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Mined(Mining):
    """The inner pairs with `count` negatives each, searched again as the model moves.

    Before the first step and after every `every` steps, all texts are embedded by the model as it
    is then, and each query is given those of the best ranked that are eligible and no answer of it:
    neither its own positive, nor one of an equal query, nor a text equal to its own. Where neither the
    judge nor what is eligible changes, there is one search. The inner data's order is not followed:
    batches are shuffled.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        judge: the model that ranks.
        eligible: which of the ranked may be negatives.
        take: which of these are taken. Where they are too few, others are drawn at random.
        depth: how many are ranked.
        every: steps between searches.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Reference: Xiong et al., Approximate Nearest Neighbor Negative Contrastive Learning for Dense
    Text Retrieval, arXiv:2007.00808.
    """

    every: Annotated[int, AtLeast(1)] = 100

    def batches(self, model: Any, *, seed: int) -> "MinedBatches":
        return MinedBatches(self, self.inner.examples_for(model), model, seed)


class MinedBatches(Batches):
    """Shuffled batches whose negatives are those of the last search; the search is in the state."""

    def __init__(self, data: Mining, examples: Sequence[dict[str, Any]], model: Any, seed: int):
        self.data, self.examples, self.seed, self.position = data, examples, seed, 0
        self.mined: Int[np.ndarray, "examples count"] | None = None
        self._make = Collator(data.columns, model, remember=True)
        self._order = Shuffled()(examples, np.arange(len(examples)), data.batch_size, seed)

    def __next__(self) -> dict[str, Any]:
        places = np.asarray(self._order[self.position]).tolist()
        self.position += 1
        return self._make([self._example(place) for place in places])

    def _example(self, place: int) -> dict[str, Any]:
        return with_negatives(self.examples, place, self._negatives(place))

    def _negatives(self, place: int) -> list[int]:
        """What the last search found; before the first one, the examples that follow."""
        if self.mined is None:
            return [(place + n) % len(self.examples) for n in range(1, self.data.count + 1)]
        return self.mined[place].tolist()

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        """Search again where it is due."""
        due = step and step % self.data.every == 0 and self.data.changes
        if self.mined is None or due:
            self.mined = self.data.found(self.examples, model, step).numbers

    def get_state(self) -> dict[str, Any]:
        mined = None if self.mined is None else self.mined.tolist()
        return {"position": self.position, "seed": self.seed, "mined": mined}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get("seed") != self.seed:
            raise UsageError("the saved position is of another seed")
        self.position = state["position"]
        self.mined = None if state["mined"] is None else np.array(state["mined"], np.int32)


class Found(NamedTuple):
    """Negatives of each example, and how many examples had too few that were eligible.

    Attributes:
        numbers: of the examples whose positives they are.
        short: examples for which some were drawn at random.
    """

    numbers: Int[np.ndarray, "examples count"]
    short: int


def mine(
    examples: Sequence[dict[str, Any]],
    searcher: Any,
    count: int,
    *,
    eligible: Eligible = _ANY,
    take: Taking = _HARDEST,
    depth: int = 100,
    seed: int = 0,
) -> Found:
    """For each example, the numbers of the examples whose positives are its hard negatives.

    Args:
        examples: with `query`, `positive`, `query_id` and `positive_id`.
        searcher: has `index`, as `jaxemb.model.Model`.
        count: how many.
        eligible: which of the ranked may be taken.
        take: which of these are.
        depth: how many are ranked; at least `count`.
        seed: of what is drawn.

    Raises:
        UsageError: an example has fewer than `count` candidates that are no answer of it.
    """
    draw = np.random.default_rng(seed)
    found = ranked(examples, searcher, max(depth, count))
    numbers = take(found, eligible(found), count, draw)
    short = np.flatnonzero((numbers < 0).any(axis=1))
    answers: dict[int, set[int]] = {}
    for example in examples:
        answers.setdefault(example["query_id"], {example["query_id"]}).add(example["positive_id"])
    texts = np.array([example["positive_id"] for example in examples])
    for row in short.tolist():
        known = answers[examples[row]["query_id"]]
        numbers[row] = _filled(numbers[row], texts, known, draw, row)
    return Found(numbers.astype(np.int32), len(short))


def _filled(
    numbers: Int[np.ndarray, " count"],
    texts: Int[np.ndarray, " examples"],
    known: set[int],
    draw: np.random.Generator,
    row: int,
) -> Int[np.ndarray, " count"]:
    """What is missing drawn at random, no answer and no text twice."""
    kept = numbers[numbers >= 0].tolist()
    out = known | {int(texts[number]) for number in kept}
    for number in draw.permutation(len(texts)).tolist():
        if len(kept) == len(numbers):
            break
        if int(texts[number]) not in out:
            kept.append(number)
            out.add(int(texts[number]))
    if len(kept) < len(numbers):
        raise UsageError(
            f"Example {row} has fewer than {len(numbers)} texts that are no answer of it."
        )
    return np.array(kept)


def with_negatives(
    examples: Sequence[dict[str, Any]], place: int, numbers: Sequence[int]
) -> dict[str, Any]:
    """An example with the positives of others as its negatives."""
    others = [examples[number] for number in numbers]
    return {
        **examples[place],
        "negatives": tuple(other["positive"] for other in others),
        "negatives_id": tuple(other["positive_id"] for other in others),
    }
