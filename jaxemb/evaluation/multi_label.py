"""Multi-label classification: which of many labels do a text's nearest neighbours carry?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Bool, Float32

from jaxemb.config import AtLeast, UsageError
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import LabelSetData, LabelSetProblem
from jaxemb.evaluation.pydocs_sets import PyDocsLabelSets
from jaxemb.statistics.metrics import ranking_precision
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class MultiLabelClassification(Task):
    """Nearest neighbours among a few labelled vectors per label vote on every label, `repeats` times.

    Each repeat draws training texts in random order, keeping those with a label that fewer than
    `shots` texts had before; a text is given the labels that most of its `neighbours` nearest drawn
    vectors (Euclidean distance) carry. Scores are means over the repeats.

    Metrics: `accuracy` (all labels of a text right), `macro_f1`, `lrap` (label ranking average
    precision of the given labels), `hamming` (labels given and true over labels given or true).
    Records: these per text, but for F1: `assignment` `[texts, labels, repeats]` and `label`.

    Reference: Enevoldsen et al., MMTEB (arXiv:2502.13595).

    Example:
        >>> MultiLabelClassification().metrics
        ('accuracy', 'macro_f1', 'lrap', 'hamming')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "lrap", "hamming")
    name: str = "multi_label_classification"
    data: LabelSetData = field(default_factory=PyDocsLabelSets)
    role: str = "document"
    shots: Annotated[int, AtLeast(1)] = 8
    repeats: Annotated[int, AtLeast(1)] = 10
    neighbours: Annotated[int, AtLeast(1)] = 5
    seed: Annotated[int, AtLeast(0)] = 42

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        draws = shots_of_sets(problem.train_labels, self.shots, self.repeats, self.seed)
        if min(map(len, draws)) < self.neighbours:
            raise UsageError(
                f"task {self.name} draws fewer than {self.neighbours} texts to vote; "
                "raise shots or take a larger training part"
            )
        test = embed(problem.texts, self.role)
        runs = []
        for rows in draws:
            train = embed([problem.train_texts[row] for row in rows], self.role)
            runs.append(votes(train, problem.train_labels[rows], test, self.neighbours))
        return _judge(self, problem, np.stack(runs, axis=2))


def shots_of_sets(
    labels: Bool[np.ndarray, "texts labels"], shots: int, repeats: int, seed: int
) -> list[list[int]]:
    """Places of texts drawn until every label has `shots` of them, once per repeat."""
    draw = np.random.default_rng(seed)
    sets = [np.flatnonzero(row) for row in labels]
    draws = []
    for _ in range(repeats):
        order, counts = list(range(len(labels))), np.zeros(labels.shape[1], int)
        draw.shuffle(order)
        draws.append([row for row in order if _is_wanted(sets[row], counts, shots)])
    return draws


def _is_wanted(labels: np.ndarray, counts: np.ndarray, shots: int) -> bool:
    """Whether some label of a text is rare so far; counts the text's labels if so."""
    wanted = bool(np.any(counts[labels] < shots))
    counts[labels] += wanted
    return wanted


def votes(
    train: Float32[np.ndarray, "train width"],
    labels: Bool[np.ndarray, "train labels"],
    test: Float32[np.ndarray, "test width"],
    neighbours: int,
) -> Bool[np.ndarray, "test labels"]:
    """The labels that most of the nearest training rows carry."""
    from sklearn.neighbors import KNeighborsClassifier
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        model = KNeighborsClassifier(n_neighbors=neighbours).fit(train, labels.astype(np.int64))
        return model.predict(test).reshape(len(test), -1).astype(bool)


def _judge(
    task: Task, problem: LabelSetProblem, given: Bool[np.ndarray, "texts labels repeats"]
) -> Result:
    label = problem.labels
    repeats: Sequence[np.ndarray] = np.moveaxis(given, 2, 0)
    records = {
        "accuracy": np.mean([np.all(run == label, axis=1) for run in repeats], axis=0),
        "lrap": np.mean([ranking_precision(run, label) for run in repeats], axis=0),
        "hamming": np.mean([_overlap(run, label) for run in repeats], axis=0),
        "assignment": given.astype(np.int8),
        "label": label.astype(np.int8),
    }
    return task.scored(records, problem.clusters)


def _overlap(given: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Labels in both over labels in either, a text; 1 where there are none in either."""
    either = np.sum(given | label, axis=1)
    return np.where(either == 0, 1.0, np.sum(given & label, axis=1) / np.maximum(either, 1))
