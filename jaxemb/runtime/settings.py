"""Where and how a recipe is computed."""

import dataclasses
from typing import Annotated, Any, Literal

import jax

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.runtime.devices import Devices, Jit

_NUMERICS = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_default_matmul_precision": None,
    "jax_threefry_partitionable": True,
}
"""JAX's own settings that change numbers, and what they are where nobody sets them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime(Part):
    """Where and how a recipe is computed; no field changes a number beyond rounding except `dtype`.

    Args:
        devices: `Jit()` or `Pmap()`.
        parameters: `"replicate"`, or `"fsdp"` to split every large array over the devices.
        dtype: what activations are computed in; parameters and losses stay float32. `"float32"`
            leaves what the embedder's own parts say.
        checkpoint_every: steps between checkpoints.
    """

    devices: Devices = Jit()
    parameters: Literal["replicate", "fsdp"] = "replicate"
    dtype: Literal["float32", "bfloat16"] = "float32"
    checkpoint_every: Annotated[int, AtLeast(1)] = 100

    def __post_init__(self) -> None:
        if self.parameters not in ("replicate", "fsdp"):
            raise UsageError(f'parameters={self.parameters!r}: allowed are "replicate" and "fsdp".')
        if self.dtype not in ("float32", "bfloat16"):
            raise UsageError(f'dtype={self.dtype!r}: allowed are "float32" and "bfloat16".')
        if self.checkpoint_every < 1:
            raise UsageError(f"checkpoint_every={self.checkpoint_every} must be at least 1.")

    @property
    def changes(self) -> dict[str, str]:
        """What of it changes trained numbers beyond rounding, for fingerprints; `{}` by default."""
        dtype = {} if self.dtype == "float32" else {"dtype": self.dtype}
        said = {name: getattr(jax.config, name) for name in _NUMERICS}
        return dtype | {name: str(v) for name, v in said.items() if v != _NUMERICS[name]}

    def place(self, tree: Any) -> Any:
        """A copy of a training state on the devices, by the rule of `parameters`."""
        return self.devices.place(tree, self.parameters)

    def shardings(self, tree: Any) -> Any:
        """Where each array (or `jax.ShapeDtypeStruct`) of a training state lives."""
        return self.devices.shardings(tree, self.parameters)
