"""The ten probes, ready to run."""

from jaxemb.config import snake_case
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.classifiers import Classifier, Logistic
from jaxemb.evaluation.grammar.structures import (
    ObjectNumber,
    SubjectNumber,
    Tense,
    TopConstituents,
    TreeDepth,
)
from jaxemb.evaluation.probes.surface import (
    BigramShift,
    CoordinationInversion,
    OddManOut,
    SentenceLength,
    WordContent,
)

GENERATORS = (
    SentenceLength, WordContent, TreeDepth, TopConstituents, BigramShift, Tense, SubjectNumber,
    ObjectNumber, OddManOut, CoordinationInversion,
)  # fmt: skip


def probing_tasks(
    *, train: int = 3000, texts: int = 1500, classifier: Classifier | None = None
) -> tuple[Classification, ...]:
    """A probe for each of ten properties, named for it; five on real sentences, five on a grammar's.

    Reference: Conneau et al., What you can cram into a single vector, arXiv:1805.01070.

    Example:
        >>> [task.name for task in probing_tasks()][:3]
        ['sentence_length', 'word_content', 'tree_depth']
    """
    classifier = classifier or Logistic()
    return tuple(
        Classification(
            name=snake_case(make), data=make(train=train, texts=texts), classifier=classifier
        )
        for make in GENERATORS
    )
