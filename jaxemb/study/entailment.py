"""Bases of experiments about encoders that learn sentences by judging what implies what."""

import dataclasses

from jaxemb.data import (
    Joined,
    LabelledPairs,
    Pairs,
    PyDocs,
    PyDocsEntailment,
    TextFile,
    Texts,
    at_hand,
)
from jaxemb.encoders import Encoder
from jaxemb.evaluation import (
    STS,
    Classification,
    EntailmentRecords,
    Logistic,
    PairProbe,
    SecondAlone,
    Task,
)
from jaxemb.fitting import PPMISVD, Fit, Vocabulary
from jaxemb.heads import AbsoluteDifference, First, Identity, Product, Second
from jaxemb.losses import Compared, PairClassifier, ScoreRegression
from jaxemb.model import Embedder
from jaxemb.pooling import Pooling
from jaxemb.study.recipe import Recipe
from jaxemb.study.sets import graded_sentences, grades_to_learn, judged_pairs, labelled_texts
from jaxemb.text import Words
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Steps, Train

PAIR = (First(), Second(), AbsoluteDifference(), Product())
"""What a classifier of two sentences reads."""

_JUDGED = ("premise", "hypothesis", "label")
_FIELDS = (
    "premise", "hypothesis", "sentence1", "sentence2", "definition", "example", "text", "summary",
    "body",
)  # fmt: skip


def plain_texts() -> Texts:
    """Training texts for word vectors: judged pairs, captions, definitions, questions and reviews."""
    names = (
        "sts/sick-en", "sts/stsb-en", "definitions/wordnet", "classification/trec",
        "classification/sst5",
    )  # fmt: skip
    more = [at_hand(TextFile, f"{name}.tsv.gz", otherwise=PyDocs()) for name in names]
    sources = (judged_pairs(), *dict.fromkeys(more))
    return Texts(source=Joined(sources=sources), fields=_FIELDS)


def word_stages(rarity: float | None = 1e-2) -> tuple[Fit, Fit]:
    """A vocabulary of words and their PPMI-SVD vectors."""
    texts = plain_texts()
    return (
        Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
        Fit(name="table", estimator=PPMISVD(rarity=rarity), data=texts),
    )


def inference_task() -> PairProbe:
    """Judging pairs from both frozen vectors, on premises that were not trained on."""
    pairs = judged_pairs()
    return PairProbe(
        name="nli",
        train=EntailmentRecords(source=pairs, split="train"),
        data=EntailmentRecords(source=pairs),
        classifier=Logistic(penalty=300.0),
        sides=True,
    )


def hypothesis_task() -> PairProbe:
    """`inference_task` without the premises: what hypotheses give away by themselves."""
    both = inference_task()
    return dataclasses.replace(
        both,
        name="hypothesis",
        train=SecondAlone(inner=both.train),
        data=SecondAlone(inner=both.data),
    )


def transfer_tasks() -> tuple[Task, ...]:
    """`inference_task`, and what else vectors tell: SICK's entailment, types of questions, STS."""
    name, fields = "sts/sick-en.tsv.gz", ("sentence1", "sentence2", "nli")
    sick = at_hand(TextFile, name, otherwise=PyDocsEntailment())
    first, second, label = fields if sick != PyDocsEntailment() else _JUDGED
    fitted, judged = (
        EntailmentRecords(source=sick, split=split, first=first, second=second, label=label)
        for split in ("train", "test")
    )
    return (
        inference_task(),
        PairProbe(
            name="sick", train=fitted, data=judged, classifier=Logistic(penalty=300.0), sides=True
        ),
        Classification(name="trec", data=labelled_texts("trec")),
        STS(data=graded_sentences()),
    )


def pair_judge(
    encoder: Encoder, pooling: Pooling, *, steps: int, learning_rate: float = 3e-3
) -> Recipe:
    """A sentence encoder over fixed word vectors, trained by the classes of judged pairs."""
    return Recipe(
        embedder=Embedder(
            text=Words(vocabulary=16384, max_tokens=24, query_tokens=24),
            tokens=TokenTable(),
            encoder=encoder,
            pooling=pooling,
            head=Identity(),
        ),
        stages=(
            *word_stages(),
            Train(
                name="train",
                data=Pairs(source=judged_pairs(), view=LabelledPairs(), batch_size=64),
                loss=PairClassifier(classes=3, features=PAIR),
                optimizer=AdamW(learning_rate=learning_rate, freezes=("tokens",)),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=transfer_tasks(),
    )


def pair_grader(encoder: Encoder, pooling: Pooling, *, steps: int) -> Recipe:
    """A sentence encoder over fixed word vectors, whose cosines learn the grades of STS-B's pairs.

    Where the set is not at hand, pairs of pydocs are graded by their label.
    """
    base = pair_judge(encoder, pooling, steps=steps)
    train = Train(
        name="train",
        data=grades_to_learn(batch_size=64),
        # Grades go up to 5, and so does the cosine divided by a fifth.
        loss=ScoreRegression(scores=Compared(temperature=0.2)),
        optimizer=AdamW(learning_rate=1e-3, freezes=("tokens",)),
        budget=Steps(steps=steps),
    )
    return dataclasses.replace(base, stages=(*base.stages[:-1], train))
