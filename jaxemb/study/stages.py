"""Run a recipe's stages; a stage that others share is computed once and kept by content."""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import (
    UsageError,
    conform,
    fingerprint,
    from_json,
    is_part,
    paths,
    provenance,
    to_json,
)
from jaxemb.config.files import discard, warn, whole_folder, write_whole
from jaxemb.config.manifests import check, seal
from jaxemb.config.reading import read_arrays, read_json, read_text
from jaxemb.data import cache_folder
from jaxemb.model import Model, Transform
from jaxemb.runtime import processes
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.study.recipe import Recipe
from jaxemb.text import Text, Tokenizer
from jaxemb.training import START, Context, Stage

FORMAT = 1
KIND = "stage"


def run_stages(
    recipe: Recipe,
    *,
    checkpoints: Checkpoints | None = None,
    evaluate: Callable | None = None,
    report: Callable[[dict], None] | None = None,
    until_training: bool = False,
    spent: Callable[[int | None], None] | None = None,
) -> Model:
    """`Model -> Model` through every stage of the recipe, from one root key.

    Every stage but the last is looked up in, and added to, the content-addressed store; the last
    one belongs to the run and may be resumed from `checkpoints`, unless it says that it is shared.

    Args:
        until_training: start from what no one has trained, and stop before the first stage that
            learns, as the untrained controls need.
        spent: called for each stage that learns and is kept in the store with the FLOPs of its steps,
            whoever took them; None where the store does not tell.
    """
    keep_programs()
    key = jax.random.key(recipe.seed)
    model = _start(recipe, jax.random.fold_in(key, 0), until_training)
    chain = origin(recipe, until_training)
    context = Context(
        key=key,
        seed=recipe.seed,
        runtime=recipe.runtime,
        checkpoints=checkpoints,
        evaluate=evaluate,
        report=report,
    )
    recalled = {name for stage in recipe.stages for name in stage.recalls}
    earlier = {START: model} if START in recalled else {}
    for position, stage in enumerate(recipe.stages):
        if until_training and stage.holds_training:
            break
        chain = address(recipe, stage, chain)
        own = dataclasses.replace(
            context, key=jax.random.fold_in(key, position + 1), earlier=dict(earlier)
        )
        if _belongs_to_the_run(recipe, position):
            model = stage.run(model, own)
        else:
            model, flops = _stored(chain, stage, own, model)
            if stage.learns and spent is not None:
                spent(flops)
        if stage.name in recalled:
            earlier[stage.name] = model
    return model


class _Tally:
    """Adds up the FLOPs of the steps that it is told of, and tells whoever watches."""

    def __init__(self, watch: Callable[[dict], None] | None):
        self.flops, self._watch = 0, watch

    def __call__(self, metrics: dict) -> None:
        self.flops += metrics.get("flops", 0)
        if self._watch is not None:
            self._watch(metrics)


def _belongs_to_the_run(recipe: Recipe, position: int) -> bool:
    return position == len(recipe.stages) - 1 and not recipe.stages[position].is_shared


def _start(recipe: Recipe, key: jax.Array, untrained: bool) -> Model:
    return recipe.start.untrained(key) if untrained else recipe.start.start(key)


def origin(recipe: Recipe, untrained: bool = False) -> str:
    """What the first stage's result depends on before it: the weights that are started from."""
    read = recipe.start.fingerprint()
    if not read:
        return ""
    code = provenance.code_of_stages(_parts_within([recipe.start]))
    return f"{'untrained ' if untrained else ''}{read} {code}"


def keep_programs() -> None:
    """Keep compiled programs in the cache folder, for the next process that needs the same ones."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    # Another process may be writing the same program, or was killed while it did: JAX compiles it.
    warnings.filterwarnings("ignore", "Error reading persistent compilation cache entry")


def address(recipe: Recipe, stage: Stage, before: str) -> str:
    """What a stage's result depends on, hashed: itself, the parts it reads, its data, the seed
    if it draws at random, the dtype it is trained in, the code, and the stages before it."""
    read = {path: _field(recipe.network, path) for path in stage.reads}
    data = stage.dataset
    makers = _parts_within([stage, *read.values()])
    content = {
        "format": FORMAT,
        "code": provenance.code_of_stages(makers),
        "before": before,
        "stage": fingerprint(stage),
        "parts": {path: fingerprint(value) for path, value in read.items()},
        "data": data.fingerprint() if data is not None else None,
        "seed": recipe.seed if stage.draws else None,
        **stage.depends(recipe.runtime),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _parts_within(values: list[Any]) -> list[Any]:
    """Those of the values that are parts, and all the parts that they hold."""
    parts = [value for value in values if is_part(value)]
    return [*parts, *(one for part in parts for one in paths(part).values() if is_part(one))]


def _field(embedder: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        embedder = getattr(embedder, name)
    return embedder


def _stored(key: str, stage: Stage, context: Context, model: Model) -> tuple[Model, int | None]:
    """The stage's result and what it took, from the store or computed for all who need it.

    It is computed unwatched, from its first step; what is damaged, anew.
    """
    folder = cache_folder() / "stages" / key[:32]
    found = _found(folder, model)
    # Of several processes, none can be left out of what the others compute together.
    if all(processes.gather(found is not None)):
        return found
    tally = _Tally(context.report if stage.is_shared else None)
    alone = dataclasses.replace(context, checkpoints=None, evaluate=None, report=tally)
    after = stage.run(model, alone)
    _write_change(folder, model, after, tally.flops)
    return _read_change(folder, model), _read_flops(folder)


def _found(folder: Path, model: Model) -> tuple[Model, int | None] | None:
    """What the store has; None where there is nothing, or nothing of use."""
    if not folder.exists():
        return None
    try:
        check(folder, KIND, alone=True)
        return _read_change(folder, model), _read_flops(folder)
    except UsageError as error:
        warn(f"{error} The stage is computed again.")
    discard(folder)
    return None


def _read_flops(folder: Path) -> int | None:
    return read_json(folder / "costs.json", default={}).get("flops")


def _write_change(folder: Path, before: Model, after: Model, flops: int = 0) -> None:
    """Store what the stage changed; atomic, and safe when two processes do it at once."""
    with whole_folder(folder) as staging:
        old = dict(_leaves(before.params))
        changed = {path: x for path, x in _leaves(after.params) if old.get(path) is not x}
        np.savez(staging / "params.npz", **{path: np.asarray(x) for path, x in changed.items()})
        if after.tokenizer is not before.tokenizer:
            write_whole(staging / "tokenizer.json", after.tokenizer.to_json())
        if after.embedder != before.embedder:
            write_whole(staging / "text.json", json.dumps(_text_alone(before, after)))
        transforms = [to_json(transform) for transform in after.transforms]
        write_whole(staging / "transforms.json", json.dumps(transforms))
        write_whole(staging / "costs.json", json.dumps({"flops": flops}))
        seal(staging, KIND)


def _text_alone(before: Model, after: Model) -> dict[str, Any]:
    """How a stage changed the embedder: its `text`. Arms with other encoders share what is stored."""
    if dataclasses.replace(before.embedder, text=after.embedder.text) != after.embedder:
        raise TypeError("a stage that is shared may change no part of the embedder but its text")
    return to_json(after.embedder.text)


def _read_change(folder: Path, model: Model) -> Model:
    params = _replaced(model.params, read_arrays(folder / "params.npz"))
    embedder, tokenizer = model.embedder, model.tokenizer
    if (folder / "text.json").exists():
        text = conform(from_json(read_json(folder / "text.json", dict)), Text, "text")
        embedder = dataclasses.replace(embedder, text=text)
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_json(read_text(folder / "tokenizer.json"), embedder.text)
    transforms = from_json(read_json(folder / "transforms.json", list[dict]))
    return dataclasses.replace(
        model,
        embedder=embedder,
        params=params,
        tokenizer=tokenizer,
        transforms=conform(transforms, tuple[Transform, ...], "transforms"),
    )


def _leaves(params: dict, prefix: str = ""):
    for name, value in params.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _replaced(params: dict, changed: dict[str, np.ndarray], prefix: str = "") -> dict:
    """The parameters with those that changed, and those that a stage put beside them."""
    here = {path.removeprefix(prefix): x for path, x in changed.items() if path.startswith(prefix)}
    names = dict.fromkeys((*params, *(path.partition("/")[0] for path in here)))
    return {
        name: jax.numpy.asarray(here[name])
        if name in here
        else _replaced(params.get(name, {}), changed, f"{prefix}{name}/")
        if isinstance(params.get(name, {}), dict)
        else jax.numpy.asarray(params[name])
        for name in names
    }
