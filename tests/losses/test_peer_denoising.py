"""The library's denoising loss against ours: a decoder of the same numbers, written in PyTorch.

Skipped where that library is not installed.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import parse
from jaxemb.losses import ALIASES, Embedded, Loss, LossState, reduce

torch = pytest.importorskip("torch")
library = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

from tests.losses.peers import QUERY, B, Table, W, features  # noqa: E402

KEY, V, T, HEADS = jax.random.key(0), 11, 6, 2


class Written(torch.nn.Module):
    """One block that writes: attention to what was written, to the vector, and a network."""

    def __init__(self, params):
        super().__init__()
        flat = jax.tree_util.tree_flatten_with_path(params)[0]
        named = {"/".join(k.key for k in path): np.asarray(x, np.float64) for path, x in flat}
        self.of = {n: torch.tensor(x, requires_grad=True) for n, x in named.items()}

    def norm(self, x, name):
        scale = self.of[f"decoder/{name}/scale"]
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * scale

    def map(self, x, name):
        return (
            x @ self.of[f"decoder/block_0/{name}/kernel"] + self.of[f"decoder/block_0/{name}/bias"]
        )

    def attend(self, y, z, name, allowed):
        q, k, v = (
            self.map(x, f"{name}/{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for x, part in ((y, "query"), (z, "key"), (z, "value"))
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        weights = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
        return self.map((weights @ v).transpose(1, 2).flatten(2), f"{name}/output")

    def forward(self, input_ids, encoder_hidden_states, **_):
        n = input_ids.shape[1]
        y = self.of["embedding"][input_ids]
        order = torch.ones(n, n, dtype=bool).tril()
        x = self.norm(y, "block_0/attention_norm")
        y = y + self.attend(x, x, "attention", order)
        x = self.norm(y, "block_0/reading_norm")
        y = y + self.attend(x, encoder_hidden_states, "reading", torch.ones(n, 1, dtype=bool))
        x = self.norm(y, "block_0/feed_forward_norm")
        y = y + self.map(self.map(x, "feed_forward/expand").relu(), "feed_forward/output")
        return (self.norm(y, "final_norm") @ self.of["embedding"].T + self.of["bias"],)


class Padding:
    pad_token_id = 0


@pytest.mark.parametrize("seed", [0, 1])
def test_value_and_gradient_are_the_librarys(seed):
    rng = np.random.default_rng(seed)
    part = ALIASES["sentence_transformer"]["DenoisingAutoEncoderLoss"].part
    loss = parse(f"{part}(decoder=causal_decoder(vocabulary={V}, heads={HEADS}))", Loss, "loss")
    mask = np.arange(T) < rng.integers(2, T + 1, (B, 1))
    ids = np.where(mask, rng.integers(1, V, (B, T)), 0).astype(np.int32)
    vectors = rng.normal(size=(B, W))

    whole = Embedded(jnp.zeros((B, 1)), extra={"ids": jnp.asarray(ids), "mask": jnp.asarray(mask)})
    columns = {"query": jnp.asarray(vectors, jnp.float32), "positive": whole}
    drawn = jax.tree.map(
        lambda x: jnp.asarray(x + rng.normal(size=x.shape) / 5, jnp.float32),
        jax.jit(loss.init)(KEY, columns).params,
    )

    def ours(params, x):
        terms, _ = loss.apply(LossState(params, {}), columns | {"query": x}, key=KEY)
        return reduce(terms)[0]

    value, grads = jax.value_and_grad(ours, argnums=(0, 1))(drawn, columns["query"])

    made = object.__new__(library.sentence_transformer.losses.DenoisingAutoEncoderLoss)
    torch.nn.Module.__init__(made)
    table = torch.tensor(vectors, requires_grad=True)
    made.encoder, made.decoder = Table(table), Written(drawn)
    made.tokenizer_decoder, made.need_retokenization = Padding(), False
    texts = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(mask).long()}
    theirs = made([features(QUERY)[0], texts], None)
    theirs.backward()

    np.testing.assert_allclose(value, float(theirs), rtol=1e-5)
    flat = jax.tree_util.tree_flatten_with_path(grads[0])[0]
    of_ours = {"/".join(k.key for k in path): np.asarray(x) for path, x in flat}
    wanted = {name: x.grad.numpy() for name, x in made.decoder.of.items()}
    of_ours["vectors"], wanted["vectors"] = np.asarray(grads[1]), table.grad.numpy()
    size = np.sqrt(sum(np.sum(x**2) for x in wanted.values()))
    for name, x in wanted.items():
        assert np.linalg.norm(of_ours[name] - x) <= 1e-5 * size, name
    assert np.linalg.norm(wanted["vectors"]) > 1e-3 * size
