"""The page of a checkpoint: names, shapes and digests of its arrays, sealed by a hash."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.config import UsageError

FORMAT = 1


def sealed_page(page: dict[str, Any]) -> dict[str, Any]:
    """A page with the format and its hash."""
    return {"format": FORMAT, "sha256": _hash(page), "page": page}


def opened_page(folder: Path, sealed: dict[str, Any]) -> dict[str, Any]:
    """The page that was sealed.

    Raises:
        UsageError: a newer format.
        ValueError: it is not what was saved.
    """
    if sealed["format"] > FORMAT:
        raise UsageError(
            f"{folder} has the format {sealed['format']}, and this jaxemb reads up to {FORMAT}: "
            "install a newer jaxemb."
        )
    if sealed["sha256"] != _hash(sealed["page"]):
        raise ValueError("its page is not what was saved")
    return sealed["page"]


def _hash(page: dict[str, Any]) -> str:
    # Through JSON and back first, which turns tuples into lists and keys into text.
    text = json.dumps(json.loads(json.dumps(page)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_same_arrays(folder: Path, saved: dict[str, str], wanted: dict[str, Any]) -> None:
    """Raises UsageError where a name, a shape or a dtype differs from what was saved."""
    expected = {name: kind_of(x) for name, x in wanted.items()}
    names = [name for name in expected | saved if expected.get(name) != saved.get(name)]
    if names:
        raise UsageError(
            f"{folder} belongs to another recipe: {names[0]} is {saved.get(names[0], 'absent')} "
            f"there and {expected.get(names[0], 'absent')} here."
        )


def flat(tree: Any) -> dict[str, Any]:
    """Arrays by flat name: empty branches and kinds of containers are no part of a checkpoint."""
    return {_name(keys): x for keys, x in jax.tree.leaves_with_path(tree)}


def _name(keys: tuple) -> str:
    return ".".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in keys)


def kind_of(x: Any) -> str:
    """Dtype and shape: `float32[2, 3]`."""
    return f"{jnp.dtype(x.dtype).name}{list(x.shape)}"


def target_of(x: Any) -> jax.ShapeDtypeStruct | np.ndarray:
    """What an array is restored to: its shape, and the devices that it asks for or the first one."""
    if isinstance(x, np.ndarray) and jax.process_count() > 1:
        return x
    sharding = getattr(x, "sharding", None)
    if sharding is None:
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)
