"""Slots for the data of word tasks, and the plain sets they load."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float64, Int32

from jaxemb.config import AtLeast, UsageError
from jaxemb.evaluation.problems import LabelData, TaskData


class AnalogyProblem(NamedTuple):
    """Questions "a is to b as c is to d", by category; and candidates beyond the questions' words."""

    questions: list[tuple[str, str, str, str]]
    categories: Int32[np.ndarray, " questions"]
    names: tuple[str, ...]
    candidates: list[str]


class OutlierProblem(NamedTuple):
    """Groups of words that belong together, each with one word that does not."""

    groups: list[tuple[str, ...]]
    outliers: list[str]
    clusters: Int32[np.ndarray, " groups"]


class TripletProblem(NamedTuple):
    """An anchor, and two texts of which the first should be the nearer one."""

    anchors: list[str]
    nearer: list[str]
    farther: list[str]
    clusters: Int32[np.ndarray, " triplets"]


class ContextProblem(NamedTuple):
    """Word pairs with a gold value; of the second word only sentences that hold it are given."""

    words: list[str]
    contexts: list[tuple[str, ...]]
    gold: Float64[np.ndarray, " pairs"]
    clusters: Int32[np.ndarray, " pairs"]


class AssociationProblem(NamedTuple):
    """Two sets of targets and two sets of attributes."""

    first_targets: list[str]
    second_targets: list[str]
    first_attributes: list[str]
    second_attributes: list[str]


class TaggingProblem(NamedTuple):
    """Sentences as words, the place of the judged word, and its tag: to fit on and to judge."""

    train_sentences: list[tuple[str, ...]]
    train_places: Int32[np.ndarray, " train"]
    train_labels: Int32[np.ndarray, " train"]
    sentences: list[tuple[str, ...]]
    places: Int32[np.ndarray, " texts"]
    labels: Int32[np.ndarray, " texts"]
    clusters: Int32[np.ndarray, " texts"]
    names: tuple[str, ...]


class AnalogyData(TaskData):
    """Slot: analogy questions. Loads an `AnalogyProblem`."""


class OutlierData(TaskData):
    """Slot: groups with an outlier. Loads an `OutlierProblem`."""


class TripletData(TaskData):
    """Slot: triplets. Loads a `TripletProblem`."""


class ContextData(TaskData):
    """Slot: pairs of a word and a word known by its contexts. Loads a `ContextProblem`."""


class AssociationData(TaskData):
    """Slot: targets and attributes. Loads an `AssociationProblem`."""


class TaggingData(TaskData):
    """Slot: tagged words in sentences. Loads a `TaggingProblem`."""


@dataclass(frozen=True, kw_only=True)
class OutliersFromLabels(OutlierData):
    """Outlier questions from any labelled texts: members of one label and one text of another.

    `groups` questions of `size` members, drawn by `seed`; labels with fewer texts are never a
    group's. A question's cluster is the label of its members.

    Raises:
        UsageError: if no label has `size` texts, or there is only one label.
    """

    inner: LabelData
    groups: Annotated[int, AtLeast(1)] = 200
    size: Annotated[int, AtLeast(1)] = 8
    seed: Annotated[int, AtLeast(0)] = 0

    def load(self) -> OutlierProblem:
        problem = self.inner.load()
        labels, counts = np.unique(problem.labels, return_counts=True)
        large = labels[counts >= self.size]
        if len(large) == 0 or len(labels) < 2:
            raise UsageError(
                f"outliers need two labels, one of which has {self.size} texts; "
                f"there are {len(labels)}, with up to {counts.max()} texts"
            )
        draw = np.random.default_rng(self.seed)
        chosen = draw.choice(large, self.groups)
        drawn = [_question(problem.labels, label, self.size, draw) for label in chosen]
        return OutlierProblem(
            groups=[tuple(problem.texts[place] for place in members) for members, _ in drawn],
            outliers=[problem.texts[outlier] for _, outlier in drawn],
            clusters=chosen.astype(np.int32),
        )


def _question(
    labels: Int32[np.ndarray, " texts"], label: np.int32, size: int, draw: np.random.Generator
) -> tuple[list[int], int]:
    members = draw.choice(np.flatnonzero(labels == label), size, replace=False)
    return members.tolist(), int(draw.choice(np.flatnonzero(labels != label)))
