"""An Embedder bound to its parameters: encode, similarity, save."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array

from jaxemb.config import UsageError
from jaxemb.config.files import given_path
from jaxemb.model import display, saving
from jaxemb.model.batches import Params, Report
from jaxemb.model.chunks import chunk_vectors, windows
from jaxemb.model.encoding import Encoding, check_least, encoded
from jaxemb.model.index import Index
from jaxemb.model.transforms import Transform
from jaxemb.model.windows import WINDOW, checked, in_order, longest_first, progress, windowed
from jaxemb.runtime import Copies
from jaxemb.statistics.similarities import unit_rows
from jaxemb.text import Chunked, Tokenizer
from jaxemb.text.templates import side_of

Texts = Any
"""A string, or an iterable of strings; anything else is refused in a sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """A network, its parameters, the tokenizer trained for it, and transforms of its vectors.

    Attributes:
        embedder: the network; None is for no model at all.
        tokenizer: of every tower that has none of its own in `tokenizers`.
        fresh: patterns of parameters that started at random, where the others were read.

    Example:
        >>> model = jaxemb.load("runs/pooling_and_attention/small/causal-last-1a2b3c4d/seed-0")
        >>> model.encode("join a list of strings").shape
        (128,)
    """

    embedder: Any
    params: Params
    tokenizer: Tokenizer | None = None
    transforms: tuple[Transform, ...] = ()
    tokenizers: Mapping[str, Tokenizer] = dataclasses.field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    _readers: dict[str, Tokenizer] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _copies: Copies = dataclasses.field(
        default_factory=Copies, init=False, repr=False, compare=False
    )

    def __repr__(self) -> str:
        return display.text(self)

    def _repr_html_(self) -> str:
        return display.html(self)

    @classmethod
    def create(cls, embedder: Any, key: Array) -> "Model":
        """A model with random parameters and no tokenizer yet; None is for no model at all."""
        return cls(embedder=None, params={}) if embedder is None else embedder.start(key)

    @property
    def dim(self) -> int:
        """Width of the vectors that `encode` returns."""
        return int(self._transformed(np.zeros((1, self.embedder.dim), np.float32)).shape[-1])

    def encode(
        self,
        texts: Texts,
        *,
        dim: int | None = None,
        layers: int | None = None,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        max_tokens: int | None = None,
        prompt: str | None = None,
        role: str = "document",
        normalize: bool = True,
        show_progress: bool = False,
        strict: bool = False,
        report: Report | None = None,
    ) -> np.ndarray | list[np.ndarray]:
        """Embed texts: `[texts, dim]` float32 in the order given; one string gives one vector `[dim]`.

        Texts longer than the model's `max_tokens` are cut there; an empty text is embedded as its
        marker tokens alone. Where a text has several vectors (`EachToken`), the result is a list
        with an array `[items, dim]` for each. Texts are sorted by length inside, padded to a few
        lengths, so that few programs are compiled and a text's vector does not depend on its
        neighbours beyond rounding.

        Args:
            dim: keep the first `dim` numbers of each vector (before `normalize`).
            layers: run only the first `layers` layers.
            batch_size: texts per call on each of this process's devices, which share the work,
                whatever their length.
            batch_tokens: tokens per call on each device, padding included, where there is no
                `batch_size`: short texts fill a call too. By default what suits the device.
            max_tokens: cut texts here where the model would take longer ones.
            prompt: a prefix for every text; by default the template's for `role`.
            role: which of the template's prefixes is used: `"query"` or `"document"`, with the type
                of the task before it where the template has prefixes per task: `"sts/query"`.
            normalize: scale each vector to unit length.
            show_progress: draw a progress bar.
            strict: one text per call, so that a vector is the same to the last bit whatever else is
                in the list and whatever the batch size. Slower.
            report: called when a batch is embedded, with its texts and its tokens without padding.

        Raises:
            UsageError: a text is not a string, or `dim`, `layers`, `batch_size`, `batch_tokens`,
                `max_tokens` is out of range.
        """
        single = isinstance(texts, str)
        asked = Encoding(
            dim=dim,
            layers=layers,
            batch_size=1 if strict else batch_size,
            batch_tokens=batch_tokens,
            max_tokens=max_tokens,
            prompt=prompt,
            role=role,
            normalize=normalize,
        )
        given = [texts] if single else list(checked(texts))
        places = longest_first(given)
        with progress(len(given), report, show_progress and not single) as watch:
            chosen = ([given[place] for place in window] for window in places)
            found = in_order(places, self._vectors(chosen, asked, watch))
        return found[0] if single else found

    def encode_batches(
        self,
        texts: Iterable[str],
        *,
        window: int = WINDOW,
        dim: int | None = None,
        layers: int | None = None,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        max_tokens: int | None = None,
        prompt: str | None = None,
        role: str = "document",
        normalize: bool = True,
        show_progress: bool = False,
        strict: bool = False,
        report: Report | None = None,
    ) -> Iterator[np.ndarray | list[np.ndarray]]:
        """Embed texts of any number: what `encode` gives for the first `window`, the next, and so on.

        Texts are read when they are needed, at most two windows ahead of the vectors, so that a
        corpus that does not fit in memory can be embedded from a generator. While the devices
        compute a window, threads tokenise the next one.

        Args:
            window: how many texts are read, sorted by length and embedded together.

        Raises:
            UsageError: as `encode`, where a text is not a string when its turn comes.

        Example:
            >>> with open("corpus.txt", encoding="utf-8") as lines:   # doctest: +SKIP
            ...     for vectors in model.encode_batches(lines):
            ...         store.append(vectors)
        """
        check_least("window", window, 1)
        asked = Encoding(
            dim=dim,
            layers=layers,
            batch_size=1 if strict else batch_size,
            batch_tokens=batch_tokens,
            max_tokens=max_tokens,
            prompt=prompt,
            role=role,
            normalize=normalize,
        )
        given = [texts] if isinstance(texts, str) else checked(texts)
        with progress(None, report, show_progress) as watch:
            yield from self._vectors(windowed(given, window), asked, watch)

    def _vectors(
        self, windows: Iterable[Sequence[str]], asked: Encoding, report: Report | None
    ) -> Iterator[np.ndarray | list[np.ndarray]]:
        """The vectors of each window."""
        if self.embedder is None:
            raise UsageError("This recipe has no embedder, and a task of it asks for vectors.")
        asked.check(self)
        network, name = self._read_by(asked.role, asked.layers)
        tower, prompts = network.by_name[name], self._prompts(asked)

        def tokenise(texts: Sequence[str]) -> list[list[np.ndarray]]:
            return self._tokenized(texts, asked.prompt, asked.role, asked.max_tokens)

        def params_on(devices: int) -> Params:
            whole = self.params if devices == 1 else self._copies.on(devices, self.params)
            return network.params_of(whole, name)

        for vectors in encoded(tower, params_on, windows, tokenise, asked, report, prompts):
            if isinstance(vectors, list):  # a text has several
                yield [self._finished(items, asked.dim, asked.normalize) for items in vectors]
            else:
                yield self._finished(vectors, asked.dim, asked.normalize)

    def _read_by(self, role: str, layers: int | None) -> tuple[Any, str]:
        """The network, cut to its first layers, and the name of its tower for a role."""
        network = self.embedder if layers is None else self.embedder.truncated(layers)
        return network, network.name_of(side_of(role))

    def _finished(self, vectors: np.ndarray, dim: int | None, normalize: bool) -> np.ndarray:
        vectors = self._transformed(vectors)[:, :dim]
        return np.ascontiguousarray(unit_rows(vectors) if normalize else vectors, np.float32)

    def chunks(
        self,
        texts: Sequence[Chunked],
        *,
        window: int | None = None,
        overlap: int = 0,
        layers: int | None = None,
        role: str = "document",
        normalize: bool = True,
    ) -> list[np.ndarray]:
        """A vector for each chunk of each text, from one pass over the whole text.

        The pooling reads the states of a chunk's tokens, which have read the whole text. A text is
        cut at the model's `max_tokens`, and a chunk beyond it gets zeros; with a `window` nothing is
        cut: windows of so many tokens are read, and from the second on the first `overlap` states
        only serve the others as context.

        Returns:
            An array `[chunks, dim]` for each text.

        Raises:
            UsageError: `window` is above the model's `max_tokens`, or not above `overlap`.

        Example:
            >>> model.chunks([Chunked("One. Two.", ((0, 4), (5, 9)))])[0].shape  # doctest: +SKIP
            (2, 128)

        Reference: Günther et al., Late Chunking, arXiv:2409.04701.
        """
        network, name = self._read_by(role, layers)
        tower, params = network.by_name[name], network.params_of(self.params, name)
        tokenizer, limit = self.tokenizer_of(side_of(role)), tower.text.limit(role)
        if window is not None:
            if window > limit:
                raise UsageError(f"window={window} is above this model's limit of {limit} tokens.")
            tokenizer = tokenizer.uncut
        found = []
        for ids, spans in tokenizer.chunks(texts, role=role):
            read = windows(len(ids), window or limit, overlap)
            vectors = chunk_vectors(tower, params, ids, spans, read)
            found.append(self._finished(vectors, None, normalize))
        return found

    def index(self, texts: Sequence[str], *, role: str = "document") -> Index:
        """The texts, ready to be searched by vectors as the network compares them.

        Example:
            >>> index = model.index(["join two lists", "draw a plot"])  # doctest: +SKIP
            >>> index.search(["combine lists"], k=1)                    # doctest: +SKIP
        """

        return self.index_of(self.encode(texts, role=role, normalize=False))

    def index_of(self, vectors: Any) -> Index:
        """An index over vectors of documents that were made before, such as a file's.

        Vectors that are mapped from disk stay there, and a search reads them block by block: a
        corpus may be larger than memory. Of a network that compares by the dot product, vectors are
        to be made with `normalize=False`.

        Raises:
            UsageError: the vectors have another width than the model's.

        Example:
            >>> pieces = model.encode_batches(open("corpus.txt"), normalize=False)  # doctest: +SKIP
            >>> index = model.index_of(store_vectors("corpus.npy", pieces))         # doctest: +SKIP
        """
        width = getattr(vectors, "shape", (0, self.dim))[-1]
        if width != self.dim:
            raise UsageError(f"These vectors are {width} wide, and this model's {self.dim}.")

        def queries(texts: list[str]) -> Any:
            return self.encode(texts, role="query", normalize=False)

        return Index(queries, vectors, self.embedder.similarity)

    def tokenizer_of(self, column: str) -> Tokenizer:
        """What reads the texts of a column, or in a role.

        Raises:
            UsageError: no tokenizer was fitted.
        """
        if self.tokenizer is None:
            raise UsageError(
                "This model has no tokenizer: fit one with Fit(estimator=Vocabulary())."
            )
        name = self.embedder.name_of(column)
        text = getattr(self.embedder.by_name[name], "text", self.tokenizer.text)
        tokenizer = self.tokenizers.get(name, self.tokenizer)
        if tokenizer.text == text:
            return tokenizer
        return self._readers.setdefault(name, tokenizer.read_as(text))

    def _tokenized(
        self, texts: Sequence[str], prompt: str | None, role: str, max_tokens: int | None
    ) -> list[list[np.ndarray]]:
        """Ids of each text, once for each way in which the template writes it."""
        ways = self._ways(role, prompt)
        return [way.encode(texts, role=role, prompt=prompt, max_tokens=max_tokens) for way in ways]

    def _ways(self, role: str, prompt: str | None) -> tuple[Tokenizer, ...]:
        tokenizer = self.tokenizer_of(side_of(role))
        return tokenizer.ways if prompt is None else (tokenizer,)

    def _prompts(self, asked: Encoding) -> list[int]:
        """How many first tokens of each text are the prompt's, for each way."""
        ways = self._ways(asked.role, asked.prompt)
        if not self.counts_prompt(side_of(asked.role)):
            return [0] * len(ways)
        said = {"role": asked.role, "prompt": asked.prompt, "max_tokens": asked.max_tokens}
        return [way.prompt_tokens(**said) for way in ways]

    def counts_prompt(self, column: str) -> bool:
        """Whether batches of a column say which tokens are the prompt's."""
        return self.embedder.tower_of(column).reads_prompt

    def _transformed(self, vectors: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            vectors = transform(vectors)
        return vectors

    def fingerprint(self) -> str:
        """Hex of a hash of all that makes a vector: parts, weights, tokenizer and transforms.

        A weight that changes by one bit changes it. Where the model is stored does not matter, nor
        what its stages or its run were called.
        """
        return saving.fingerprint(self)

    @staticmethod
    def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Cosine of every row of `a` `[n, dim]` with every row of `b` `[m, dim]`: `[n, m]`."""
        one, other = (unit_rows(np.asarray(side, np.float32)) for side in (a, b))
        return np.atleast_2d(one) @ np.atleast_2d(other).T

    def save(self, folder: str | os.PathLike, *, overwrite: bool = False) -> Path:
        """Write a folder that `jaxemb.load` reads: `model.json`, `tokenizer.json`, `params/`.

        Raises:
            UsageError: the folder exists and `overwrite` is false, or it holds something else than
                a model that was saved; or it cannot be written.
        """
        place = given_path(folder).resolve()
        saving.save(self, place, overwrite=overwrite)
        return place
