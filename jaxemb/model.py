"""An Embedder bound to its parameters: encode, similarity, save, load."""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxemb.config import Part, UsageError, from_json, to_json
from jaxemb.encoders import Encoder
from jaxemb.heads import Head, Normalize
from jaxemb.parallel import Copies, local_mesh, on_every_device
from jaxemb.pooling import Pooling
from jaxemb.text import Group, Text, TextBatch, Tokenizer, group_by_length, pad
from jaxemb.tokens import TokenEmbedding

FORMAT = 1
Params = dict[str, Any]
Texts = Any
"""A string, or an iterable of strings; anything else is refused in a sentence."""
Report = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedder(Part):
    """Text to one vector: `head(pooling(encoder(tokens(text))))`; parameters are passed in.

    Example:
        >>> params = embedder.init(jax.random.key(0))
        >>> vectors = embedder.apply(params, batch)          # [batch, dim]
    """

    text: Text
    tokens: TokenEmbedding
    encoder: Encoder
    pooling: Pooling
    head: Head = dataclasses.field(default_factory=Normalize)

    @property
    def network(self) -> "Embedder":
        """Itself: what a recipe's `embedder` comes down to, as in `interop.Pretrained`."""
        return self

    def start(self, key: Array) -> "Model":
        """The model that a recipe's stages start from: random parameters, and no tokenizer yet."""
        return Model(embedder=self, params=_initialiser(self)(key))

    def untrained(self, key: Array) -> "Model":
        """The model that untrained controls start from: the same."""
        return self.start(key)

    def init(self, key: Array) -> Params:
        """Random parameters, a plain nested dict with one entry a part."""
        keys = dict(
            zip(("tokens", "encoder", "pooling", "head"), jax.random.split(key, 4), strict=True)
        )
        ids, mask = jnp.ones((1, 4), jnp.int32), jnp.ones((1, 4), bool)
        x, tokens = self.tokens.init_with_output(keys["tokens"], ids, **self._table)
        states, encoder = self.encoder.init_with_output(keys["encoder"], x, mask, None)
        vectors, pooling = self.pooling.init_with_output(keys["pooling"], states, mask)
        head = self.head.init(keys["head"], vectors)
        parts = {"tokens": tokens, "encoder": encoder, "pooling": pooling, "head": head}
        return {name: variables.get("params", {}) for name, variables in parts.items()}

    @property
    def _table(self) -> dict[str, int]:
        return {"vocabulary": self.text.vocabulary, "width": self.encoder.width}

    def states(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float[Array, "layers batch tokens width"]:
        """Every hidden state. `keys`, one a text, switch dropout on."""
        ids, mask = jnp.asarray(batch.ids), jnp.asarray(batch.mask)
        x = self.tokens.apply({"params": params["tokens"]}, ids, **self._table)
        return self.encoder.apply({"params": params["encoder"]}, x, mask, keys)

    def read(
        self, params: Params, states: Float[Array, "layers batch tokens width"], mask: Array
    ) -> Float32[Array, "batch dim"]:
        """Hidden states to vectors: pooling, then the head."""
        vectors = self.pooling.apply({"params": params["pooling"]}, states, mask)
        return self.head.apply({"params": params["head"]}, vectors).astype(jnp.float32)

    def apply(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float32[Array, "batch dim"]:
        """Vectors of a batch of texts, `[batch, dim]`."""
        return self.read(params, self.states(params, batch, keys=keys), jnp.asarray(batch.mask))

    def depths(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float32[Array, "batch layers dim"]:
        """The vectors that the model would give if it were cut after each of its layers."""
        states = self.states(params, batch, keys=keys)
        mask = jnp.asarray(batch.mask)
        cuts = [self.read(params, states[: n + 1], mask) for n in range(len(states))]
        return jnp.stack(cuts, axis=1)

    def truncated(self, layers: int) -> "Embedder":
        """The same embedder with only its first `layers` layers; it reads the same parameters."""
        depth = self.layers
        if not 1 <= layers <= depth:
            raise UsageError(
                f"layers={layers} is out of range: this model has layers 1 to {depth}."
            )
        if layers == depth:
            return self
        return dataclasses.replace(self, encoder=self.encoder.truncated(layers))

    @property
    def layers(self) -> int:
        """How many layers the encoder has; 1 for a bag."""
        return getattr(self.encoder, "layers", 1)

    def shapes(self) -> Params:
        """The parameters' shapes and dtypes, without computing anything."""
        return jax.eval_shape(self.init, jax.random.key(0))

    @property
    def dim(self) -> int:
        """Width of the output vector."""
        batch = TextBatch(
            jax.ShapeDtypeStruct((1, 4), jnp.int32), jax.ShapeDtypeStruct((1, 4), jnp.bool_)
        )
        return jax.eval_shape(self.apply, self.shapes(), batch).shape[-1]


@functools.lru_cache(maxsize=64)
def _compiled(embedder: Embedder, devices: int):
    if devices == 1:
        return jax.jit(embedder.apply)
    return on_every_device(embedder.apply, local_mesh(devices), shared=1)


@functools.lru_cache(maxsize=64)
def _initialiser(embedder: Embedder):
    # One compiled program instead of one for each parameter's shape.
    return jax.jit(embedder.init)


class Transform(Part):
    """Slot: a change of finished vectors, `[texts, dim] -> [texts, dim']`, kept with the model."""

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must define __call__(vectors)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """An embedder, its parameters, the tokenizer trained for it, and transforms of its vectors.

    Example:
        >>> model = jaxemb.load("runs/pooling_and_attention/small/causal-last-1a2b3c4d/seed-0")
        >>> model.encode("join a list of strings").shape
        (128,)
    """

    embedder: Embedder | None
    params: Params
    tokenizer: Tokenizer | None = None
    transforms: tuple[Transform, ...] = ()
    _copies: Copies = dataclasses.field(
        default_factory=Copies, init=False, repr=False, compare=False
    )

    @classmethod
    def create(cls, embedder: Embedder | None, key: Array) -> "Model":
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
    ) -> np.ndarray:
        """Embed texts: `[texts, dim]` float32 in the order given; one string gives one vector `[dim]`.

        Texts longer than the model's `max_tokens` are cut there; an empty text is embedded as its
        marker tokens alone. Texts are sorted by length inside, padded to a few lengths, so that few
        programs are compiled and a text's vector does not depend on its neighbours beyond rounding.

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
        if self.embedder is None:
            raise UsageError("This recipe has no embedder, and a task of it asks for vectors.")
        if isinstance(texts, str):
            options = dict(dim=dim, layers=layers, prompt=prompt, role=role, normalize=normalize)
            options |= dict(batch_size=batch_size, batch_tokens=batch_tokens, max_tokens=max_tokens)
            return self.encode([texts], strict=strict, report=report, **options)[0]
        texts = _checked(texts)
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("batch_tokens", batch_tokens, 1),
            ("max_tokens", max_tokens, 3),
        ):
            if value is not None and value < least:
                raise UsageError(f"{name}={value} must be at least {least}.")
        if dim is not None and not 1 <= dim <= self.dim:
            raise UsageError(
                f"dim={dim} is out of range: this model's vectors have 1 to {self.dim}."
            )
        embedder = self.embedder if layers is None else self.embedder.truncated(layers)
        sequences = self._tokenized(texts, prompt, role, max_tokens)
        rows = 1 if strict else batch_size
        # A text by itself is for one device, and so is each of strict ones.
        alone = rows == 1 or len(sequences) < 2
        devices = 1 if alone else jax.local_device_count()
        params = self.params if devices == 1 else self._copies.on(devices, self.params)
        vectors = _embed(
            embedder, params, sequences, rows, batch_tokens, devices, show_progress, report
        )
        vectors = self._transformed(vectors)[:, :dim]
        return _unit(vectors) if normalize else np.ascontiguousarray(vectors)

    def _tokenized(
        self, texts: Sequence[str], prompt: str | None, role: str, max_tokens: int | None
    ) -> list[np.ndarray]:
        if self.tokenizer is None:
            raise UsageError(
                "This model has no tokenizer: fit one with Fit(estimator=Vocabulary())."
            )
        return self.tokenizer.encode(texts, role=role, prompt=prompt, max_tokens=max_tokens)

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
        for path, leaf in jax.tree_util.tree_flatten_with_path(self.params)[0]:
            array = np.asarray(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    @staticmethod
    def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Cosine of every row of `a` `[n, dim]` with every row of `b` `[m, dim]`: `[n, m]`."""
        return _unit(np.atleast_2d(a)) @ _unit(np.atleast_2d(b)).T

    def save(self, folder: str | os.PathLike, *, overwrite: bool = False) -> Path:
        """Write a folder that `jaxemb.load` reads: `model.json`, `tokenizer.json`, `params/`.

        Raises:
            UsageError: the folder exists and `overwrite` is false, or it cannot be written.
        """
        folder = Path(folder)
        if folder.exists() and not overwrite:
            raise UsageError(f"{folder} exists already; pass overwrite=True or another folder.")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        except OSError as error:
            raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error
        try:
            self._write(staging)
            shutil.rmtree(folder, ignore_errors=True)
            staging.rename(folder)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return folder

    def _write(self, folder: Path) -> None:
        from jaxemb import checkpoint

        folder.chmod(0o755)
        description = {
            "format": FORMAT,
            "embedder": to_json(self.embedder),
            "transforms": [to_json(transform) for transform in self.transforms],
        }
        (folder / "model.json").write_text(json.dumps(description, indent=1))
        if self.tokenizer is not None:
            (folder / "tokenizer.json").write_text(self.tokenizer.to_json())
        checkpoint.save_params(folder / "params", self.params)


@dataclasses.dataclass(frozen=True)
class Embedding:
    """The function `embed(texts, role)` that tasks call, over a model.

    `at` cuts its layers, and `of` names the type of task whose prefixes it writes. `max_tokens`,
    `batch_tokens` and `report` are as in `Model.encode`.
    """

    model: Model
    layers: int | None = None
    max_tokens: int | None = None
    batch_tokens: int | None = None
    report: Report | None = None
    task: str | None = None

    def __call__(self, texts: Sequence[str], role: str = "document") -> np.ndarray:
        return self.model.encode(
            texts,
            role=self._role(role),
            layers=self.layers,
            max_tokens=self.max_tokens,
            batch_tokens=self.batch_tokens,
            report=self.report,
        )

    def at(self, layers: int) -> "Embedding":
        """The same model after its first `layers` layers."""
        return dataclasses.replace(self, layers=layers)

    def of(self, task: str) -> "Embedding":
        """The same model with the prefixes of a type of task; itself where it knows no types."""
        if self.model.tokenizer is None or not self.model.tokenizer.text.template.tells_tasks_apart:
            return self
        return dataclasses.replace(self, task=task)

    def settings(self, role: str) -> dict[str, Any]:
        """What, beside the model and the code, a text's vector depends on."""
        text, role = self.model.embedder.text, self._role(role)
        limit = text.limit(role)
        return {
            "role": role,
            "prompt": text.template.prefix(role),
            "max_tokens": limit if self.max_tokens is None else min(limit, self.max_tokens),
            "layers": self.layers or self.model.embedder.layers,
            "dtype": "+".join(sorted({str(x.dtype) for x in jax.tree.leaves(self.model.params)})),
            "backend": jax.default_backend(),
            "normalize": True,
        }

    def _role(self, role: str) -> str:
        return role if self.task is None else f"{self.task}/{role}"


def load(path: str | os.PathLike) -> Model:
    """A trained model: a run's, one that `Model.save` wrote, or one of Hugging Face's.

    `path` is a folder, be it of a run, of a saved model, of sentence-transformers or of a plain
    Hugging Face model; or the name of a model that a package or the Hugging Face cache holds.

    Example:
        >>> model = jaxemb.load("runs/pooling_and_attention/small/causal-last-1a2b3c4d/seed-0")
        >>> model = jaxemb.load("all-MiniLM-L6-v2")

    Raises:
        UsageError: there is no model there, the run has not finished, a newer jaxemb wrote it, or
            it has something that no part here does.
    """
    folder = _model_folder(Path(path))
    if folder is None:
        from jaxemb import interop

        return interop.read(interop.find(path))
    try:
        description = json.loads((folder / "model.json").read_text())
    except (OSError, ValueError) as error:  # no JSON, or no UTF-8
        raise UsageError(f"{folder / 'model.json'} cannot be read: {error}.") from error
    if not isinstance(description, dict):
        raise UsageError(f"{folder / 'model.json'} is a JSON {type(description).__name__}.")
    if description.get("format", 0) > FORMAT:
        raise UsageError(
            f"{folder} was written in format {description['format']}, and this jaxemb reads up to "
            f"{FORMAT}: install a newer jaxemb."
        )
    if "pretrained" in description:
        return from_json(description["pretrained"]).start_again(description["weights"])
    return _read(folder, description)


def _read(folder: Path, description: dict) -> Model:
    from jaxemb import checkpoint

    embedder = from_json(description["embedder"])
    tokenizer = None
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_json((folder / "tokenizer.json").read_text(), embedder.text)
    return Model(
        embedder=embedder,
        params=checkpoint.load_params(folder / "params", embedder.shapes()),
        tokenizer=tokenizer,
        transforms=tuple(from_json(transform) for transform in description["transforms"]),
    )


def _model_folder(path: Path) -> Path | None:
    """The folder of a model of ours; None where it is to be read as one of Hugging Face's."""
    from jaxemb import interop

    if (path / "model.json").exists():
        return path
    if (path / "model" / "model.json").exists():
        return path / "model"
    if not path.exists():
        return None
    if (path / "run.json").exists():
        raise UsageError(
            f"The run in {path} has not finished: run the same command again to go on."
        )
    if interop.is_folder(path):
        return None
    runs = sorted(str(found.parent.parent) for found in path.glob("*/seed-*/model/model.json"))
    hint = f" Did you mean {runs[0]}?" if runs else ""
    raise UsageError(f"{path} holds neither a run nor a saved model.{hint}")


def _checked(texts: Texts) -> list[str]:
    if isinstance(texts, bytes):
        raise UsageError("encode takes text, not bytes: decode them first.")
    texts = list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"Text {position} is a {type(text).__name__}; encode takes strings.")
    return texts


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-12)).astype(np.float32)


def _embed(
    embedder: Embedder,
    params: Params,
    sequences: list[np.ndarray],
    rows: int | None,
    budget: int | None,
    devices: int,
    show_progress: bool,
    report: Report | None,
) -> np.ndarray:
    """Vectors of tokenised texts, longest first, at most two batches in flight.

    A batch is shared by so many of this process's devices, which hold the parameters.
    """
    if not sequences:
        return np.zeros((0, embedder.dim), np.float32)
    apply = _compiled(embedder, devices)
    lengths = [len(ids) for ids in sequences]
    groups = group_by_length(
        lengths,
        embedder.text.max_tokens,
        rows=rows,
        budget=budget or _tokens_a_call(),
        devices=devices,
    )
    vectors, waiting = None, []
    for group in [*_progress(groups, show_progress), None, None]:
        if group is not None:
            waiting.append((group.texts, apply(params, _padded(sequences, group))))
        if len(waiting) > 1 or (group is None and waiting):
            done, computed = waiting.pop(0)
            computed = np.asarray(computed)[: len(done)]
            if vectors is None:
                vectors = np.empty((len(sequences), computed.shape[1]), np.float32)
            vectors[done] = computed
            if report is not None:
                report(len(done), sum(lengths[i] for i in done))
    return vectors


@functools.cache
def _tokens_a_call() -> int:
    # On a CPU the activations of more no longer fit its caches; an accelerator wants to be filled.
    return 1024 if jax.default_backend() == "cpu" else 16384


def _padded(sequences: list[np.ndarray], group: Group) -> TextBatch:
    """A batch of the group's shape; rows that are left over repeat its last text."""
    filler = [sequences[group.texts[-1]]] * (group.rows - len(group.texts))
    return pad([sequences[i] for i in group.texts] + filler, group.tokens)


def _progress(groups: list, show: bool) -> Iterable:
    if not show:
        return groups
    from rich.progress import track

    return track(groups, description="encode")
