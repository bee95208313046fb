"""What a transformer tells all its blocks."""

import dataclasses
from typing import Any

from jaxemb.nn.activations import GELU, Activation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is the same in every block: a form and the sizes together make a layer.

    Attributes:
        heads: of each attention.
        hidden: of each feed-forward network.
        activation: of the feed-forward networks.
        dropout: rate on residual branches.
        attention_dropout: rate on attention weights.
        dtype: of products and activations by name; parameters, norms and softmax are float32.
    """

    heads: int
    hidden: int
    activation: Activation = GELU()
    dropout: float = 0.0
    attention_dropout: float = 0.0
    dtype: str = "float32"

    @property
    def feed_forward(self) -> dict[str, Any]:
        """What of these every feed-forward network takes."""
        return {"hidden": self.hidden, "activation": self.activation, "dtype": self.dtype}
