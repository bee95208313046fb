"""A model as one function of StableHLO, token ids and mask to vectors, that needs no part of ours."""

import dataclasses
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as stablehlo
from jaxtyping import Array, Bool, Float32, Int32

from jaxemb.config import AtLeast, UsageError, from_json, to_json
from jaxemb.config.files import given_path, whole_folder, write_whole, writing_to
from jaxemb.config.manifests import check, seal
from jaxemb.config.provenance import versions
from jaxemb.config.reading import check_format, inside, read_json, read_text
from jaxemb.model import Model
from jaxemb.model.batches import padded
from jaxemb.statistics.similarities import unit_rows
from jaxemb.text import Group, Text, TextBatch, Tokenizer, group_by_length

FORMAT = 1
KIND = "program"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
SAME = 0.99999
"""The cosine that a vector of the program has with the model's, at least."""
_MOST_BYTES = 2_000_000_000  # that one serialised function can hold
_ABOUT = "program.json"
# What a size without a number raises, where a number is needed.
_UNKNOWN_SIZE = (TypeError, ValueError, IndexError, jax.errors.InconclusiveDimensionOperation)

Shape = tuple[int, int]
"""Texts and tokens of a call."""


def export_program(
    model: Model,
    folder: str | os.PathLike,
    *,
    shapes: Sequence[Shape] = (),
    platforms: Sequence[str] = (),
) -> Path:
    """Write a model as serialised StableHLO: `(ids, mask) -> vectors`, with the weights inside.

    The folder holds `program.bin`, `tokenizer.json`, `program.json`, which says what goes in and what
    comes out, and a manifest. `jax.export.deserialize(bytes).call(ids, mask)` runs it, and so does
    `load_program`. Nothing is kept unless the written program gives the model's own vectors for real
    texts: a cosine of 0.99999 at least. Adapters inside a network are no hindrance.

    Args:
        shapes: texts and tokens of a call, such as `((1, 32), (16, 128))`, each a program of its own;
            by default one program takes any number of texts, and of tokens up to the model's limit.
        platforms: of `"cpu"`, `"cuda"`, `"rocm"` and `"tpu"`, that it shall run on; this one is among
            them, and is by default the only one.

    Raises:
        UsageError: the folder exists, the model is no tower of one vector per text, it needs its
            shapes to be named, its weights are too large, or the program gives other vectors.

    Example:
        >>> export_program(jaxemb.load("all-MiniLM-L6-v2"), "minilm")  # doctest: +SKIP
        PosixPath('minilm')
    """
    folder = given_path(folder)
    if folder.exists():
        raise UsageError(f"{folder} exists already; give another folder.")
    _check_serialises()
    _check_model(model, shapes)
    chosen = _platforms(platforms)
    programs = {_name(shape): _serialised(model, shape, chosen) for shape in shapes or (None,)}
    with writing_to(folder), whole_folder(folder) as staging:
        for name, content in programs.items():
            (staging / name).write_bytes(content)
        write_whole(staging / "tokenizer.json", model.tokenizer.to_json())
        write_whole(staging / _ABOUT, json.dumps(_about(model, shapes, chosen), indent=1))
        seal(staging, KIND)
        _check_same(model, load_program(staging))
    return folder


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that was read: the tokenizer, and a function for each shape; None takes any shape.

    Attributes:
        calls: `(ids, mask) -> vectors`, by the shape of `ids`.
        fingerprint: of the model that it was made from.
    """

    tokenizer: Tokenizer
    dim: int
    calls: dict[Shape | None, Callable[[Array, Array], Array]]
    fingerprint: str

    def encode(
        self, texts: Sequence[str], *, role: str = "document", normalize: bool = True
    ) -> Float32[np.ndarray, "texts dim"]:
        """Embed texts, as `Model.encode` does.

        Raises:
            UsageError: a text is not a string, or the role is unknown.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        ways = [
            self._vectors(way.encode(given, role=role, max_tokens=self._longest))
            for way in self.tokenizer.ways
        ]
        found = np.mean(ways, axis=0, dtype=np.float32)
        found = unit_rows(found) if normalize else found
        return found[0] if isinstance(texts, str) else found

    def _vectors(self, sequences: list[np.ndarray]) -> Float32[np.ndarray, "texts dim"]:
        found = np.zeros((len(sequences), self.dim), np.float32)
        for shape, group in self._groups([len(ids) for ids in sequences]):
            batch = padded(sequences, group)
            rows = np.asarray(self.calls[shape](batch.ids, batch.mask))
            found[group.texts] = rows[: len(group.texts)]
        return found

    @property
    def _longest(self) -> int | None:
        return max((shape[1] for shape in self.calls if shape), default=None)

    def _groups(self, lengths: list[int]) -> Iterator[tuple[Shape | None, Group]]:
        """The texts of each call, each in the narrowest shape that holds it."""
        if None in self.calls:
            for group in group_by_length(lengths, self.tokenizer.text.max_tokens):
                yield None, group
            return
        shapes = sorted(self.calls, key=lambda shape: shape[::-1])
        fitting = [next(shape for shape in shapes if shape[1] >= length) for length in lengths]
        for rows, tokens in shapes:
            own = [n for n, shape in enumerate(fitting) if shape == (rows, tokens)]
            for start in range(0, len(own), rows):
                yield (rows, tokens), Group(own[start : start + rows], rows, tokens)


def load_program(folder: str | os.PathLike) -> Program:
    """Read what `export_program` wrote.

    Raises:
        UsageError: there is no such folder, a file of it was changed, or it is for other platforms.

    Example:
        >>> load_program("minilm").encode(["join two tables"]).shape  # doctest: +SKIP
        (1, 384)
    """
    folder = given_path(folder)
    if not (folder / _ABOUT).is_file():
        raise UsageError(f"{folder} holds no exported program: there is no {_ABOUT} in it.")
    _check_serialises()
    check(folder, KIND, required=True)
    about = read_json(folder / _ABOUT, _About)
    check_format(folder / _ABOUT, about["format"], FORMAT)
    here = stablehlo.default_export_platform()
    if here not in about["platforms"]:
        raise UsageError(
            f"The program in {folder} is for {', '.join(about['platforms'])}, and this is {here}; "
            f"export it with platforms that hold {here}."
        )
    text = from_json(about["text"])
    if not isinstance(text, Text):
        raise UsageError(f"{folder / _ABOUT}: text is no part that makes ids of texts.")
    calls = {}
    for one in about["programs"]:
        content = inside(folder, one["file"], folder / _ABOUT).read_bytes()
        calls[_read_shape(one["shape"], folder)] = jax.jit(_deserialised(content, folder).call)
    tokenizer = Tokenizer.from_json(read_text(folder / "tokenizer.json"), text)
    return Program(tokenizer, about["dim"], calls, about["fingerprint"])


def _read_shape(said: list[int] | None, folder: Path) -> Shape | None:
    if said is None:
        return None
    if len(said) != 2:
        raise UsageError(
            f"{folder / _ABOUT}: a shape is two numbers, texts and tokens, not {said}."
        )
    return said[0], said[1]


class _OneProgram(TypedDict):
    file: str
    shape: list[int] | None


class _About(TypedDict):
    format: Annotated[int, AtLeast(0)]
    text: dict[str, Any]
    dim: Annotated[int, AtLeast(1)]
    fingerprint: str
    platforms: list[str]
    programs: list[_OneProgram]


def _deserialised(content: bytes, folder: Path) -> Any:
    try:
        return stablehlo.deserialize(bytearray(content))
    except Exception as error:  # flatbuffers' readers raise whatever they stumble over
        raise UsageError(
            f"The program in {folder} cannot be read by JAX {jax.__version__}: {error}."
        ) from error


def _check_serialises() -> None:
    if importlib.util.find_spec("flatbuffers") is None:
        raise UsageError(
            "JAX writes and reads programs with the package flatbuffers, which is not here: "
            'pip install "jaxemb[stablehlo]".'
        )


def _check_model(model: Model, shapes: Sequence[Shape]) -> None:
    """Refuses a model that is no function from one text's tokens to one vector."""
    network = model.embedder
    if network is None or model.tokenizer is None or list(network.by_name) != [""]:
        raise UsageError(
            "A program is made of one tower with a tokenizer, and this model is another."
        )
    if network.several or model.transforms:
        more = "several vectors per text" if network.several else "transforms of its vectors"
        raise UsageError(f"A model with {more} cannot be written as a program.")
    if network.reads_prompt:
        raise UsageError(
            "A program is not told which tokens are a prompt's, and this model's pooling leaves them "
            "out: it cannot be written as one."
        )
    for rows, tokens in shapes:
        if rows < 1 or not 3 <= tokens <= network.text.max_tokens:
            raise UsageError(
                f"the shape {rows}x{tokens} does not fit: a call has at least 1 text, of 3 to "
                f"{network.text.max_tokens} tokens."
            )
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(model.params))
    if size > _MOST_BYTES:
        raise UsageError(
            f"This model's weights are {size / 1e9:.1f} GB, and a serialised program holds at most "
            f"{_MOST_BYTES / 1e9:g} GB; write it with --to sentence-transformers."
        )


def _platforms(named: Sequence[str]) -> list[str]:
    unknown = [name for name in named if name not in PLATFORMS]
    if unknown:
        raise UsageError(f"unknown platform {unknown[0]!r}; there are {', '.join(PLATFORMS)}.")
    return list(dict.fromkeys((stablehlo.default_export_platform(), *named)))


def _serialised(model: Model, shape: Shape | None, platforms: list[str]) -> bytes:
    """One program, for a shape or, with None, for every one."""
    tower, params = model.embedder, model.params

    def vectors(
        ids: Int32[Array, "batch tokens"], mask: Bool[Array, "batch tokens"]
    ) -> Float32[Array, "batch dim"]:
        return tower.vectors(params, TextBatch(ids, mask)).vectors

    sizes = shape or stablehlo.symbolic_shape(
        "batch, tokens", constraints=(f"tokens <= {tower.text.max_tokens}",)
    )
    inputs = (jax.ShapeDtypeStruct(sizes, jnp.int32), jax.ShapeDtypeStruct(sizes, jnp.bool_))
    make = stablehlo.export(jax.jit(vectors), platforms=platforms)
    if shape is not None:
        return bytes(make(*inputs).serialize())
    try:
        return bytes(make(*inputs).serialize())
    except _UNKNOWN_SIZE as error:
        limit = tower.text.max_tokens
        raise UsageError(
            "This network's numbers depend on how many tokens there are in a way that one program "
            f"cannot say ({str(error).splitlines()[0]}); name the shapes of its calls: "
            f"shapes=((16, {limit}),), or --shapes 16x{limit} on the command line."
        ) from error


def _name(shape: Shape | None) -> str:
    return "program.bin" if shape is None else f"program-{shape[0]}x{shape[1]}.bin"


def _about(model: Model, shapes: Sequence[Shape], platforms: list[str]) -> dict[str, Any]:
    """What `program.json` says: for `load_program`, and for whoever calls the program without it."""
    sizes = ["batch", "tokens"]
    return {
        "format": FORMAT,
        "inputs": [
            {"name": "ids", "dtype": "int32", "shape": sizes, "padding": 0},
            {"name": "mask", "dtype": "bool", "shape": sizes, "padding": False},
        ],
        "output": {"name": "vectors", "dtype": "float32", "shape": ["batch", model.dim]},
        "programs": [{"file": _name(shape), "shape": shape} for shape in shapes or (None,)],
        "platforms": platforms,
        "dim": model.dim,
        "max_tokens": model.embedder.text.max_tokens,
        "prompts": model.embedder.text.template.prompts,
        "text": to_json(model.embedder.text),
        "fingerprint": model.fingerprint(),
        "written_by": versions(),
    }


def _check_same(model: Model, program: Program) -> None:
    """Refuses a program whose vectors are not the model's on real texts."""
    texts = _real_texts(24)
    for role in model.embedder.text.template.prompts:
        ours = model.encode(texts, role=role, normalize=False, max_tokens=program._longest)
        least = _least_cosine(ours, program.encode(texts, role=role, normalize=False))
        if not least >= SAME:
            raise UsageError(
                f"The program gives other vectors than the model (a cosine of {least:.6f}, and "
                f"{SAME} is needed): nothing was written."
            )


def _least_cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    one, other = (np.asarray(rows, np.float64) for rows in (ours, theirs))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    both_zero = ~one.any(axis=1) & ~other.any(axis=1)
    return float(np.where(both_zero, 1.0, (one * other).sum(1) / np.maximum(lengths, 1e-300)).min())


def _real_texts(count: int) -> list[str]:
    """Paragraphs of Python's own help, of very different lengths, and an empty text."""
    from pydoc_data.topics import topics

    whole = [p for topic in sorted(topics) for p in topics[topic].split("\n\n") if len(p) > 20]
    return ["", *whole[:: len(whole) // (count - 1)][: count - 1]]
