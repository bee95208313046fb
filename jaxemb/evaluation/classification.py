"""Classification: what can a classifier read off frozen vectors?"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Int, Int32, Int64

from jaxemb.config import AtLeast
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classifiers import Classifier, Logistic, check_classes, fitted
from jaxemb.evaluation.problems import LabelData, LabelProblem
from jaxemb.evaluation.pydocs import PyDocsLabels
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """A classifier on frozen vectors, fitted on the training part, judged on the other.

    Every dimension is first scaled to mean 0 and variance 1 over the training part. The default
    classifier is logistic regression.

    Metrics: `accuracy`, `macro_f1`. Records: `accuracy` (1 or 0), `assignment` (predicted class),
    `label`.

    Reference: Conneau and Kiela, SentEval (arXiv:1803.05449); Conneau et al., What you can cram into
    a single vector, arXiv:1805.01070.

    Example:
        >>> from jaxemb.evaluation import BigramShift, Perceptron
        >>> Classification(name="order", data=BigramShift(), classifier=Perceptron()).metrics
        ('accuracy', 'macro_f1')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    name: str = "classification"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    classifier: Classifier = field(default_factory=Logistic)

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        check_classes(problem.train_labels, f"task {self.name}")
        vectors = embed(problem.train_texts + problem.texts, self.role)
        train, test = np.split(vectors, [len(problem.train_texts)])
        predicted = self.classifier.predict(train, problem.train_labels, test)
        return judge_classes(self, predicted, problem.labels, problem.clusters)


def judge_classes(
    task: Task,
    predicted: Int32[np.ndarray, " texts"],
    labels: Int[np.ndarray, " texts"],
    clusters: Int[np.ndarray, " texts"],
) -> Result:
    """The predicted class of every example against its label, by the task's metrics."""
    correct = (predicted == labels).astype(np.float64)
    return task.scored({"accuracy": correct, "assignment": predicted, "label": labels}, clusters)


@dataclass(frozen=True, kw_only=True)
class FewShotClassification(Task):
    """Logistic regression on a few labelled vectors per class, drawn anew `repeats` times.

    Each repeat shuffles the training texts again, takes the first `shots` of every label, and fits
    logistic regression (unit penalty, at most `iterations` iterations) on their vectors as they are.
    Scores are means over the repeats.

    Metrics: `accuracy`, `macro_f1`, and where there are two labels `ap`, the average precision of the
    predicted classes. Records: `accuracy` (share of repeats that are right), `assignment`
    `[texts, repeats]`, `label`, and with `ap` the same as `prediction` and `gold`.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> FewShotClassification().metrics
        ('accuracy', 'macro_f1', 'ap')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "ap")
    kind: ClassVar[str] = "classification"
    name: str = "few_shot_classification"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    shots: Annotated[int, AtLeast(1)] = 8
    repeats: Annotated[int, AtLeast(1)] = 10
    iterations: Annotated[int, AtLeast(1)] = 100
    seed: Annotated[int, AtLeast(0)] = 42

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        check_classes(problem.train_labels, self.name)
        from sklearn.linear_model import LogisticRegression

        draws = few_shots(problem.train_labels, self.shots, self.repeats, self.seed)
        test = embed(problem.texts, self.role)
        runs = []
        for rows in draws:
            train = embed([problem.train_texts[row] for row in rows], self.role)
            model = LogisticRegression(max_iter=self.iterations)  # the protocol stops there
            runs.append(fitted(model, train, problem.train_labels[rows]).predict(test))
        return _judge_repeats(self, problem, np.stack(runs, axis=1))


def few_shots(
    labels: Int[np.ndarray, " texts"], shots: int, repeats: int, seed: int
) -> list[Int64[np.ndarray, " drawn"]]:
    """Places of the first `shots` texts of every label, after each of `repeats` shufflings.

    Every repeat shuffles the order that the one before it left, from the same seed: the way in which
    the benchmark gets different draws, without which its scores would not come out.
    """
    order, draws = list(range(len(labels))), []
    for _ in range(repeats):
        np.random.RandomState(seed).shuffle(order)
        shuffled = labels[order]
        first = [np.flatnonzero(shuffled == label)[:shots] for label in np.unique(labels)]
        draws.append(np.array(order, np.int64)[np.sort(np.concatenate(first))])
    return draws


def _judge_repeats(
    task: Task, problem: LabelProblem, predicted: Int32[np.ndarray, "texts repeats"]
) -> Result:
    records = {
        "accuracy": np.mean(predicted == problem.labels[:, None], axis=1),
        "assignment": predicted,
        "label": problem.labels,
    }
    names = ["accuracy", "macro_f1"]
    classes = np.unique(problem.labels)
    if len(classes) == 2:
        records["prediction"] = (predicted == classes[1]).astype(np.float64)
        records["gold"] = (problem.labels == classes[1]).astype(np.float64)
        names.append("ap")
    return task.scored(records, problem.clusters, names)
