"""The token table of paragraph vectors, trained with a vector for every text of the training set."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError, smaller
from jaxemb.data import GivenTexts, Positions
from jaxemb.encoders import Bag
from jaxemb.fitting.estimator import Estimator
from jaxemb.heads import Identity
from jaxemb.losses import Dot, MultiplePositives, SquaredNorm, Sum
from jaxemb.model import Embedder, Tower, Towers
from jaxemb.pooling import Sum as SumPooling
from jaxemb.runtime import Jit, Runtime
from jaxemb.text import GivenPieces
from jaxemb.training import AdamW, Constant, Context, Steps, Train

if TYPE_CHECKING:
    import jaxemb.model


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParagraphTable(Estimator):
    """Sets the token table to what foresees the tokens of texts, as the embedder's pooling reads it.

    The pooling, `ParagraphBag` or `ParagraphMemory`, says how: its `window` and its α. Two towers
    are trained, tables of what is read (texts and tokens) and of what is foreseen, on

        mean over positions of  -log softmax(R (d + m))_x  +  (α/2) ‖d‖²

    with the vector `d` of the text and the sum `m` of the vectors of the tokens around. The texts'
    own vectors are dropped: a new text's vector is the pooling's, for given tables.

    Attributes:
        steps: of Adam on the full softmax.
        batch_size: positions in each step.
        learning_rate: constant.

    Raises:
        UsageError: the embedder has no such pooling, its encoder is no `Bag`, it has no token table
            or no tokenizer.

    Reference: Le and Mikolov, Distributed Representations of Sentences and Documents,
    arXiv:1405.4053.
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder", "pooling")
    stochastic: ClassVar[bool] = True
    steps: Annotated[int, AtLeast(1)] = 300
    batch_size: Annotated[int, AtLeast(1)] = 2048
    learning_rate: Annotated[float, AtLeast(0)] = 0.03

    def small(self) -> "ParagraphTable":
        return smaller(self, steps=2, batch_size=8)

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        pooling, table = model.embedder.pooling, model.params["tokens"].get("embedding")
        if not hasattr(pooling, "alpha") or table is None or model.tokenizer is None:
            raise UsageError(
                "ParagraphTable needs a ParagraphBag or ParagraphMemory as the pooling, a TokenTable "
                "and a fitted tokenizer before it."
            )
        texts = tuple(texts)
        towers = _towers(model.embedder, len(texts))
        start = dataclasses.replace(model, embedder=towers, params=_scaled(towers, key))
        # One row holds all positions of a batch, which is for one device.
        context = Context(key=key, seed=_seed(key), runtime=Runtime(devices=Jit(limit=1)))
        ended = self.stage(pooling, texts).run(start, context)
        fitted = pooling.table(
            ended.params["word"]["tokens"]["embedding"],
            ended.params["paragraph"]["tokens"]["embedding"][: len(table)],
        )
        tokens = {**model.params["tokens"], "embedding": fitted}
        return dataclasses.replace(model, params={**model.params, "tokens": tokens})

    def stage(self, pooling: Any, texts: tuple[str, ...]) -> Train:
        """The training of both tables."""
        foresee = MultiplePositives(temperature=1.0, similarity=Dot())
        short = SquaredNorm(columns=("paragraph",))
        return Train(
            data=Positions(
                source=GivenTexts(texts=texts),
                fields=("text",),
                window=pooling.window,
                batch_size=self.batch_size,
            ),
            loss=Sum(losses=(foresee, short), weights=(1.0, pooling.alpha)),
            optimizer=AdamW(
                learning_rate=self.learning_rate, schedule=Constant(), clip=None, weight_decay=0.0
            ),
            budget=Steps(self.steps),
        )


def _towers(embedder: Embedder, texts: int) -> Towers:
    """A table of texts below one of tokens, which are read; and one of tokens, which are foreseen."""
    width = jax.eval_shape(
        lambda: embedder.pooling.rows(jnp.zeros((1, embedder.encoder.width)))
    ).shape[1]
    word = dataclasses.replace(
        embedder, encoder=Bag(width=width), pooling=SumPooling(), head=Identity()
    )
    pieces = GivenPieces(vocabulary=embedder.text.vocabulary + texts)
    return Towers(
        towers=(
            Tower(
                name="paragraph",
                columns=("query", "paragraph"),
                network=dataclasses.replace(word, text=pieces),
            ),
            Tower(name="word", columns=(), network=word),
        )
    )


def _scaled(towers: Towers, key: Key[Array, ""]) -> dict[str, Any]:
    """What is read starts at rows of length 1 on average, what is foreseen at 0."""
    params = towers.init(key)
    width = params["word"]["tokens"]["embedding"].shape[1]
    return {
        "paragraph": jax.tree.map(lambda x: x * width**-0.5, params["paragraph"]),
        "word": jax.tree.map(jnp.zeros_like, params["word"]),
    }


def _seed(key: Key[Array, ""]) -> int:
    return int(jax.random.randint(key, (), 0, 2**31 - 1))
