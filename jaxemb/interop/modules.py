"""The modules of a sentence-transformers folder: pooling, what follows it, length, prompts."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.heads import Chain, Head, Identity, Normalize
from jaxemb.interop.files import read_json
from jaxemb.pooling import FirstToken, LastToken, Max, Mean, Pooling, PositionWeightedMean
from jaxemb.text import Template

POOLINGS = {
    "cls": FirstToken, "max": Max, "mean": Mean, "weightedmean": PositionWeightedMean,
    "lasttoken": LastToken,
}  # fmt: skip
_OLD_FLAGS = {
    "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean", "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean", "pooling_mode_lasttoken": "lasttoken",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Modules:
    """What a folder's files say besides the network: where that is, and what becomes of its states."""

    network: Path
    pooling: Pooling
    head: Head
    template: Template
    max_tokens: int | None
    lowercase: bool


def read_modules(folder: Path) -> Modules:
    """Reads `modules.json` and the files it names; a plain folder has a mean over its tokens.

    Raises:
        UsageError: a module or a setting that no part here does.
    """
    listed = read_json(folder / "modules.json", default=[])
    kinds = [str(entry.get("type", "")).rpartition(".")[2] for entry in listed]
    places = [folder / str(entry.get("path", "")) for entry in listed]
    if listed and kinds[0] != "Transformer":
        raise UsageError(f"{folder / 'modules.json'} begins with {kinds[0]}, not Transformer.")
    network = places[0] if listed else folder
    settings = read_json(network / "sentence_bert_config.json", default={})
    prompts = read_json(folder / "config_sentence_transformers.json", default={})
    rest = list(zip(kinds, places, strict=True))[1:]
    pooling, heads = Mean(), rest
    if rest and rest[0][0] == "Pooling":
        pooling, heads = _pooling(rest[0][1], prompts), rest[1:]
    return Modules(
        network=network,
        pooling=pooling,
        head=_chained([_head(kind, place) for kind, place in heads]),
        template=_template(prompts),
        max_tokens=settings.get("max_seq_length"),
        lowercase=bool(settings.get("do_lower_case", False)),
    )


def _pooling(place: Path, prompts: Mapping[str, Any]) -> Pooling:
    config = read_json(place / "config.json")
    modes = config.get("pooling_mode") or [m for f, m in _OLD_FLAGS.items() if config.get(f)]
    modes = [modes] if isinstance(modes, str) else list(modes) or ["mean"]
    if len(modes) > 1:
        raise UsageError(
            f"{place / 'config.json'} joins the poolings {', '.join(modes)}; one is read here."
        )
    if modes[0] not in POOLINGS:
        known = ", ".join(POOLINGS)
        raise UsageError(
            f"{place / 'config.json'} asks for the pooling {modes[0]!r}; there are {known}."
        )
    if config.get("include_prompt") is False and any((prompts.get("prompts") or {}).values()):
        raise UsageError(
            f"{place / 'config.json'} leaves the prompt's tokens out of the pooling, and no part "
            "here does."
        )
    return POOLINGS[modes[0]]()


def _head(kind: str, place: Path) -> Head:
    if kind == "Normalize":
        return Normalize()
    raise UsageError(
        f"{place} is a module of type {kind!r} after the pooling; jaxemb reads Normalize."
    )


def _chained(heads: list[Head]) -> Head:
    if len(heads) < 2:
        return heads[0] if heads else Identity()
    return Chain(heads=tuple(heads))


def _template(settings: Mapping[str, Any]) -> Template:
    """The prompts for queries and documents, else the one that is the default."""
    prompts = settings.get("prompts") or {}
    default = prompts.get(settings.get("default_prompt_name") or "", "")
    document = prompts.get("document") or prompts.get("passage") or default
    return Template(query=prompts.get("query") or default, document=document)
