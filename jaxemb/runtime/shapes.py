"""Names for the arrays that the parts of a network hand on: what their axes are.

An axis that two arguments name alike has one size; jaxtyping checks it where it is switched on.
"""

from typing import Any

from jaxtyping import Array, Bool, Float, Float32, Int

TokenIds = Int[Array, "batch tokens"]
"""The pieces of each text, as rows of a token table."""

TokenMask = Bool[Array, "batch tokens"]
"""Which of them are real, and not padding."""

States = Float[Array, "batch tokens width"]
"""One state per token."""

Depths = Float[Array, "depth batch tokens width"]
"""The states after every layer, the last one last."""

Pooled = Float32[Array, "batch width"]
"""One vector per text, as a pooling gives it."""

Vectors = Float32[Array, "batch dim"]
"""One vector per text, as the network gives it."""

Length = Any
"""How many tokens: a number, or in an exported program a size that is known when it is called."""
