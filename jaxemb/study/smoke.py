"""The smoke scale: any experiment made toy-sized by one rule, so that every one of them is run."""

import dataclasses
from typing import Any

from jaxemb.config import is_part
from jaxemb.interop import Pretrained
from jaxemb.study.specification import Experiment

CAPS = {
    "vocabulary": 512, "max_tokens": 16, "query_tokens": 16, "width": 32, "hidden": 64,
    "layers": 2, "heads": 2, "latents": 4, "dim": 16, "dims": 16, "batch_size": 8, "pieces": 2,
    "chunk": 4, "steps": 2, "queries": 16, "documents": 64, "pairs": 64, "texts": 128, "every": 1,
    "starts": 2, "tries": 1,
    "runs": 2, "draws": 1, "sample": 8,
}  # fmt: skip
"""No field of one of these names is larger than this in a smoke run."""

PACKAGES = ("email", "optax")
"""The packages whose documentation a smoke run reads."""


def smoke(experiment: Experiment) -> Experiment:
    """Two steps of every arm at toy sizes on a sliver of pydocs, one seed, no tuning, no verdict.

    Fields are capped by name (`CAPS`), in the base and in what the arms override, so that an
    experiment never says how it is made small. Of weights that somebody else trained, the token
    table and one layer are read.
    """
    return dataclasses.replace(
        experiment,
        base=shrunk(experiment.base),
        arms=tuple(arm.mapped(_capped) for arm in experiment.arms),
        seeds=experiment.seeds[:1],
        tuning=None,
    )


def shrunk(node: Any) -> Any:
    """The same configuration with every size capped."""
    if isinstance(node, tuple):
        # Sizes that were capped to one value are one element: two dimensions, one task.
        return tuple(dict.fromkeys(shrunk(element) for element in node))
    if isinstance(node, Pretrained):
        return dataclasses.replace(node, layers=1, max_tokens=CAPS["max_tokens"])
    if not is_part(node):
        return node
    names = [
        field.name for field in dataclasses.fields(node) if field.name not in ("parent", "name")
    ]
    changed = {name: _capped(name, getattr(node, name)) for name in names}
    return dataclasses.replace(node, **changed)


def _capped(name: str, value: Any) -> Any:
    """A field's value, no larger than the cap for its (last) name."""
    name = name.rpartition(".")[2]
    if name == "packages":
        return PACKAGES
    cap = CAPS.get(name)
    if cap is None or value is None or isinstance(value, bool):
        return shrunk(value)
    if isinstance(value, int):
        return min(value, cap)
    if isinstance(value, tuple) and all(isinstance(element, int) for element in value):
        return tuple(sorted({min(element, cap) for element in value} | {cap // 2}))
    return shrunk(value)
