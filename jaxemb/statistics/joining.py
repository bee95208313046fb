"""Records of two models on the same examples, put together so that their agreement is a score."""

from collections.abc import Sequence

import numpy as np

from jaxemb.config import UsageError
from jaxemb.statistics.metrics import STATISTICS
from jaxemb.statistics.result import Result


def joined(
    a: Sequence[Result], b: Sequence[Result], record: str, agreement: str
) -> tuple[Result, ...]:
    """One result a paired seed, whose metric `agreement` says how far two models' records agree.

    `record` names the records; `agreement` is `"rank_agreement"` (Spearman's correlation, an entry
    an example) or `"structure_agreement"` (Pearson's correlation of matrices over pairs of
    examples). What `level` and `compare` make of it has the uncertainty of the examples, by leaving
    out whole clusters. A model with one result is paired with every seed of the other.

    Raises:
        UsageError: if the data, the examples or the numbers of seeds differ, or there are no such
            records.

    Example:
        >>> def model(*values):
        ...     return [Result(metrics={}, examples={
        ...         "similarity": np.array(values), "cluster": np.arange(len(values))})]
        >>> pair = joined(model(1.0, 2.0, 3.0), model(0.1, 0.4, 0.3), "similarity", "rank_agreement")
        >>> pair[0].metrics
        {'rank_agreement': 0.5}
    """
    seeds = max(len(a), len(b))
    if {len(a), len(b)} - {1, seeds}:
        raise UsageError(f"{len(a)} and {len(b)} seeds cannot be paired")
    left, right = (side * (seeds // len(side)) for side in (list(a), list(b)))
    return tuple(_pair(x, y, record, agreement) for x, y in zip(left, right, strict=True))


def _pair(a: Result, b: Result, record: str, agreement: str) -> Result:
    if record not in a.examples or record not in b.examples:
        raise UsageError(f"no records {record!r} to compare; there are {', '.join(a.examples)}")
    clusters = a.examples["cluster"]
    if a.data != b.data or not np.array_equal(clusters, b.examples["cluster"]):
        raise UsageError(f"{record} was recorded on different data: {a.data}, {b.data}")
    examples = {
        "a": a.examples[record],
        "b": b.examples[record],
        "place": np.arange(len(clusters)),
        "cluster": clusters,
    }
    return Result(
        metrics={agreement: STATISTICS[agreement](examples)}, examples=examples, data=a.data
    )
