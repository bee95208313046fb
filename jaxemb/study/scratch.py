"""Bases of experiments about networks that learn from nothing: implied sentences, whole words."""

from jaxemb.data import Columns, FirstWords, OfValue, Pairs, PyDocs, Texts
from jaxemb.encoders import Encoder, RecursiveConvolutional, Transformer
from jaxemb.evaluation import STS, Classification, DocumentWords, PyDocsRetrieval, Retrieval, Task
from jaxemb.fitting import PPMISVD, Fit, Vocabulary
from jaxemb.heads import Identity, RecursiveDecoder
from jaxemb.losses import (
    DocumentToQuery,
    InfoNCE,
    LearnedTemperature,
    QueryToDocument,
    Reconstruction,
)
from jaxemb.model import Embedder, Start
from jaxemb.nn import GatedMLP, PreNorm, RMSNorm, Rotary
from jaxemb.pooling import FirstTokens, Mean
from jaxemb.study.recipe import Recipe
from jaxemb.study.sets import graded_sentences, judged_pairs, labelled_texts
from jaxemb.text import Bytes, WordPiece, Words
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Steps, Train


def _implied(batch_size: int) -> Pairs:
    """Premises, and sentences that they imply."""
    source = OfValue(inner=judged_pairs(), field="label", values=("entailment",))
    view = Columns(query="premise", positive="hypothesis")
    return Pairs(source=source, view=view, batch_size=batch_size)


def graded_pairs(stsb: str = "test") -> tuple[Task, ...]:
    """Similarity as people grade it: a part of STS-B, of which none is trained on, and SICK's test."""
    return STS(data=graded_sentences(split=stsb)), STS(
        name="sick", data=graded_sentences("sick-en")
    )


def modern_layers(layers: int, width: int) -> Transformer:
    """Rotary positions, RMS norms and gated feed-forward layers, without dropout."""
    block = PreNorm(branch_norm=RMSNorm(), feed_forward=GatedMLP())
    return Transformer(
        layers=layers, width=width, heads=4, position=Rotary(), block=block, dropout=0.0
    )


def implied_pairs(encoder: Encoder, *, steps: int, batch_size: int = 64) -> Recipe:
    """Premises to what they imply, from random parameters, over words sorted by frequency.

    The symmetric loss has a learned temperature. It is judged on the largest part of STS-B, the one for
    training: small differences between small networks need many pairs.
    """
    texts = Texts(source=judged_pairs(), fields=("premise", "hypothesis"))
    return Recipe(
        embedder=Embedder(
            text=Words(vocabulary=8192, max_tokens=32),
            tokens=TokenTable(),
            encoder=encoder,
            pooling=Mean(),
        ),
        stages=(
            Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
            Train(
                name="train",
                data=_implied(batch_size),
                loss=InfoNCE(
                    temperature=LearnedTemperature(), blocks=(QueryToDocument(), DocumentToQuery())
                ),
                optimizer=AdamW(learning_rate=1e-3),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=graded_pairs("train"),
    )


def tuned_on_implied(
    start: Start, *, steps: int, batch_size: int = 32, learning_rate: float = 1e-4
) -> Recipe:
    """Weights that are there, trained on with premises and what they imply."""
    return Recipe(
        embedder=start,
        stages=(
            Train(
                name="train",
                data=_implied(batch_size),
                loss=InfoNCE(temperature=0.05),
                optimizer=AdamW(learning_rate=learning_rate),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=graded_pairs(),
    )


def fitted_words() -> tuple[Fit, Fit]:
    """A vocabulary of words, and their PPMI-SVD vectors, of the sentences of `judged_pairs`."""
    texts = Texts(source=judged_pairs(), fields=("premise", "hypothesis"))
    return (
        Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
        Fit(name="table", estimator=PPMISVD(), data=texts),
    )


def byte_codes(*, width: int, blocks: int, steps: int) -> Recipe:
    """An autoencoder of bytes: texts to four vectors and back, probed with sentences' classes."""
    sentences = Texts(source=judged_pairs(), fields=("hypothesis",), batch_size=64)
    probes = tuple(
        Classification(name=name, data=labelled_texts(name)) for name in ("trec", "subj")
    )
    return Recipe(
        embedder=Embedder(
            text=Bytes(max_tokens=64),
            tokens=TokenTable(),
            encoder=RecursiveConvolutional(width=width, blocks=blocks),
            pooling=FirstTokens(tokens=4),
            head=Identity(),
        ),
        stages=(
            Fit(name="bytes", estimator=Vocabulary(), data=sentences),
            Train(
                name="train",
                data=sentences,
                loss=Reconstruction(decoder=RecursiveDecoder(blocks=blocks)),
                optimizer=AdamW(learning_rate=3e-3),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=(*probes, *graded_pairs()[:1]),
    )


def short_texts(*, words: int, max_tokens: int, least: int, steps: int) -> Recipe:
    """Summaries to bodies of pydocs, trained on first words and scored on long documents too.

    `retrieval` ranks documents of at least `least` words, of which the model reads up to `max_tokens`
    pieces; `retrieval-short` the same ones cut to as many words as it was trained on. Before training
    the vectors are nearly those of the static bag.
    """
    texts = Texts(source=PyDocs())
    data = PyDocsRetrieval(queries=None)
    return Recipe(
        embedder=Embedder(
            text=WordPiece(vocabulary=8192, max_tokens=max_tokens),
            tokens=TokenTable(),
            encoder=Transformer(
                layers=2, width=128, heads=4, block=PreNorm(branch_scale=0.2), dropout=0.0
            ),
            pooling=Mean(),
        ),
        stages=(
            Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
            Fit(name="table", estimator=PPMISVD(), data=texts),
            Train(
                name="train",
                data=Pairs(view=FirstWords(words=words), batch_size=64),
                loss=InfoNCE(temperature=0.05),
                optimizer=AdamW(learning_rate=1e-3),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=(
            Retrieval(data=DocumentWords(inner=data, least=least)),
            Retrieval(
                name="retrieval-short", data=DocumentWords(inner=data, least=least, most=words)
            ),
        ),
    )
