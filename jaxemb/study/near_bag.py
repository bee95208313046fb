"""A base recipe that starts at the static bag: what training adds can be told in minutes."""

import dataclasses
from collections.abc import Sequence

from jaxemb.data import Dataset, PyDocs, Texts
from jaxemb.encoders import Transformer
from jaxemb.evaluation import Task
from jaxemb.fitting import PPMISVD, Fit, InTower, Vocabulary
from jaxemb.heads import Head, Normalize, Output
from jaxemb.losses import Loss
from jaxemb.model import Embedder, Tower, Towers
from jaxemb.nn import Block, PreNorm, Rotary
from jaxemb.pooling import Mean
from jaxemb.study.recipe import Recipe
from jaxemb.text import WordPiece
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Everything, Stage, Steps, Train, Trainable


def near_bag(
    stages: Sequence[Stage],
    evaluation: Sequence[Task],
    *,
    texts: Texts | None = None,
    layers: int = 1,
    max_tokens: int = 48,
    head: Head | None = None,
    output: Output | None = None,
    block: Block | None = None,
) -> Recipe:
    """A small transformer over a fitted token table, whose blocks add little before training.

    Its vectors are at first nearly those of the static bag, so that an arm that learns anything from
    its data is above that control after few steps.

    Args:
        stages: what is done after the vocabulary and the table are fitted.
        evaluation: the tasks.
        texts: what these two are fitted to; by default the training texts of pydocs.
        layers: of the transformer.
        max_tokens: where texts are cut.
        head: of the embedder; by default unit length.
        output: of an embedder that also predicts tokens.
        block: of the transformer; one whose branches add little.

    Example:
        >>> near_bag((), ()).embedder.encoder.block.branch_scale
        0.1
    """
    texts = texts or Texts(source=PyDocs(), split="train")
    return Recipe(
        embedder=Embedder(
            text=WordPiece(vocabulary=8192, max_tokens=max_tokens),
            tokens=TokenTable(),
            encoder=Transformer(
                layers=layers,
                width=128,
                heads=4,
                position=Rotary(),
                block=block or PreNorm(branch_scale=0.1),
                attention_dropout=0.1,
            ),
            pooling=Mean(),
            head=head or Normalize(),
            output=output,
        ),
        stages=(
            Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
            Fit(name="table", estimator=PPMISVD(), data=texts),
            *stages,
        ),
        evaluation=tuple(evaluation),
    )


def trained(
    data: Dataset,
    loss: Loss,
    *,
    learning_rate: float,
    steps: int,
    name: str = "train",
    trains: Trainable | None = None,
) -> Train:
    """A stage of so many steps by AdamW with its usual schedule.

    Args:
        trains: which parameters move; by default all.

    Example:
        >>> trained(Pairs(), InfoNCE(), learning_rate=1e-3, steps=100).budget.steps
        100
    """
    return Train(
        name=name,
        data=data,
        loss=loss,
        optimizer=AdamW(learning_rate=learning_rate),
        trains=trains or Everything(),
        budget=Steps(steps),
    )


def two_towers(base: Recipe, *, own: tuple[str, ...] = ("query",)) -> Recipe:
    """The same recipe with a tower of their own for some columns, over one token table.

    Both towers start near the bag of that table, so that their vectors are alike from the start.

    Args:
        base: of `near_bag`.
        own: the columns of the first tower, called `query`; the other one, `document`, has the rest.

    Example:
        >>> two_towers(near_bag((), ())).embedder.name_of("positive")
        'document'
    """
    towers = (
        Tower(name="query", columns=own, network=base.embedder),
        Tower(name="document", columns=(), network=base.embedder, shares=("tokens",)),
    )
    vocabulary, table, *rest = base.stages
    fitted = dataclasses.replace(table, estimator=InTower(inner=table.estimator, tower="query"))
    return dataclasses.replace(
        base, embedder=Towers(towers=towers), stages=(vocabulary, fitted, *rest)
    )
