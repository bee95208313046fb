"""Classification: what can a linear probe read off frozen vectors?"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int, Int32

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Embed, Result, Task
from jaxemb.evaluation.metrics import macro_f1
from jaxemb.evaluation.problems import LabelData, LabelProblem
from jaxemb.evaluation.pydocs import PyDocsLabels


@dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """Logistic regression on frozen vectors, fitted on the training part, judged on the other.

    Every dimension is first scaled to mean 0 and variance 1 over the training part, so that
    `penalty` (the weight of ½‖w‖² beside the summed log loss) means the same for every model,
    whatever the length of its vectors.

    Metrics: `accuracy`, `macro_f1`. Records: `accuracy` (1 or 0), `assignment` (predicted class),
    `label`.

    Reference: Conneau and Kiela, SentEval (arXiv:1803.05449).

    Example:
        >>> Classification().metrics
        ('accuracy', 'macro_f1')
    """

    name: str = "classification"
    data: LabelData = field(default_factory=PyDocsLabels)
    role: str = "document"
    penalty: float = 10.0

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", "macro_f1")

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        if len(np.unique(problem.train_labels)) < 2:
            raise UsageError(
                f"task {self.name} needs two classes in its training part to tell apart"
            )
        vectors = embed(problem.train_texts + problem.texts, self.role)
        train, test = np.split(vectors, [len(problem.train_texts)])
        predicted = probe(train, problem.train_labels, test, self.penalty)
        return _judge(self, problem, predicted)


def probe(
    train: Float32[np.ndarray, "train width"],
    labels: Int[np.ndarray, " train"],
    test: Float32[np.ndarray, "test width"],
    penalty: float,
) -> Int32[np.ndarray, " test"]:
    """The class that logistic regression on standardised vectors gives each test row."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    scaler = StandardScaler().fit(train)
    model = LogisticRegression(C=1 / penalty, max_iter=1000)
    # The products are small: several threads would spend their time waiting for one another.
    with threadpool_limits(limits=1):
        model.fit(scaler.transform(train), labels)
    return model.predict(scaler.transform(test)).astype(np.int32)


def _judge(task: Task, problem: LabelProblem, predicted: Int32[np.ndarray, " texts"]) -> Result:
    correct = (predicted == problem.labels).astype(np.float64)
    return Result(
        metrics={
            "accuracy": float(correct.mean()),
            "macro_f1": macro_f1(predicted, problem.labels),
        },
        examples={
            "accuracy": correct,
            "assignment": predicted,
            "label": problem.labels,
            "cluster": problem.clusters,
        },
        data=task.fingerprint(),
    )
