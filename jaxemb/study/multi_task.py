"""Bases of experiments about one encoder that learns several tasks, in turn or one after the other."""

import dataclasses

from jaxemb.data import (
    Columns,
    EntailmentTriplets,
    Following,
    HardNegatives,
    Joined,
    LabelledPairs,
    Neighbour,
    Pairs,
    PyDocs,
    PyDocsEntailment,
    SeveralTasks,
    SummaryToBody,
    TextFile,
    at_hand,
)
from jaxemb.encoders import Bag, Encoder
from jaxemb.evaluation import (
    STS,
    AngularSTS,
    Association,
    AssociationFile,
    Classification,
    FewShotClassification,
    Task,
)
from jaxemb.heads import Chain, FeedForwardHead, Linear, Normalize
from jaxemb.losses import InfoNCE, OfFamily, PairClassifier, Sum
from jaxemb.pooling import Mean, Pooling
from jaxemb.study.entailment import PAIR, inference_task, pair_judge
from jaxemb.study.recipe import Recipe
from jaxemb.study.sets import graded_sentences, judged_pairs, labelled_texts
from jaxemb.tokens import HashedNgrams
from jaxemb.training import AdamW, Steps, Train, WarmupLinear

NOVELS = ("alice-in-wonderland.jsonl", "dracula.jsonl.gz", "moby-dick.jsonl.gz",
          "pride-and-prejudice.jsonl.gz")  # fmt: skip


def inference() -> Pairs:
    """Judged pairs with their classes."""
    return Pairs(source=judged_pairs(), view=LabelledPairs(), batch_size=64)


def what_follows() -> Pairs:
    """A paragraph and the next one, of four novels; else the objects of pydocs one after the other."""
    found = [at_hand(TextFile, f"books/{name}", otherwise=PyDocs()) for name in NOVELS]
    if PyDocs() in found:
        return Pairs(view=Neighbour(), batch_size=64)
    return Pairs(source=Joined(sources=tuple(found)), view=Following(), batch_size=64)


def paraphrased_questions() -> Pairs:
    """Questions that people asked in other words; else the summaries and bodies of pydocs."""
    source = at_hand(TextFile, "pairs/quora-positives.tsv.gz", otherwise=PyDocs())
    view = SummaryToBody() if source == PyDocs() else Columns(query="anchor")
    return Pairs(source=source, view=view, batch_size=64)


def tasks_in_turn(steps: int) -> Recipe:
    """A deep averaging network of words and bigrams: classes of pairs, what follows, paraphrases."""
    base = pair_judge(Bag(), Mean(), steps=steps)
    embedder = dataclasses.replace(
        base.embedder,
        tokens=HashedNgrams(buckets=2**14, spread=0.0),
        head=Chain(heads=(FeedForwardHead(dims=(256,)), Linear(dim=128))),
    )
    train = dataclasses.replace(
        base.stages[-1],
        data=SeveralTasks(
            tasks=(inference(), what_follows(), paraphrased_questions()), batch_size=64
        ),
        loss=Sum(
            losses=(
                OfFamily(inner=PairClassifier(classes=3, features=PAIR), family=0),
                OfFamily(inner=InfoNCE(temperature=0.05), family=1),
                OfFamily(inner=InfoNCE(temperature=0.05), family=2),
            )
        ),
        optimizer=AdamW(learning_rate=3e-3),
    )
    return dataclasses.replace(
        base,
        embedder=embedder,
        stages=(*base.stages[:-1], train),
        evaluation=_tasks(),
    )


def _tasks() -> tuple[Task, ...]:
    questions, graded = labelled_texts("trec"), graded_sentences()
    tests = {"flowers": "weat1", "careers": "weat6", "science": "weat8"}
    association = {
        name: at_hand(AssociationFile, "bias/weat-seat.jsonl.gz", test=test, otherwise=None)
        for name, test in tests.items()
    }
    return (
        inference_task(),
        FewShotClassification(name="trec_few", data=questions),
        Classification(name="trec", data=questions),
        STS(data=graded),
        AngularSTS(name="angular", data=graded),
        *(Association(name=name, data=data) for name, data in association.items() if data),
    )


def contrast_in_two_stages(encoder: Encoder, pooling: Pooling, *, steps: int) -> Recipe:
    """An encoder contrasted with paraphrased questions first, then with what is implied and denied."""
    base = pair_judge(encoder, pooling, steps=steps)
    stages = [
        Train(
            name=name,
            data=data,
            loss=InfoNCE(temperature=0.05),
            optimizer=AdamW(learning_rate=1e-3, schedule=WarmupLinear(warmup=0.1)),
            budget=Steps(steps=steps),
        )
        for name, data in (
            ("questions", paraphrased_questions()),
            ("inference", _triplets()),
        )
    ]
    return dataclasses.replace(
        base,
        embedder=dataclasses.replace(
            base.embedder, head=Chain(heads=(Linear(dim=128), Normalize()))
        ),
        stages=(*base.stages[:-1], *stages),
    )


def _triplets() -> Pairs:
    """What is implied and what is denied; of rules' pairs there are too few of both kinds."""
    pairs = judged_pairs()
    if pairs.inner == PyDocsEntailment():
        return Pairs(view=HardNegatives(count=1), batch_size=64)
    return Pairs(source=pairs, view=EntailmentTriplets(), batch_size=64)
