"""Scores of classes and groups against labels."""

import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped


def macro_f1(
    assignment: Shaped[np.ndarray, "examples ..."], label: Shaped[np.ndarray, "examples ..."]
) -> float:
    """Mean over the classes of 2 hits / (predicted + true), each class counting the same.

    `label` is a class an example, `[examples]`, or several, `[examples, labels]` of 0 and 1;
    `assignment` has the same shape, or one more axis of runs, over which the score is averaged. A
    class that is neither predicted nor true counts 0 where its column is there, else not at all.

    Reference: sklearn.metrics.f1_score(average="macro", zero_division=0).
    """
    runs = assignment.reshape(*label.shape, -1)
    named = label.ndim == 2
    if not named:
        classes = np.union1d(label, runs)
        label, runs = label[:, None] == classes, runs[:, None] == classes[:, None]
    hits = np.sum((label[..., None] > 0) & (runs > 0), axis=0)
    sizes = np.sum(label > 0, axis=0)[:, None] + np.sum(runs > 0, axis=0)
    counted = np.sum((sizes > 0) | named, axis=0)
    return float(np.mean(np.sum(2 * hits / np.maximum(sizes, 1), axis=0) / counted))


def v_measure(
    assignment: Int[np.ndarray, "examples runs"],
    label: Int[np.ndarray, " examples"],
    times: Int[np.ndarray, "examples runs"] | None = None,
) -> float:
    """Harmonic mean of homogeneity and completeness, averaged over the runs of a clustering.

        h = I(C; K) / H(C),  c = I(C; K) / H(K),  V = 2hc / (h + c)

    with C the labels and K the groups; h or c is 1 where its entropy is 0. `times` says how often an
    example was drawn in a run (0: not at all); without it, every example is in every run once.

    Reference: Rosenberg and Hirschberg, V-Measure (EMNLP 2007); sklearn.metrics.v_measure_score.
    """
    times = np.ones_like(assignment) if times is None else times
    pairs = zip(assignment.T, times.T, strict=True)
    return float(np.mean([_v_measure(run, label, drawn) for run, drawn in pairs]))


def _v_measure(
    run: Int[np.ndarray, " examples"],
    label: Int[np.ndarray, " examples"],
    times: Int[np.ndarray, " examples"],
) -> float:
    _, rows = np.unique(label, return_inverse=True)
    _, columns = np.unique(run, return_inverse=True)
    shape = rows.max() + 1, columns.max() + 1
    joint = np.bincount(rows * shape[1] + columns, times, shape[0] * shape[1]).reshape(shape)
    if joint.sum() == 0:
        return 1.0  # nothing drawn: nothing is mixed
    joint = joint / joint.sum()
    of_labels, of_groups = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
    shared = of_labels + of_groups - _entropy(joint.ravel())
    homogeneity = shared / of_labels if of_labels > 0 else 1.0
    completeness = shared / of_groups if of_groups > 0 else 1.0
    total = homogeneity + completeness
    return 2 * homogeneity * completeness / total if total > 1e-12 else 0.0


def _entropy(shares: Float64[np.ndarray, " values"]) -> float:
    shares = shares[shares > 0]
    return max(0.0, -float(shares @ np.log(shares)))  # rounding may leave a single value below 0


def ranking_precision(
    scores: Shaped[np.ndarray, "examples labels"], label: Bool[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " examples"]:
    """Per example, the mean over its labels of the share of true labels among those scored as high.

    1 for an example without labels, or with all of them. The mean over the examples is LRAP.

    Reference: sklearn.metrics.label_ranking_average_precision_score.

    Example:
        >>> ranking_precision(np.array([[1, 0, 1]]), np.array([[True, False, False]])).tolist()
        [0.5]
    """
    as_high = scores[:, None, :] >= scores[:, :, None]
    precision = np.sum(as_high & label[:, None, :], axis=2) / np.sum(as_high, axis=2)
    count = label.sum(axis=1)
    mean = np.sum(precision * label, axis=1) / np.maximum(count, 1)
    return np.where((count == 0) | (count == label.shape[1]), 1.0, mean)


def purity(
    assignment: Int[np.ndarray, "examples runs"], label: Int[np.ndarray, " examples"]
) -> float:
    """Share of examples in the largest class of their group, averaged over the runs.

    Reference: Manning, Raghavan and Schütze, Introduction to Information Retrieval, section 16.3.
    """
    from sklearn.metrics.cluster import contingency_matrix

    return float(
        np.mean([contingency_matrix(label, run).max(axis=0).sum() for run in assignment.T])
        / len(label)
    )
