"""For each negative, a query that it does answer."""

from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import ExampleData, Extending


@dataclass(frozen=True, kw_only=True)
class OwnQueries(Extending):
    """The inner examples with `negatives_query`: for each negative, the query that it answers.

    Where negatives are positives of other examples, as mined ones are, that is the query of the
    first example that has it.

    Args:
        inner: examples with negatives.

    Raises:
        UsageError: the inner data has no negatives, or, when called, one that answers no query.

    Example:
        >>> OwnQueries(inner=MinedOnce(count=4)).columns[-1]
        'negatives_query'

    Reference: for the loss that reads them, `OwnQuery`: Yu et al., arXiv:2412.17364.
    """

    inner: ExampleData

    def __post_init__(self) -> None:
        if "negatives_id" not in self.inner.columns:
            raise UsageError("OwnQueries needs the columns 'negatives' and 'negatives_id'.")

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives_query")

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples = self.inner.examples_for(model)
        asked: dict[int, str] = {}
        for example in examples:
            asked.setdefault(example["positive_id"], example["query"])
        for row, example in enumerate(examples):
            if missing := set(example["negatives_id"]) - asked.keys():
                place = example["negatives_id"].index(missing.pop())
                raise UsageError(
                    f"Negative {example['negatives'][place]!r:.60} of example {row} answers no query."
                )
        return [
            {**example, "negatives_query": tuple(asked[n] for n in example["negatives_id"])}
            for example in examples
        ]

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])
