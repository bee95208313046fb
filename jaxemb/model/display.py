"""A model in a few lines, for a terminal and for a notebook: its parts, never its weights."""

import dataclasses
from html import escape
from typing import Any

import jax

_LETTERS = 160


def text(model: Any) -> str:
    """A line for what the model is, and one for each of its embedder's parts.

    Example:
        >>> import jax
        >>> from jaxemb import Model, recipes
        >>> print(text(Model.create(recipes.static_bag().embedder, jax.random.key(0))).splitlines()[0])
        Model of 1,048,576 parameters
    """
    return "\n".join(f"{name}: {told}" if name else told for name, told in _lines(model))


def html(model: Any) -> str:
    """The same lines as a table."""
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(told)}</td></tr>" for name, told in _lines(model)
    )
    return f"<table>{''.join(rows)}</table>"


def _lines(model: Any) -> list[tuple[str, str]]:
    arrays = jax.tree.leaves(model.params)
    lines = [("", f"Model of {sum(array.size for array in arrays):,} parameters")]
    if arrays:
        kinds = ", ".join(sorted({str(array.dtype) for array in arrays}))
        size = sum(array.size * array.dtype.itemsize for array in arrays)
        lines.append(("weights", f"{kinds}, {size / 1e6:,.1f} MB"))
    lines += [(name, _on_one_line(part)) for name, part in _parts(model.embedder)]
    if model.tokenizer is not None:
        lines.append(("tokenizer", f"{model.tokenizer.size:,} pieces"))
    if model.transforms:
        lines.append(("transforms", _on_one_line(model.transforms)))
    return lines


def _parts(embedder: Any) -> list[tuple[str, Any]]:
    if embedder is None:
        return []
    own = [field.name for field in dataclasses.fields(embedder) if field.repr]
    return [(name, getattr(embedder, name)) for name in own if name not in ("parent", "name")]


def _on_one_line(part: Any) -> str:
    told = " ".join(repr(part).replace("# attributes", "").split())
    return told if len(told) <= _LETTERS else f"{told[: _LETTERS - 1]}…"
