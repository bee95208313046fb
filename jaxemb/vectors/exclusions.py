"""Which texts are never a query's negatives, and which texts may be beside the dataset's own."""

import abc
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxemb.config import Part, UsageError
from jaxemb.data import Dataset, Texts, normalise
from jaxemb.vectors.ranks import Answers, known_answers

Examples = Sequence[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Exclusion(Part, abc.ABC):
    """Slot: which texts are never negatives of a query, however few others there are."""

    @abc.abstractmethod
    def __call__(self, examples: Examples, candidates: Examples) -> Answers:
        """The numbers of the texts that are left out, for each query's number."""


@dataclass(frozen=True, kw_only=True)
class KnownAnswers(Exclusion):
    """The query's own text, its positive, and the positive of every equal query.

    Example:
        >>> rows = [{"query_id": 0, "positive_id": 5}, {"query_id": 0, "positive_id": 7}]
        >>> [sorted(numbers.tolist()) for numbers in KnownAnswers()(rows, rows)[0]]
        [[0, 5, 7]]
    """

    def __call__(self, examples: Examples, candidates: Examples) -> Answers:
        return known_answers(examples)


@dataclass(frozen=True, kw_only=True)
class SameValue(Exclusion):
    """Those of examples that have a value of a field in common with one of the query's examples.

    So no negative is of the query's own document, family or class. Candidates without the field
    stay. What the inner exclusion leaves out is left out, too.

    Args:
        by: the field of an example: `group`, `family`, `label`, or any other that the view gives.
        inner: what else is left out.

    Raises:
        UsageError: when called, if an example lacks the field.

    Example:
        >>> rows = [{"query_id": n, "positive_id": 4 + n, "group": n % 2} for n in range(4)]
        >>> [numbers.tolist() for numbers in SameValue(by="group")(rows, rows)[1]]
        [[1, 5], [5, 7]]
    """

    by: str = "group"
    inner: Exclusion = KnownAnswers()

    def __call__(self, examples: Examples, candidates: Examples) -> Answers:
        texts: dict[Hashable, set[int]] = {}
        for candidate in candidates:
            if self.by in candidate:
                texts.setdefault(candidate[self.by], set()).add(candidate["positive_id"])
        # One array for each value, which its queries share.
        of_value = {value: np.array(sorted(own)) for value, own in texts.items()}
        values: dict[int, dict[Hashable, None]] = {}
        for example in examples:
            if self.by not in example:
                raise UsageError(
                    f"SameValue reads the field {self.by!r}, and an example has "
                    f"{', '.join(map(str, example))}."
                )
            values.setdefault(example["query_id"], {})[example[self.by]] = None
        return {
            query: (*own, *(of_value[value] for value in values[query]))
            for query, own in self.inner(examples, candidates).items()
        }


@dataclass(frozen=True, kw_only=True)
class Candidates(Part, abc.ABC):
    """Slot: which texts may be negatives beside the positives of the dataset itself."""

    @abc.abstractmethod
    def __call__(self, examples: Examples) -> list[dict[str, Any]]:
        """More rows with `positive` and `positive_id`; equal texts have equal numbers."""

    def fingerprint(self) -> str:
        """What they are read from outside the recipe; empty where nothing is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class OwnPositives(Candidates):
    """None but these.

    Example:
        >>> OwnPositives()([{"positive": "a list", "positive_id": 3}])
        []
    """

    def __call__(self, examples: Examples) -> list[dict[str, Any]]:
        return []


@dataclass(frozen=True, kw_only=True)
class AlsoTexts(Candidates):
    """The texts of another dataset too, such as a corpus that has more than the answers.

    A text that the pairs have already, up to case and spacing, stays theirs.

    Args:
        of: gives the texts.

    Example:
        >>> AlsoTexts(of=Texts(source=TextFile(path="corpus.jsonl"), fields=("text",)))
    """

    of: Dataset = Texts()

    def __call__(self, examples: Examples) -> list[dict[str, Any]]:
        own = {normalise(e["positive"]): e["positive_id"] for e in examples}
        asked = {normalise(e["query"]): e["query_id"] for e in examples}
        found, fresh = [], 1 + max((*own.values(), *asked.values()), default=-1)
        for text in self.of.texts():
            key = normalise(text)
            if key in own:
                continue
            own[key] = asked.get(key, fresh + len(found))
            found.append({"positive": text, "positive_id": own[key]})
        return found

    def fingerprint(self) -> str:
        return self.of.fingerprint()
