"""What reads labels off frozen vectors."""

import abc
import warnings
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Float64, Int, Int32

from jaxemb.config import Above, AtLeast, Between, Part, UsageError

Features = Float[np.ndarray, "rows features"]


@dataclass(frozen=True, kw_only=True)
class Classifier(Part, abc.ABC):
    """Slot: fitted on the training part alone; every dimension is first scaled to mean 0, variance 1.

    What it can read depends on its capacity and on the width of the vectors: compare models of one
    width, or say the widths.
    """

    def predict(
        self, train: Features, labels: Int[np.ndarray, " rows"], test: Float[np.ndarray, "test _"]
    ) -> Int32[np.ndarray, " test"]:
        """The class of every test row.

        Raises:
            UsageError: the training part has fewer than two classes.
        """
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        check_classes(labels, "a classifier")
        model = fitted(make_pipeline(StandardScaler(), self._model()), train, labels)
        return model.predict(test).astype(np.int32)

    @abc.abstractmethod
    def _model(self):
        """An estimator of scikit-learn's kind."""


@dataclass(frozen=True, kw_only=True)
class Logistic(Classifier):
    """Logistic regression; `penalty` is the weight of ½‖w‖² beside the summed log loss.

    Reference: sklearn.linear_model.LogisticRegression.

    Example:
        >>> x = np.array([[0.0], [1.0], [0.0], [1.0]])
        >>> Logistic(penalty=0.1).predict(x, np.array([0, 1, 0, 1]), x).tolist()
        [0, 1, 0, 1]
    """

    penalty: Annotated[float, Above(0)] = 10.0

    def _model(self):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=1 / self.penalty, max_iter=1000)


@dataclass(frozen=True, kw_only=True)
class Perceptron(Classifier):
    """One hidden layer of rectified units, by Adam, 64 rows per step, stopped early on a tenth of the
    training rows.

    Reference: Conneau et al., What you can cram into a single vector, arXiv:1805.01070;
    sklearn.neural_network.MLPClassifier.
    """

    hidden: Annotated[int, Between(1, 2**22)] = 50
    steps: Annotated[int, AtLeast(1)] = 200
    seed: Annotated[int, AtLeast(0)] = 0

    def _model(self):
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(
            hidden_layer_sizes=(self.hidden,),
            batch_size=64,
            early_stopping=True,
            max_iter=self.steps,
            random_state=self.seed,
        )


def fitted(model: Any, train: Features, labels: np.ndarray, **more: np.ndarray) -> Any:
    """An estimator of scikit-learn's after its fit, on one thread, in silence about its step limit."""
    from threadpoolctl import threadpool_limits

    # The products are small: several threads would spend their time waiting for one another.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the step limit is part of the settings
        return model.fit(train, labels, **more)


def check_classes(labels: Int[np.ndarray, " rows"], name: str) -> None:
    """Refuses labels that are all one."""
    if len(np.unique(labels)) < 2:
        raise UsageError(f"{name} needs two classes in its training part to tell apart")


def expected_grades(
    train: Features,
    grades: Float[np.ndarray, " rows"],
    test: Float[np.ndarray, "test _"],
    penalty: float,
) -> Float64[np.ndarray, " test"]:
    """Grades of the test rows by softmax regression on a distribution over whole grades.

    A grade g between whole grades k and k + 1 is the target P(k) = k + 1 - g, P(k + 1) = g - k, whose
    expected value is g; the prediction is the expected value of the fitted distribution.

    Reference: Tai, Socher and Manning, Tree-Structured LSTMs, arXiv:1503.00075.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    rows, classes, weights = soft_targets(grades)
    model = LogisticRegression(C=1 / penalty, max_iter=1000)
    # A row with two whole grades stands twice, weighted: the cross-entropy with its target.
    fitted(model, scaler.transform(train)[rows], classes, sample_weight=weights)
    return model.predict_proba(scaler.transform(test)) @ model.classes_.astype(np.float64)


def soft_targets(
    grades: Float[np.ndarray, " rows"],
) -> tuple[
    Int[np.ndarray, " targets"], Int[np.ndarray, " targets"], Float64[np.ndarray, " targets"]
]:
    """Row number, whole grade and weight of every part of a target that is above 0.

    Example:
        >>> [part.tolist() for part in soft_targets(np.array([2.0, 0.25]))]
        [[0, 1, 1], [2, 0, 1], [1.0, 0.75, 0.25]]
    """
    low = np.floor(grades).astype(int)
    share = np.asarray(grades - low, np.float64)
    rows = np.repeat(np.arange(len(grades)), 2)
    classes = np.stack([low, low + 1], axis=1).ravel()
    weights = np.stack([1 - share, share], axis=1).ravel()
    kept = weights > 0
    return rows[kept], classes[kept], weights[kept]
