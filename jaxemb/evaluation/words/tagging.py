"""Tags of words in sentences: what does a frozen model say of a word where it stands?"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.config import Part
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import judge_classes
from jaxemb.evaluation.classifiers import Classifier, Logistic
from jaxemb.evaluation.words.problems import TaggingData
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed

Sentences = Sequence[tuple[str, ...]]
Places = Int32[np.ndarray, " texts"]
Features = Float32[np.ndarray, "texts features"]


@dataclass(frozen=True, kw_only=True)
class TargetFeatures(Part, abc.ABC):
    """Slot: features of one word of each sentence, from a model that embeds whole texts."""

    @abc.abstractmethod
    def __call__(self, embed: Embed, sentences: Sentences, places: Places, role: str) -> Features:
        """One row per sentence; `places` counts its words from 0."""


@dataclass(frozen=True, kw_only=True)
class TargetWord(TargetFeatures):
    """The vector of the word by itself: what can be told without the sentence."""

    def __call__(self, embed: Embed, sentences: Sentences, places: Places, role: str) -> Features:
        return embed([s[p] for s, p in zip(sentences, places, strict=True)], role)


@dataclass(frozen=True, kw_only=True)
class TargetInSentence(TargetFeatures):
    """The vectors of the word, of the text before it up to and with the word, and of the sentence."""

    def __call__(self, embed: Embed, sentences: Sentences, places: Places, role: str) -> Features:
        word = TargetWord()(embed, sentences, places, role)
        before = [" ".join(s[: p + 1]) for s, p in zip(sentences, places, strict=True)]
        whole = [" ".join(s) for s in sentences]
        return np.concatenate([word, embed(before, role), embed(whole, role)], axis=1)


@dataclass(frozen=True, kw_only=True)
class Tagging(Task):
    """A classifier from a word's features to its tag.

    Models here give one vector per text, not one per token: `features` says how a word in its sentence
    becomes vectors.

    Metrics: `accuracy`, `macro_f1`. Records: `accuracy`, `assignment`, `label`.

    Reference: Eichler, Sahin and Gurevych, LINSPECTOR (arXiv:1903.09442).

    Example:
        >>> from jaxemb.evaluation import TaggedFile
        >>> Tagging(data=TaggedFile(path="x.tsv", where=("task=Number",))).metrics
        ('accuracy', 'macro_f1')
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    name: str = "tagging"
    data: TaggingData
    role: str = "document"
    features: TargetFeatures = field(default_factory=TargetInSentence)
    classifier: Classifier = field(default_factory=Logistic)

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        train = self.features(embed, problem.train_sentences, problem.train_places, self.role)
        test = self.features(embed, problem.sentences, problem.places, self.role)
        predicted = self.classifier.predict(train, problem.train_labels, test)
        return judge_classes(self, predicted, problem.labels, problem.clusters)
