"""An Embedder bound to its parameters: encode, similarity, save."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxemb.config import Part, UsageError, to_json
from jaxemb.config.files import discard, given_path, whole_folder, write_whole, writing_to
from jaxemb.config.manifests import seal
from jaxemb.model import display
from jaxemb.model.batches import Params, Report, embed
from jaxemb.model.chunks import chunk_vectors, windows
from jaxemb.model.index import Index
from jaxemb.model.windows import (
    WINDOW,
    checked,
    in_order,
    longest_first,
    progress,
    tokenised,
    windowed,
)
from jaxemb.runtime import Copies
from jaxemb.statistics.similarities import unit_rows
from jaxemb.text import Chunked, Tokenizer
from jaxemb.text.templates import side_of

FORMAT = 2
"""Since 2, a model's folder has a manifest."""
KIND = "model"
Texts = Any
"""A string, or an iterable of strings; anything else is refused in a sentence."""


class Transform(Part):
    """Slot: a change of finished vectors, `[texts, dim] -> [texts, dim']`, kept with the model."""

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must define __call__(vectors)")


_SAVED = r"model\.json|manifest\.json|tokenizer(-.*)?\.json|params"
"""The names of what `Model.save` writes."""


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
            batch_size: texts a call on each of this process's devices, which share the work, whatever
                their length.
            batch_tokens: tokens a call on each device, padding included, where there is no
                `batch_size`: short texts fill a call too. By default what suits the device.
            max_tokens: cut texts here where the model would take longer ones.
            prompt: a prefix for every text; by default the template's for `role`.
            role: which of the template's prefixes is used: `"query"` or `"document"`, with the type
                of the task before it where the template has prefixes a task: `"sts/query"`.
            normalize: scale each vector to unit length.
            show_progress: draw a progress bar.
            strict: one text a call, so that a vector is the same to the last bit whatever else is
                in the list and whatever the batch size. Slower.
            report: called when a batch is embedded, with its texts and its tokens without padding.

        Raises:
            UsageError: a text is not a string, or `dim`, `layers`, `batch_size`, `batch_tokens`,
                `max_tokens` is out of range.
        """
        if isinstance(texts, str):
            options = dict(dim=dim, layers=layers, prompt=prompt, role=role, normalize=normalize)
            options |= dict(batch_size=batch_size, batch_tokens=batch_tokens, max_tokens=max_tokens)
            return self.encode([texts], strict=strict, report=report, **options)[0]
        given = list(checked(texts))
        places = longest_first(given)
        with progress(len(given), report, show_progress) as watch:
            found = self._vectors(
                ([given[place] for place in window] for window in places),
                dim=dim,
                layers=layers,
                batch_size=1 if strict else batch_size,
                batch_tokens=batch_tokens,
                max_tokens=max_tokens,
                prompt=prompt,
                role=role,
                normalize=normalize,
                report=watch,
            )
            return in_order(places, found)

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
            >>> for vectors in model.encode_batches(open("corpus.txt")):  # doctest: +SKIP
            ...     store.append(vectors)                                 # doctest: +SKIP
        """
        _check_least("window", window, 1)
        given = [texts] if isinstance(texts, str) else checked(texts)
        with progress(None, report, show_progress) as watch:
            yield from self._vectors(
                windowed(given, window),
                dim=dim,
                layers=layers,
                batch_size=1 if strict else batch_size,
                batch_tokens=batch_tokens,
                max_tokens=max_tokens,
                prompt=prompt,
                role=role,
                normalize=normalize,
                report=watch,
            )

    def _vectors(
        self,
        windows: Iterable[Sequence[str]],
        *,
        dim: int | None,
        layers: int | None,
        batch_size: int | None,
        batch_tokens: int | None,
        max_tokens: int | None,
        prompt: str | None,
        role: str,
        normalize: bool,
        report: Report | None,
    ) -> Iterator[np.ndarray | list[np.ndarray]]:
        """The vectors of each window."""
        if self.embedder is None:
            raise UsageError("This recipe has no embedder, and a task of it asks for vectors.")
        _check_least("batch_size", batch_size, 1)
        _check_least("batch_tokens", batch_tokens, 1)
        _check_least("max_tokens", max_tokens, 3)
        if dim is not None and not 1 <= dim <= self.dim:
            raise UsageError(
                f"dim={dim} is out of range: this model's vectors have 1 to {self.dim}."
            )
        network = self.embedder if layers is None else self.embedder.truncated(layers)
        name = network.name_of(side_of(role))
        tower = network.by_name[name]

        def tokenise(texts: Sequence[str]) -> list[list[np.ndarray]]:
            return self._tokenized(texts, prompt, role, max_tokens)

        for texts, ways in tokenised(windows, tokenise):
            # A text by itself is for one device, and so is each of strict ones.
            alone = batch_size == 1 or len(texts) < 2
            devices = 1 if alone else jax.local_device_count()
            params = self.params if devices == 1 else self._copies.on(devices, self.params)
            own = network.params_of(params, name)
            found = [
                embed(tower, own, ids, batch_size, batch_tokens, devices, report) for ids in ways
            ]
            vectors = found[0] if len(found) == 1 else np.mean(found, axis=0)
            if isinstance(vectors, list):
                yield [self._finished(items, dim, normalize) for items in vectors]
            else:
                yield self._finished(vectors, dim, normalize)

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
        network = self.embedder if layers is None else self.embedder.truncated(layers)
        name = network.name_of(side_of(role))
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
        tokenizer = self.tokenizer_of(side_of(role))
        ways = tokenizer.ways if prompt is None else (tokenizer,)
        return [way.encode(texts, role=role, prompt=prompt, max_tokens=max_tokens) for way in ways]

    def _transformed(self, vectors: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            vectors = transform(vectors)
        return vectors

    def fingerprint(self) -> str:
        """Hex of a hash of all that makes a vector: parts, weights, tokenizer and transforms.

        A weight that changes by one bit changes it. Where the model is stored does not matter, nor
        what its stages or its run were called.
        """
        described = [to_json(self.embedder), [to_json(t) for t in self.transforms]]
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        digest.update((self.tokenizer.to_json() if self.tokenizer else "").encode())
        for name, tokenizer in sorted(self.tokenizers.items()):
            digest.update(f"{name} {tokenizer.to_json()}".encode())
        for path, leaf in jax.tree_util.tree_flatten_with_path(self.params)[0]:
            array = np.asarray(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

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
        folder = given_path(folder).resolve()
        if folder.exists():
            if not overwrite:
                raise UsageError(f"{folder} exists already; pass overwrite=True or another folder.")
            _check_replaceable(folder)
        with writing_to(folder), whole_folder(folder) as staging:
            self._write(staging)
            discard(folder)
        return folder

    def _write(self, folder: Path) -> None:
        from jaxemb.runtime import checkpoints

        description = {
            "format": FORMAT,
            "embedder": to_json(self.embedder),
            "transforms": [to_json(transform) for transform in self.transforms],
        }
        if added := self.params.get("adapters"):  # the network does not tell of them
            description["adapters"] = jax.tree.map(lambda x: list(np.shape(x)), added)
        write_whole(folder / "model.json", json.dumps(description, indent=1))
        if self.tokenizer is not None:
            write_whole(folder / "tokenizer.json", self.tokenizer.to_json())
        for name, tokenizer in self.tokenizers.items():
            write_whole(folder / f"tokenizer-{name}.json", tokenizer.to_json())
        checkpoints.save_params(folder / "params", self.params)
        seal(folder, KIND)


def _check_replaceable(folder: Path) -> None:
    """Refuses to overwrite anything but an empty folder or one that `save` wrote."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, not the folder of a model; give another place.")
    names = {path.name for path in folder.iterdir()}
    other = {name for name in names if not re.fullmatch(_SAVED, name)}
    if names and (other or "model.json" not in names):
        held = min(other or names)
        raise UsageError(
            f"{folder} is not only a saved model: it holds {held!r}, which overwriting would delete. "
            "Give another folder."
        )


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise UsageError(f"{name}={value} must be at least {least}.")
