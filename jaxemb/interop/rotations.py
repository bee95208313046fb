"""Rotary positions as configs describe them, in the form of today and in older ones."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from jaxemb.config import UsageError, expression
from jaxemb.interop.architectures import Config
from jaxemb.nn import (
    BandScaling,
    DynamicNTKScaling,
    LinearScaling,
    NoScaling,
    Rotary,
    RotaryScaling,
    YarnScaling,
)


def rotary(config: Config, kind: str = "", base: float = 10000.0) -> Rotary:
    """The rotary positions of a config, or of its layers of one kind.

    Args:
        kind: such as "sliding_attention", where kinds of layers have their own.
        base: where the config says none.

    Raises:
        UsageError: the scaling is one that no part here does.
    """
    said = config.get("rope_parameters") or {}
    own: Mapping[str, Any] = said.get(kind) or said
    own = {name: value for name, value in own.items() if value is not None}
    theta = own.get("rope_theta") or config.get("rope_theta", base)
    share = own.get("partial_rotary_factor") or config.get("partial_rotary_factor", 1.0)
    scaling = own if "rope_type" in own else config.get("rope_scaling", {})
    return Rotary(base=float(theta), share=float(share), scaling=_scaling(scaling, config))


def _scaling(said: Mapping[str, Any], config: Config) -> RotaryScaling:
    kind = said.get("rope_type") or said.get("type") or "default"
    trained = said.get("original_max_position_embeddings") or config.get("max_position_embeddings")
    if kind == "default":
        return NoScaling()
    if kind == "linear":
        return LinearScaling(factor=float(said["factor"]))
    if kind == "dynamic":
        return DynamicNTKScaling(factor=float(said["factor"]), trained_tokens=trained)
    if kind == "llama3":
        return BandScaling(
            factor=float(said["factor"]),
            trained_tokens=trained,
            slow=float(said["low_freq_factor"]),
            fast=float(said["high_freq_factor"]),
        )
    if kind == "yarn" and said.get("truncate") is not False:
        return YarnScaling(
            factor=float(said["factor"]),
            trained_tokens=trained,
            fast=float(said.get("beta_fast") or 32),
            slow=float(said.get("beta_slow") or 1),
            size_factor=_size(said),
        )
    raise UsageError(f"its rotary positions are scaled by {kind!r}, and no part here does that")


def _size(said: Mapping[str, Any]) -> float | None:
    """What YaRN's features are multiplied with; None leaves it to the factor."""
    if said.get("attention_factor") is not None:
        return float(said["attention_factor"])
    over, under = said.get("mscale"), said.get("mscale_all_dim")
    if not over or not under:
        return None

    def size(scale: float) -> float:
        return 0.1 * scale * math.log(said["factor"]) + 1.0 if said["factor"] > 1 else 1.0

    return size(over) / size(under)


# --- the way back


def said(rotary: Rotary) -> dict[str, Any]:
    """What configs say of rotary positions, in the form of today and in the older one: it is read as
    these.

    Raises:
        UsageError: transformers has no name for the scaling.
    """
    write = _SAID.get(type(rotary.scaling))
    if write is None:
        raise UsageError(
            f"The rotary positions {expression(rotary)} have no counterpart in transformers."
        )
    own = write(rotary.scaling)
    share = {} if rotary.share == 1 else {"partial_rotary_factor": rotary.share}
    return {
        "rope_theta": rotary.base,
        "rope_scaling": None if own["rope_type"] == "default" else own,
        "rope_parameters": own | share | {"rope_theta": rotary.base},
    } | share


def _yarn(scaling: YarnScaling) -> dict[str, Any]:
    size = {} if scaling.size_factor is None else {"attention_factor": scaling.size_factor}
    return size | {
        "rope_type": "yarn", "factor": scaling.factor, "beta_fast": scaling.fast,
        "beta_slow": scaling.slow, "original_max_position_embeddings": scaling.trained_tokens,
    }  # fmt: skip


def _bands(scaling: BandScaling) -> dict[str, Any]:
    return {
        "rope_type": "llama3", "factor": scaling.factor, "low_freq_factor": scaling.slow,
        "high_freq_factor": scaling.fast, "original_max_position_embeddings": scaling.trained_tokens,
    }  # fmt: skip


_SAID: dict[type[RotaryScaling], Callable[[Any], dict[str, Any]]] = {
    NoScaling: lambda scaling: {"rope_type": "default"},
    LinearScaling: lambda scaling: {"rope_type": "linear", "factor": scaling.factor},
    # Its trained length is that of the whole network there.
    DynamicNTKScaling: lambda scaling: {"rope_type": "dynamic", "factor": scaling.factor},
    BandScaling: _bands,
    YarnScaling: _yarn,
}
