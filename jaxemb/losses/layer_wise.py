"""A wrapper that trains shallower layers too, so that an encoder can be cut after training."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Int, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.losses.base import Columns, Loss, Term, row_weights, vectors
from jaxemb.losses.embedded import Depths, Reading, Vector
from jaxemb.losses.wrapper import Wrapper


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerWise(Wrapper):
    r"""The inner loss on the last layer and one shallower layer drawn a step, and their alignment.

    $$L = L_{\mathrm{inner}}(x^L) + L_{\mathrm{inner}}(x^n) + \alpha\,
    \mathrm{KL}\big(\mathrm{sg}\,\sigma(x^L / \tau) \,\Vert\, \sigma(x^n / \tau)\big), \quad
    n \sim U\{1, \dots, L-1\}$$

    $\sigma$ is a softmax over a vector's own numbers, sg stops the gradient: the last layer teaches
    and is not pulled towards the shallow one. The KL is averaged over a row's texts. A wrapper
    inside sees the same key for both layers, so that it draws the same prefix for both.

    Args:
        inner: any loss over vectors.
        alignment: $\alpha$; 0 leaves the alignment out.
        temperature: $\tau$.

    Raises:
        UsageError: the encoder has one layer only, or `temperature` is not positive.

    Example:
        >>> LayerWise(inner=SampledDimension(inner=InfoNCE(), dims=(16, 32, 64)))

    Reference: Li et al., 2D Matryoshka Sentence Embeddings, arXiv:2402.14776.
    """

    inner: Loss
    alignment: Annotated[float, AtLeast(0)] = 1.0
    temperature: Annotated[float, AtLeast(1e-6)] = 0.3

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise UsageError(f"temperature={self.temperature} must be positive.")
        if any(reading != Vector() for reading in self.inner.reads.values()):
            raise UsageError("LayerWise needs an inner loss that reads one vector of each text.")

    @property
    def reads(self) -> Mapping[str, Reading]:
        """Vectors of every depth, `[rows, layers, dim]`."""
        return dict.fromkeys(self.inner.reads, Depths())

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The deepest vectors under `last`, those of the layer drawn under `shallow`."""
        chosen = jax.random.randint(key, (), 0, self._layers(columns) - 1)
        return {
            "last": self.changed(columns, lambda x: x[..., -1, :]),
            "shallow": self.changed(columns, lambda x: _layer(x, chosen)),
        }

    def extra_terms(self, variants: Mapping[str, Columns]) -> dict[str, Term]:
        """`alignment`, unless its weight is 0."""
        if not self.alignment:
            return {}
        return {"alignment": self._alignment(variants["last"], variants["shallow"])}

    def _layers(self, columns: Columns) -> int:
        name = next(name for name in self.reads if name in columns)
        array = vectors(columns[name])
        if array.ndim < 3:
            raise UsageError(
                f"The column {name!r} has the shape {array.shape}; "
                "LayerWise reads [rows layers dim] there."
            )
        if array.shape[-2] < 2:
            raise UsageError("LayerWise needs an encoder of at least 2 layers.")
        return array.shape[-2]

    def _alignment(self, last: Columns, shallow: Columns) -> Term:
        names = [name for name in self.reads if name in last]
        pairs = [(last[name].vectors, shallow[name].vectors) for name in names]
        texts = [_divergence(teacher, student, self.temperature) for teacher, student in pairs]
        rows = len(texts[0])
        value = jnp.mean(jnp.concatenate([x.reshape(rows, -1) for x in texts], axis=1), axis=1)
        return Term(value * self.alignment, row_weights(last, rows))


def _layer(x: Float[Array, "*rows layers dim"], n: Int[Array, ""]) -> Float[Array, "*rows dim"]:
    # A dynamic index: drawing n in Python would compile one program per layer.
    return jax.lax.dynamic_index_in_dim(x, n, axis=x.ndim - 2, keepdims=False)


def _divergence(
    teacher: Float[Array, "*rows dim"], student: Float[Array, "*rows dim"], temperature: float
) -> Float32[Array, "*rows"]:
    target = jax.nn.log_softmax(jax.lax.stop_gradient(teacher) / temperature)
    guess = jax.nn.log_softmax(student / temperature)
    return jnp.sum(jnp.exp(target) * (target - guess), axis=-1)
