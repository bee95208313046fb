"""What vectors of some width can rank at all: vectors trained freely on the judgements themselves."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float32

from jaxemb.config import Above, AtLeast, Part, UsageError, smaller
from jaxemb.data import Judgements
from jaxemb.encoders import Bag
from jaxemb.losses import Dot, MultiplePositives
from jaxemb.model import Embedder, Model, Tower, Towers
from jaxemb.pooling import Mean
from jaxemb.runtime import Jit, Runtime
from jaxemb.text import SPECIALS, GivenPieces
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Constant, Context, Patience, Steps, Train, Until

CHECK_EVERY = 50
"""Steps between two looks at what is recovered and at the loss."""


def subsets(items: int, size: int) -> Bool[np.ndarray, "sets items"]:
    """Every set of `size` of the items, a row each; the sets of the first n items come first.

    Example:
        >>> subsets(3, 2).astype(int).tolist()
        [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    found = sorted(itertools.combinations(range(items), size), key=lambda one: one[::-1])
    relevant = np.zeros((len(found), items), bool)
    for row, chosen in enumerate(found):
        relevant[row, list(chosen)] = True
    return relevant


def recovered(
    queries: Float[np.ndarray, "queries width"],
    documents: Float[np.ndarray, "documents width"],
    relevant: Bool[np.ndarray, "queries documents"],
) -> float:
    """Share of the relevant documents that stand above all irrelevant ones by inner product.

    In float64, and strictly: a relevant document that is level with an irrelevant one is not
    recovered, so that neither rounding nor the order of ties can rank what the vectors do not. 1.0
    exactly where every query has its relevant documents on top.

    Example:
        >>> documents = np.eye(3)
        >>> recovered(np.array([[2.0, 1.0, 0.0]]), documents, np.array([[True, True, False]]))
        1.0
    """
    scores = np.asarray(queries, np.float64) @ np.asarray(documents, np.float64).T
    best_wrong = np.max(np.where(relevant, -np.inf, scores), axis=1, keepdims=True)
    return float(np.sum(relevant & (scores > best_wrong)) / np.sum(relevant))


class Trained(NamedTuple):
    """Free vectors after training: the share of relevant documents recovered, and the vectors."""

    recovered: float
    steps: int
    queries: Float32[np.ndarray, "queries width"]
    documents: Float32[np.ndarray, "documents width"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeVectors(Part):
    """One trainable vector per query and per document, trained on the very judgements they face.

    No text and no encoder stands between the judgements and the vectors: what these cannot rank
    after training, no model of the same width trained in this way can. They are two token tables
    over texts of one token, scaled to length 1, and trained by Adam on `MultiplePositives` of
    everything at once. Training ends when everything is recovered, after `patience` steps without a
    gain of `gain` in the loss, or after `steps`.

    What this finds is what the optimiser reaches in float32, a lower bound on what vectors can do:
    for pairs of documents four dimensions suffice in exact arithmetic (see `trigonometric`).

    Example:
        >>> FreeVectors(steps=500).train(subsets(4, 2), dim=3, seed=0).recovered
        1.0

    Reference: On the Theoretical Limitations of Embedding-Based Retrieval, arXiv:2508.21038.
    """

    learning_rate: Annotated[float, Above(0)] = 0.01
    temperature: Annotated[float, Above(0)] = 0.1
    steps: Annotated[int, AtLeast(1)] = 20_000
    patience: Annotated[int, AtLeast(1)] = 1000
    gain: Annotated[float, AtLeast(0)] = 1e-5

    def small(self) -> "FreeVectors":
        return smaller(self, steps=2)

    def train(
        self, relevant: Bool[np.ndarray, "queries documents"], dim: int, seed: int, tries: int = 1
    ) -> Trained:
        """The best of `tries` sets of vectors drawn by `seed`, which are trained side by side.

        Raises:
            UsageError: if `dim` is below 1, or no document is relevant.
        """
        if dim < 1 or not relevant.any():
            raise UsageError(f"free vectors need dim >= 1 and relevant documents; dim={dim}")
        answers = tuple(tuple(np.flatnonzero(row).tolist()) for row in relevant)
        data = Judgements(relevant=answers, documents=relevant.shape[1], copies=tries)
        key = jax.random.key(seed)
        progress = _Progress(data)
        # Close scores decide what is recovered: no accelerator may round them to fewer digits.
        with jax.default_matmul_precision("highest"):
            model = self.stage(data).run(
                _unit_rows(_tables(data, dim).start(key)),
                Context(key=key, runtime=Runtime(devices=Jit(limit=1)), evaluate=progress),
            )
        return progress.best(model)

    def stage(self, data: Judgements) -> Train:
        """The training, which looks at what is recovered every `CHECK_EVERY` steps."""
        patient = Patience(
            inner=Steps(self.steps), patience=self.patience, gain=self.gain, every=CHECK_EVERY
        )
        return Train(
            data=data,
            loss=MultiplePositives(temperature=self.temperature, similarity=Dot()),
            optimizer=AdamW(
                learning_rate=self.learning_rate, schedule=Constant(), clip=None, weight_decay=0.0
            ),
            budget=Until(inner=patient, metric="recovered", target=1.0, every=CHECK_EVERY),
        )


def critical_size(solves: Callable[[int], bool], least: int, most: int) -> int:
    """The largest size up to `most` that `solves`, by doubling steps and then by halving them.

    Sizes are taken to be solved up to some point and not after it; `least` must be solved.

    Raises:
        ValueError: if `least` is not solved.

    Example:
        >>> critical_size(lambda size: size <= 13, least=3, most=100)
        13
    """
    if not solves(least):
        raise ValueError(f"even size {least} is not solved")
    good, step, bad = least, 1, most + 1
    while good < most:
        size = min(good + step, most)
        if not solves(size):
            bad = size
            break
        good, step = size, 2 * step
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if solves(middle) else (good, middle)
    return good


def trigonometric(
    items: int,
) -> tuple[Float[np.ndarray, "pairs 4"], Float[np.ndarray, "items 4"]]:
    """Vectors of width 4 with which every pair of any number of documents is the top two.

        document(t) = (cos t, sin t, cos 2t, sin 2t) / √2
        query(a, b) = (cos a + cos b, sin a + sin b, -cos(a + b) / 2, -sin(a + b) / 2)

    The score is a constant less a multiple of (1 - cos(t - a)) (1 - cos(t - b)), which is largest at
    t = a and t = b alone. Pairs are in the order of `subsets(items, 2)`.

    Reference: cyclic polytopes are neighbourly; Gale, Neighborly and Cyclic Polytopes (1963).
    """
    angles = 2 * np.pi * np.arange(items) / items
    documents = np.stack([f(m * angles) for m in (1, 2) for f in (np.cos, np.sin)], 1) / np.sqrt(2)
    a, b = angles[np.nonzero(subsets(items, 2))[1].reshape(-1, 2)].T
    first = np.cos(a) + np.cos(b), np.sin(a) + np.sin(b)
    return np.stack([*first, -np.cos(a + b) / 2, -np.sin(a + b) / 2], axis=1), documents


# --- vectors as a model


def _tables(data: Judgements, dim: int) -> Towers:
    """A table of queries and one of documents, each row scaled to unit length."""

    def tower(name: str) -> Tower:
        rows = max(data.sizes[name] * data.copies, len(SPECIALS) + 2)
        network = Embedder(
            text=GivenPieces(vocabulary=rows, max_tokens=3),
            tokens=TokenTable(),
            encoder=Bag(width=dim),
            pooling=Mean(),
        )
        return Tower(name=name, columns=(name,), network=network)

    return Towers(towers=(tower("query"), tower("document")))


def _unit_rows(model: Model) -> Model:
    """The model with rows of length 1, at which the learning rate is an angle."""
    unit = jax.tree.map(lambda x: x / jnp.linalg.norm(x, axis=1, keepdims=True), model.params)
    return dataclasses.replace(model, params=unit)


@dataclasses.dataclass
class _Progress:
    """What has been recovered, looked at every `CHECK_EVERY` steps; how many steps there were."""

    data: Judgements
    steps: int = 0

    def __call__(self, step: int, model: Callable[[], Model]) -> dict[str, float] | None:
        self.steps = step
        return None if step % CHECK_EVERY else {"recovered": self.best(model()).recovered}

    def best(self, model: Model) -> Trained:
        """The copy that recovers most; the first of equals."""
        queries, documents = (self._vectors(model, name) for name in ("query", "document"))
        relevant = self.data.matrix()[: queries.shape[1], : documents.shape[1]]
        sides = zip(queries, documents, strict=True)
        copies = [Trained(recovered(*side, relevant), self.steps, *side) for side in sides]
        return max(copies, key=lambda copy: copy.recovered)

    def _vectors(self, model: Model, name: str) -> Float32[np.ndarray, "copies rows width"]:
        rows = np.asarray(model.params[name]["tokens"]["embedding"])
        rows = rows[: self.data.sizes[name] * self.data.copies]
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit.reshape(-1, self.data.copies, rows.shape[1]).swapaxes(0, 1)[
            :, : self.data.real[name]
        ]
