"""The base of experiments about one encoder that learns several tasks in turn."""

import dataclasses

from jaxemb.data import (
    Following,
    Joined,
    LabelledPairs,
    Neighbour,
    Pairs,
    PyDocs,
    SeveralTasks,
    TextFile,
    at_hand,
)
from jaxemb.encoders import Bag
from jaxemb.evaluation import (
    STS,
    AngularSTS,
    Association,
    AssociationFile,
    Classification,
    FewShotClassification,
    LabelFile,
    PairFile,
    PyDocsGrades,
    PyDocsLabels,
    Task,
)
from jaxemb.heads import Chain, FeedForwardHead, Linear
from jaxemb.losses import InfoNCE, OfFamily, PairClassifier, Sum
from jaxemb.pooling import Mean
from jaxemb.study.entailment import PAIR, inference_task, judged_pairs, pair_judge
from jaxemb.study.recipe import Recipe
from jaxemb.tokens import HashedNgrams

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


def tasks_in_turn(steps: int) -> Recipe:
    """A deep averaging network of words and bigrams that judges pairs and finds what follows."""
    base = pair_judge(Bag(), Mean(), steps=steps)
    embedder = dataclasses.replace(
        base.embedder,
        tokens=HashedNgrams(buckets=2**14, spread=0.0),
        head=Chain(heads=(FeedForwardHead(dims=(256,)), Linear(dim=128))),
    )
    train = dataclasses.replace(
        base.stages[-1],
        data=SeveralTasks(tasks=(inference(), what_follows()), batch_size=64),
        loss=Sum(
            losses=(
                OfFamily(inner=PairClassifier(classes=3, features=PAIR), family=0),
                OfFamily(inner=InfoNCE(temperature=0.1), family=1),
            )
        ),
        optimizer=dataclasses.replace(base.stages[-1].optimizer, freezes=("embedding",)),
    )
    return dataclasses.replace(
        base,
        embedder=embedder,
        stages=(*base.stages[:-1], train),
        evaluation=_tasks(),
    )


def _tasks() -> tuple[Task, ...]:
    questions = at_hand(LabelFile, "classification/trec.tsv.gz", otherwise=PyDocsLabels())
    graded = at_hand(PairFile, "sts/stsb-en.tsv.gz", split="test", otherwise=PyDocsGrades())
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
