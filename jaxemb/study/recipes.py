"""Base recipes that experiments share; each is a function that returns a Recipe."""

import dataclasses
from collections.abc import Iterable

from jaxemb.config import snake_case
from jaxemb.data import Pairs, PyDocs, SummaryToBody, Texts
from jaxemb.encoders import Bag, Transformer
from jaxemb.evaluation import (
    STS,
    Classification,
    Clustering,
    During,
    PairClassification,
    PyDocsRetrieval,
    Retrieval,
    Task,
    surface,
)
from jaxemb.fitting import PPMISVD, Apply, Fit, Slice, Vocabulary, Whitening
from jaxemb.heads import Chain, Linear, Normalize
from jaxemb.interop import Pretrained
from jaxemb.losses import InfoNCE, LayerWise, SampledDimension
from jaxemb.model import Embedder
from jaxemb.nn import Bidirectional
from jaxemb.pooling import Concatenation, Max, Mean, Min, PositionWeightedMean, PowerMean
from jaxemb.study.arms import Arm, arm, chain
from jaxemb.study.bases import language_model_tuning  # noqa: F401 (a base like the others)
from jaxemb.study.recipe import Recipe
from jaxemb.text import WordPiece
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Shared, Steps, Train


def _embedder(encoder: Transformer | Bag, max_tokens: int = 64) -> Embedder:
    return Embedder(
        text=WordPiece(vocabulary=8192, max_tokens=max_tokens, query_tokens=32),
        tokens=TokenTable(),
        encoder=encoder,
        pooling=Mean(),
        head=Normalize(),
    )


def _fitted_tokens() -> tuple[Fit, Fit]:
    """A vocabulary, and a token table whose rows are PPMI-SVD word vectors of the training text."""
    texts = Texts(source=PyDocs(), split="train")
    return (
        Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
        Fit(name="table", estimator=PPMISVD(), data=texts),
    )


def _tasks() -> tuple:
    return Retrieval(), STS(), Classification(), Clustering(), PairClassification()


def _watched(every: int) -> During:
    """A small retrieval on the development split, for the learning curve."""
    data = PyDocsRetrieval(split="dev", queries=200, documents=600)
    return During(inner=Retrieval(data=data), every=every)


def pair_retriever(steps: int = 80, *, layers: int = 2, max_tokens: int = 64) -> Recipe:
    """Summary to body on pydocs: layers of 128 over a fitted token table, InfoNCE in the batch."""
    encoder = Transformer(
        layers=layers, width=128, heads=4, mask=Bidirectional(), attention_dropout=0.1
    )
    return Recipe(
        embedder=_embedder(encoder, max_tokens),
        stages=(
            *_fitted_tokens(),
            Train(
                name="train",
                data=Pairs(source=PyDocs(), view=SummaryToBody(), split="train", batch_size=128),
                loss=InfoNCE(temperature=0.05),
                optimizer=AdamW(learning_rate=3e-3),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=(*_tasks(), _watched(every=steps // 4)),
    )


def fine_tuned(name: str, *, steps: int, learning_rate: float = 5e-5) -> Recipe:
    """Weights that somebody else trained, trained on with summaries and bodies of pydocs.

    Example:
        >>> fine_tuned("all-MiniLM-L6-v2", steps=30).stages[0].budget
        Steps(steps=30)
    """
    return Recipe(
        embedder=Pretrained(name, max_tokens=64),
        stages=(
            Train(
                name="train",
                data=Pairs(source=PyDocs(), view=SummaryToBody(), split="train", batch_size=32),
                loss=InfoNCE(temperature=0.05),
                optimizer=AdamW(learning_rate=learning_rate),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=(
            Retrieval(data=PyDocsRetrieval(queries=300, documents=2000)),
            STS(),
        ),
    )


def search_and_similarity() -> tuple[Task, ...]:
    """Retrieval with all queries of pydocs, and similarity: the tasks of trained bags of words."""
    return Retrieval(data=PyDocsRetrieval(queries=None)), STS()


def static_bag() -> Recipe:
    """The mean of fitted token vectors; nothing is trained."""
    return Recipe(
        embedder=_embedder(Bag(width=128)),
        stages=_fitted_tokens(),
        evaluation=_tasks(),
    )


def static_retriever(*, steps: int, batch_size: int = 128) -> Recipe:
    """`static_bag` whose token vectors are trained with summaries and bodies of pydocs.

    A step costs hundredths of a second, so that questions about data and losses get many seeds.

    Example:
        >>> static_retriever(steps=100).stages[-1].loss.temperature
        0.05
    """
    bag = static_bag()
    train = Train(
        name="train",
        data=Pairs(source=PyDocs(), view=SummaryToBody(), split="train", batch_size=batch_size),
        loss=InfoNCE(temperature=0.05),
        optimizer=AdamW(learning_rate=1e-2),
        budget=Steps(steps=steps),
    )
    return dataclasses.replace(
        bag,
        stages=(*bag.stages, train),
        evaluation=search_and_similarity(),
    )


def refined(base: Recipe, *, first: int, then: int, learning_rate: float) -> Recipe:
    """A recipe whose training has two stages: `pretrain` as it was, and `train` at another rate.

    What the first one trains is shared by the arms that do not change it.

    Example:
        >>> [stage.name for stage in refined(
        ...     static_retriever(steps=9), first=6, then=3, learning_rate=1e-3
        ... ).stages[-2:]]
        ['pretrain', 'train']
    """
    train = base.stages[-1]
    pretrain = dataclasses.replace(train, name="pretrain", budget=Steps(steps=first))
    again = dataclasses.replace(train.at_rate(learning_rate), budget=Steps(steps=then))
    return dataclasses.replace(base, stages=(*base.stages[:-1], pretrain, again))


def refined_bag(*, then: int) -> Recipe:
    """`static_retriever` of 150 steps, `refined` for as many more as are asked for at rate 0.003.

    Example:
        >>> refined_bag(then=50).stages[-1].budget.steps
        50
    """
    return refined(static_retriever(steps=150), first=150, then=then, learning_rate=3e-3)


def standing_arms() -> tuple[Arm, ...]:
    """Arms that are models, for experiments whose base trains nothing: rows to stand beside.

    Widely used weights, `pair_retriever` trained once for all experiments, and `static_bag`.

    Example:
        >>> [one.name for one in standing_arms()]
        ['all-MiniLM-L6-v2', 'pydocs-trained', 'static-bag']
    """
    trained, bag = pair_retriever(), static_bag()
    shared = (*trained.stages[:-1], Shared(inner=trained.stages[-1], name="train"))
    return (
        arm("all-MiniLM-L6-v2", embedder=Pretrained("all-MiniLM-L6-v2"), stages=()),
        arm("pydocs-trained", embedder=trained.embedder, stages=shared),
        arm("static-bag", embedder=bag.embedder, stages=bag.stages),
    )


def reading(arms: Iterable[Arm], *, max_tokens: int) -> tuple[Arm, ...]:
    """The same models reading longer texts; what is trained for an arm is trained on such texts.

    For tasks whose texts must not be cut: what a model does not read would look like what it does
    not see. Weights that were trained elsewhere keep their own limit where it is shorter.

    Example:
        >>> [one.overrides[-1] for one in reading(standing_arms()[:2], max_tokens=256)]
        [('embedder.max_tokens', 256), ('embedder.text.max_tokens', 256)]
    """
    return tuple(
        Arm(one.name, (*one.overrides, (f"embedder.{_start(one).cuts_texts}", max_tokens)))
        for one in arms
    )


def _start(one: Arm) -> Embedder | Pretrained:
    return dict(one.overrides)["embedder"]


def embedding_variants() -> tuple[Arm, ...]:
    """`standing_arms` and what can be made of them without training: many models for studies of scores.

    all-MiniLM-L6-v2 with fewer layers; dimensions cut off all three; other poolings of the bag, and
    the bag whitened and centred. The base is `static_bag`.

    Example:
        >>> len(embedding_variants())
        22
    """
    minilm, trained, bag = standing_arms()
    name, stages = minilm.name, static_bag().stages
    white = {"whitened": Whitening(), "centred": Whitening(scale=False)}
    return chain(
        (minilm, trained, bag),
        [arm(f"{name},layers={n}", embedder=Pretrained(name, layers=n), stages=()) for n in (1, 2, 4)],
        *([_cut(one, dim) for dim in dims]
          for one, dims in ((minilm, (16, 64, 192)), (trained, (16, 48)), (bag, (16, 64)))),
        [arm(f"static-bag,{snake_case(type(pooling))}", pooling=pooling) for pooling in _POOLINGS],
        [arm(f"static-bag,{how},dim={dim}", head=Chain(heads=(Linear(dim=dim), Normalize())),
             stages=(*stages, Fit(name=how, estimator=fitted, data=stages[0].data)))
         for how, fitted in white.items() for dim in (64, 128)],
    )  # fmt: skip


_POOLINGS = (
    Max(), Min(), PowerMean(), PositionWeightedMean(),
    Concatenation(poolings=(Mean(), Min(), Max(), PowerMean())),
)  # fmt: skip


def _cut(one: Arm, dim: int) -> Arm:
    """The arm with all but the first `dim` dimensions taken off."""
    overrides = dict(one.overrides)
    stages = (*overrides.pop("stages"), Apply(transform=Slice(dim=dim)))
    return arm(f"{one.name},dim={dim}", {**overrides, "stages": stages})


def elastic_retriever(*, layers: int, steps: int) -> Recipe:
    """`pair_retriever` trained for every dimension and depth at once, and scored at each of them."""
    base = pair_retriever()
    dims = (16, 32, 64, 128)
    train = dataclasses.replace(
        base.stages[-1],
        loss=LayerWise(inner=SampledDimension(inner=InfoNCE(temperature=0.05), dims=dims[:-1])),
        budget=Steps(steps=steps),
    )
    encoder = dataclasses.replace(base.embedder.encoder, layers=layers)
    depths = tuple(range(1, layers)) if layers <= 2 else (1, layers // 2)
    cuts = surface((Retrieval(), STS()), layers=(*depths, layers), dims=dims)
    return dataclasses.replace(
        base,
        embedder=dataclasses.replace(base.embedder, encoder=encoder),
        stages=(*base.stages[:-1], train),
        evaluation=(*base.evaluation, *cuts),
    )
