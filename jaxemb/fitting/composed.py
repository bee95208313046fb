"""Small tables and ids that are fitted to the rows of a whole token table."""

import abc
import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.fitting.counts import PPMISVD
from jaxemb.fitting.estimator import Estimator
from jaxemb.model import Start
from jaxemb.text import fixed_ids, renumbered
from jaxemb.tokens import TokenTable

if TYPE_CHECKING:
    import jaxemb.model

Rows = Float[np.ndarray, "pieces width"]

_POWERS = 8  # steps of the power method; where Lloyd's steps start need not be exact


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenRows(Part, abc.ABC):
    """Slot: a vector for each piece of a model's tokenizer."""

    @property
    def draws(self) -> bool:
        """Whether the vectors depend on the key."""
        return False

    @abc.abstractmethod
    def __call__(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> Rows:
        """`[pieces, width]` in the order of the ids, as wide as the model's token vectors."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FittedRows(TokenRows):
    """The rows that an estimator would give a whole token table of the model's width.

    Attributes:
        estimator: such as `PPMISVD`.

    Example:
        >>> FittedRows().estimator.window
        10
    """

    estimator: Estimator = PPMISVD()

    @property
    def draws(self) -> bool:
        return self.estimator.stochastic

    def __call__(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> Rows:
        network = dataclasses.replace(model.embedder, tokens=TokenTable())
        shape = (network.text.vocabulary, network.encoder.width)
        params = {**model.params, "tokens": {"embedding": jnp.zeros(shape)}}
        whole = dataclasses.replace(model, embedder=network, params=params)
        fitted = self.estimator.fit(whole, texts, key).params["tokens"]["embedding"]
        return np.asarray(fitted)[: model.tokenizer.size]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowsOf(TokenRows):
    """The rows that equal pieces have in another model; zeros for pieces that it does not know.

    Attributes:
        start: a model with a `TokenTable`, such as `Pretrained(...)`.

    Raises:
        UsageError: the other model has no token table, or one of another width.
    """

    start: Start

    def content(self) -> str:
        return self.start.fingerprint()

    def __call__(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> Rows:
        other = self.start.start(key)
        table = other.params.get("tokens", {}).get("embedding")
        width = model.embedder.encoder.width
        if table is None or table.shape[1] != width:
            raise UsageError(f"RowsOf reads a token table of width {width}, and there is none.")
        known = {piece: number for number, piece in enumerate(other.tokenizer.pieces())}
        places = np.array([known.get(piece, -1) for piece in model.tokenizer.pieces()])
        return np.where(places[:, None] < 0, 0.0, np.asarray(table, np.float32)[places])


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanRows(Estimator):
    """Sets each row of the small tables to the mean over the tokens that use it.

    `S_k[r] = mean of E[i]_k over ids i with c_k(i) = r`, where `E[i]_k` is the part of a token's row
    that stands beside table k: the tables that are nearest to `E` one by one. Rows that no token uses
    become 0.

    Attributes:
        rows: `E`.

    Raises:
        UsageError: the model has no `ComposedTable` or no tokenizer.

    Reference: Jaiswal and Liu, Lightweight Adaptation of Neural Language Models via Subspace Embedding,
    arXiv:2308.08688.
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder.width")
    rows: TokenRows = FittedRows()

    @property
    def stochastic(self) -> bool:
        """As the rows are."""
        return self.rows.draws

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        codes_of = getattr(model.embedder.tokens, "codes", None)
        if codes_of is None or model.tokenizer is None:
            raise UsageError("MeanRows needs a ComposedTable and a fitted tokenizer before it.")
        whole = self.rows(model, texts, key)
        ids = jnp.arange(len(whole))
        codes = np.asarray(codes_of(ids, vocabulary=model.embedder.text.vocabulary))
        tables, start = {}, 0
        for k, code in enumerate(codes.T):
            like = model.params["tokens"][f"table_{k}"]
            part = whole[:, start : start + like.shape[1]]
            tables[f"table_{k}"] = jnp.asarray(_means(part, code, len(like)), like.dtype)
            start += like.shape[1]
        return dataclasses.replace(model, params={**model.params, "tokens": tables})


def _means(
    part: Rows, code: Int[np.ndarray, " pieces"], rows: int
) -> Float[np.ndarray, "{rows} width"]:
    sums = np.zeros((rows, part.shape[1]))
    np.add.at(sums, code, part)
    return sums / np.maximum(np.bincount(code, minlength=rows), 1)[:, None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimilarIds(Estimator):
    """Gives like tokens neighbouring ids: the pieces are renumbered group by group.

    Tokens are parted into two halves by balanced 2-means, each half again, and so on, until a half is
    one group of ids; inside a group the order stays. With `group = Q^(f-1)` the tokens of a group are
    those that share the leading digit of their id, so that the codes of `ComposedTable` become
    cluster codes; where `group` is None it is that of the model's own table. Special pieces keep
    their ids, and so do a token table's rows their tokens.

    How tokens are brought into clusters of equal size is an assumption: the paper does not say.

    Attributes:
        rows: what is compared, by angle.
        group: ids in a row that are one cluster.
        rounds: of each 2-means.

    Raises:
        UsageError: the model has no tokenizer, or no `group` is given and its tokens have none.

    Reference: Jaiswal and Liu, Lightweight Adaptation of Neural Language Models via Subspace Embedding,
    arXiv:2308.08688.
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder.width")
    rows: TokenRows = FittedRows()
    group: Annotated[int, AtLeast(1)] | None = None
    rounds: Annotated[int, AtLeast(0)] = 5

    @property
    def stochastic(self) -> bool:
        """As the rows are."""
        return self.rows.draws

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        if model.tokenizer is None:
            raise UsageError("SimilarIds needs a fitted tokenizer before it.")
        whole = self.rows(model, texts, key)
        length = np.linalg.norm(whole, axis=1, keepdims=True)
        whole = whole / np.where(length > 0, length, 1.0)
        moving = np.setdiff1d(np.arange(len(whole)), fixed_ids(model.tokenizer))
        ids = np.arange(len(whole))
        ids[_grouped(whole, moving, moving, self._size(model), self.rounds)] = moving
        params = {**model.params, "tokens": _moved(model.params["tokens"], ids)}
        return dataclasses.replace(model, tokenizer=renumbered(model.tokenizer, ids), params=params)

    def _size(self, model: "jaxemb.model.Model") -> int:
        if self.group is not None:
            return self.group
        of_table = getattr(model.embedder.tokens, "group", None)
        if of_table is None:
            raise UsageError("SimilarIds needs a group, since the tokens of this model have none.")
        return of_table(model.embedder.text.vocabulary)


def _moved(tokens: dict, ids: Int[np.ndarray, " pieces"]) -> dict:
    """A token table whose rows went with their tokens; what is no such table stays."""
    table = tokens.get("embedding")
    if table is None:
        return tokens
    return {**tokens, "embedding": jnp.asarray(table).at[ids].set(table[: len(ids)])}


def _grouped(
    rows: Rows,
    tokens: Int[np.ndarray, " tokens"],
    ids: Int[np.ndarray, " tokens"],
    size: int,
    rounds: int,
) -> Int[np.ndarray, " tokens"]:
    """The tokens in the order in which they get `ids`, which rise; a group never holds a border."""
    first, last = ids[0] // size, ids[-1] // size
    if first == last:
        return tokens
    cut = int(np.searchsorted(ids, (first + last + 1) // 2 * size))
    left = np.zeros(len(tokens), bool)
    left[_nearer(rows[tokens], cut, rounds)] = True
    return np.concatenate(
        [
            _grouped(rows, tokens[side], part, size, rounds)
            for side, part in ((left, ids[:cut]), (~left, ids[cut:]))
        ]
    )


def _nearer(rows: Rows, count: int, rounds: int) -> Int[np.ndarray, " count"]:
    """The `count` rows of the first of two clusters: Lloyd's steps from a leading direction."""
    direction = _leading(rows - rows.mean(0))
    near = np.arange(count)
    for _ in range(rounds):
        before, near = near, np.argsort(-(rows @ direction), kind="stable")[:count]
        if np.array_equal(before, near):
            break
        inside = np.zeros(len(rows), bool)
        inside[near] = True
        direction = rows[inside].mean(0) - rows[~inside].mean(0)
    return near


def _leading(centred: Rows) -> Float[np.ndarray, " width"]:
    """Near the direction along which rows differ most, by a few steps of the power method."""
    direction = centred[np.argmax(np.square(centred).sum(1))]
    for _ in range(_POWERS):
        direction = (centred @ direction) @ centred
        length = np.linalg.norm(direction)
        direction = direction / (length if length > 0 else 1.0)
    return direction
