"""What one model scored in one task, with a record for every example."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np

from jaxemb.config import UsageError
from jaxemb.config.reading import read_arrays, shaped


@dataclass(eq=False)
class Result:
    """What one model scored in one task, and the records that make the scores checkable.

    `metrics` maps names such as `"ndcg@10"` to the score. `examples` holds arrays with one entry an
    example: the metric itself under its own name where the score is a mean over examples, otherwise
    what the score is computed from (`prediction` and `gold`, `assignment` and `label`); always
    `cluster`, the number of the group of examples that vary together. `data` is the fingerprint of
    the texts and gold values: results of different data refuse to be compared.

    Example:
        >>> result = Result(metrics={"accuracy": 0.5}, examples={
        ...     "accuracy": np.array([1.0, 0.0]), "cluster": np.array([0, 1])})
        >>> result.metrics["accuracy"]
        0.5
    """

    metrics: dict[str, float]
    examples: dict[str, np.ndarray] = field(default_factory=dict)
    data: str = ""

    def save(self, path: str | Path) -> None:
        """Writes one `.npz` file that `Result.load` reads."""
        header = json.dumps({"metrics": self.metrics, "data": self.data})
        with open(path, "wb") as file:
            np.savez_compressed(file, header=np.array(header), **self.examples)

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Reads what `save` wrote.

        Raises:
            UsageError: it cannot be read.
        """
        arrays = read_arrays(Path(path))
        try:
            header = json.loads(str(arrays.pop("header")))
        except (KeyError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} is damaged: its header cannot be read.") from error
        shaped(header, _Header, Path(path), "header")
        return cls(metrics=header["metrics"], examples=arrays, data=header["data"])


class _Header(TypedDict):
    metrics: dict[str, float]
    data: str
