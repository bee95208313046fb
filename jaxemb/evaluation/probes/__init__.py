"""Probes: classifiers that read properties off frozen vectors, and the properties' generators."""

from jaxemb.evaluation.classifiers import Classifier, Logistic, Perceptron
from jaxemb.evaluation.probes.grammar import (
    ObjectNumber,
    SubjectNumber,
    Tense,
    TopConstituents,
    TreeDepth,
)
from jaxemb.evaluation.probes.sentences import (
    GeneratedLabels,
    PlainProse,
    SentenceLabels,
    Sentences,
)
from jaxemb.evaluation.probes.suite import probing_tasks
from jaxemb.evaluation.probes.surface import (
    BigramShift,
    CoordinationInversion,
    OddManOut,
    SentenceLength,
    WordContent,
)
from jaxemb.evaluation.probes.tasks import GradedProbe, PairProbe
