"""Bases of experiments about a model for one language that also learns from another.

The other language is a word cipher of English, so that its texts are as many and as hard; in its
place stands whatever source a caller gives.
"""

import dataclasses

from jaxemb.data import (
    ForTask,
    Neighbour,
    SeeAlso,
    Source,
    StratifiedPairs,
    SummaryToBody,
    Texts,
    Translated,
    Translation,
    View,
)
from jaxemb.data.mixtures import Several
from jaxemb.evaluation import (
    STS,
    BitextMining,
    Classification,
    Clustering,
    MultiLabelClassification,
    PairClassification,
    Presented,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsLabelSets,
    PyDocsLinks,
    PyDocsRetrieval,
    PyDocsTranslation,
    Retrieval,
    Task,
)
from jaxemb.fitting import Fit, MoreWords
from jaxemb.losses import InfoNCE
from jaxemb.study import recipes
from jaxemb.study.recipe import Recipe
from jaxemb.text import Prefix, TaskTemplate
from jaxemb.training import Steps

_SAME = ("sts", "pair_classification", "bitext_mining")
_TOPICS = ("clustering", "classification", "multi_label_classification")
_LEARNED = {"retrieval": SummaryToBody(), "sts": SeeAlso(), "clustering": Neighbour()}


def four_prefixes() -> TaskTemplate:
    """A prefix for search queries, one for documents, for texts that mean the same, and for topics.

    Example:
        >>> four_prefixes().prefix("clustering/document")
        'clustering: '
    """
    return TaskTemplate(
        query="",
        document="",
        prefixes=(
            Prefix(task="retrieval", side="query", text="search_query: "),
            Prefix(task="retrieval", side="document", text="search_document: "),
            *(Prefix(task=task, text="classification: ") for task in _SAME),
            *(Prefix(task=task, text="clustering: ") for task in _TOPICS),
        ),
    )


def pairs_in_translation() -> tuple[View, ...]:
    """Pairs of pydocs for three types of task, with both texts in the other language."""
    return tuple(
        ForTask(task=task, inner=Translated(inner=view)) for task, view in _LEARNED.items()
    )


def pairs_in_english() -> tuple[View, ...]:
    """The same pairs as they are, and texts with their translations."""
    plain = (ForTask(task=task, inner=view) for task, view in _LEARNED.items())
    return *plain, ForTask(task="bitext_mining", inner=Translation())


def tasks_of_each_type(source: Source) -> tuple[Task, ...]:
    """Seven types of task in the language of a source, and two of them under the other's prefix."""
    search = Retrieval(data=PyDocsRetrieval(queries=300, documents=600, source=source))
    clustering = Clustering(role="query", data=PyDocsLabels(train=500, texts=500, source=source))
    return (
        search,
        STS(data=PyDocsGrades(pairs=1000, source=source)),
        Classification(data=clustering.data),
        clustering,
        PairClassification(data=PyDocsLinks(pairs=400, source=source)),
        MultiLabelClassification(data=PyDocsLabelSets(train=500, texts=300, source=source)),
        BitextMining(data=PyDocsTranslation(pairs=300)),
        Presented(inner=search, like="clustering"),
        Presented(inner=clustering, like="retrieval"),
    )


def one_language_extended(source: Source, *, steps: int) -> Recipe:
    """A model whose vocabulary and table are of a language, extended by English words.

    It learns from pairs of both languages, a batch of one type of task at a time.

    Args:
        source: pydocs in the language.
        steps: of training.

    Example:
        >>> [stage.name for stage in one_language_extended(Ciphered(), steps=9).stages]
        ['vocabulary', 'table', 'more_words', 'train']
    """
    base = recipes.pair_retriever(layers=1, max_tokens=32)
    *fitted, train = base.stages
    views = Several(views=(*pairs_in_translation(), *pairs_in_english()))
    train = dataclasses.replace(
        train,
        data=StratifiedPairs(view=views, batch_size=128),
        loss=InfoNCE(temperature=0.05),
        budget=Steps(steps=steps),
    )
    more = Fit(name="more_words", estimator=MoreWords(words=2048), data=Texts())
    own = (dataclasses.replace(stage, data=Texts(source=source)) for stage in fitted)
    return Recipe(
        embedder=base.embedder,
        stages=(*own, more, train),
        evaluation=tasks_of_each_type(source),
    )
