"""Convolutions beside loops in numpy, and the recursion that halves and doubles texts."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Convolutional, ConvolutionWindows, RecursiveConvolutional
from jaxemb.heads import RecursiveDecoder
from jaxemb.nn import Convolution, ConvolutionBlock, NoNorm
from jaxemb.nn.convolution import interleave
from jaxemb.nn.recursion import Halving, halvings, most_halvings, region
from jaxemb.pooling import FirstTokens, LayerConcatenation, Max
from jaxemb.text import Bytes, pad
from jaxemb.tokens import TokenTable

RNG = np.random.default_rng()
B, T, W = 3, 7, 4
LENGTHS = (7, 4, 1)
MASK = jnp.asarray(np.arange(T) < np.array(LENGTHS)[:, None])
X = RNG.normal(size=(B, T, W))
DIRTY = jnp.asarray(np.where(MASK[..., None], X, np.nan), jnp.float32)


def loop(text, kernel, bias):
    """A convolution of one text, zeros beyond its ends, in float64."""
    window, y = len(kernel), np.zeros((len(text), kernel.shape[2]))
    for t in range(len(text)):
        for k in range(window):
            place = t + k - (window - 1) // 2
            if 0 <= place < len(text):
                y[t] += text[place] @ kernel[k]
    return y + bias


def run(module, params, *inputs):
    return jax.jit(lambda params, *inputs: module.apply({"params": params}, *inputs))(
        params, *inputs
    )


def normals(params):
    return jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape) / 2, jnp.float32), params)


def wide(params):
    return jax.tree.map(lambda p: np.asarray(p, np.float64), params)


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_a_convolution_is_its_formula_and_padding_never_enters(window):
    layer = Convolution(features=5, window=window)
    params = normals(jax.eval_shape(layer.init, jax.random.key(0), DIRTY, MASK)["params"])
    y = jax.jit(layer.apply)({"params": params}, DIRTY, MASK)
    for b, n in enumerate(LENGTHS):
        expected = loop(X[b, :n], *(wide(params)[name] for name in ("kernel", "bias")))
        np.testing.assert_allclose(y[b, :n], expected, atol=1e-5)
        assert not np.asarray(y[b, n:]).any()


def test_the_hierarchy_reads_every_layer():
    encoder = Convolutional(layers=4, width=W)
    params = normals(jax.eval_shape(encoder.init, jax.random.key(0), DIRTY, MASK)["params"])
    states = jax.jit(encoder.apply)({"params": params}, DIRTY, MASK)
    read = jax.jit(LayerConcatenation(layers=4, inner=Max()).apply)({}, states, MASK)
    for b, n in enumerate(LENGTHS):
        h, expected = X[b, :n], []
        for layer in range(4):
            own = wide(params[f"layer_{layer}"])
            h = np.maximum(loop(h, own["kernel"], own["bias"]), 0)
            expected.append(h.max(0))
        np.testing.assert_allclose(read[b], np.concatenate(expected), atol=1e-4)


def test_windows_stand_side_by_side():
    encoder = ConvolutionWindows(width=W, windows=(1, 2, 4), features=3)
    params = normals(jax.eval_shape(encoder.init, jax.random.key(0), DIRTY, MASK)["params"])
    states = jax.jit(encoder.apply)({"params": params}, DIRTY, MASK)
    for b, n in enumerate(LENGTHS):
        found = [
            loop(X[b, :n], *(wide(params[f"window_{k}"])[name] for name in ("kernel", "bias")))
            for k in range(3)
        ]
        np.testing.assert_allclose(
            states[0, b, :n], np.maximum(np.concatenate(found, axis=1), 0), atol=1e-5
        )
    with pytest.raises(UsageError, match="shared among 3 windows"):
        jax.jit(ConvolutionWindows(width=W).init)(jax.random.key(0), DIRTY, MASK)


# --- the recursion

ENCODER = RecursiveConvolutional(width=W, blocks=2)


def text_batch(*lengths, tokens):
    mask = jnp.asarray(np.arange(tokens) < np.array(lengths)[:, None])
    return jnp.asarray(RNG.normal(size=(*mask.shape, W)), jnp.float32), mask


def test_interleaving_is_its_loop_and_undone_by_pairing():
    y = RNG.normal(size=(2, 3, 8))
    expected = np.zeros((2, 6, 4))
    for t in range(3):
        for c in range(4):
            expected[:, 2 * t, c] = y[:, t, 2 * c]
            expected[:, 2 * t + 1, c] = y[:, t, 2 * c + 1]
    found = interleave(jnp.asarray(y))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    paired = found.reshape(2, 3, 2, 4).swapaxes(2, 3).reshape(2, 3, 8)
    np.testing.assert_allclose(paired, y, rtol=1e-6)


@pytest.mark.parametrize("tokens", [8, 16, 32, 64, 128, 256, 512, 1024])
def test_a_text_is_halved_until_four_vectors_are_left(tokens):
    lengths = np.array([tokens, tokens // 2 + 1, tokens // 2, 1])
    mask = jnp.asarray(np.arange(tokens) < lengths[:, None])
    full = int(np.log2(tokens)) - 2
    assert halvings(mask).tolist() == [full, full, max(full - 1, 1), 1]
    assert most_halvings(tokens) == full


def test_the_count_of_parameters_does_not_depend_on_the_length():
    counts = set()
    for tokens in (8, 16, 64, 1024):
        x, mask = jnp.ones((1, tokens, W)), jnp.ones((1, tokens), bool)
        states = jax.eval_shape(
            lambda x, m: ENCODER.init_with_output(jax.random.key(0), x, m), x, mask
        )
        counts.add(sum(leaf.size for leaf in jax.tree.leaves(states[1])))
        assert states[0].shape == (1, 1, tokens, W)
    # 2 + 2 blocks of two convolutions without bias and two norms with scale and bias
    assert counts == {4 * (2 * 3 * W * W + 2 * 2 * W)}


def test_the_recursion_is_a_scan_of_one_group_over_masked_lengths():
    """The same by another form: one length throughout, the group carried along by `lax.scan`."""
    x, mask = text_batch(32, 17, 9, 3, tokens=32)
    params = normals(jax.eval_shape(ENCODER.init, jax.random.key(0), x, mask)["params"])
    found = run(ENCODER, params, x, mask)[0, :, :4]
    block, steps = ConvolutionBlock(), halvings(mask)
    h = jnp.where(mask[..., None], x, 0)
    for n in range(2):
        h = jax.jit(block.apply)({"params": params[f"prefix_{n}"]}, h, region(steps, 32))

    def step(h, n):
        left = steps - n
        halved = Halving(block=block, blocks=2).apply(
            {"params": params["halving"]}, h, region(jnp.maximum(left, 0), 32)
        )
        halved = jnp.pad(halved, ((0, 0), (0, 16), (0, 0)))
        return jnp.where((left > 0)[:, None, None], halved, h), None

    h, _ = jax.lax.scan(step, h, jnp.arange(3))
    size = max(1.0, float(np.abs(h).max()))  # drawn parameters make states of any size
    for b, n in enumerate((32, 17, 9, 3)):
        np.testing.assert_allclose(found[b, : min(n, 4)], h[b, : min(n, 4)], atol=1e-5 * size)


def test_a_text_is_halved_by_its_own_length_not_the_batch_s():
    x, mask = text_batch(40, 16, 5, tokens=40)
    params = normals(jax.eval_shape(ENCODER.init, jax.random.key(0), x, mask)["params"])
    code = FirstTokens(tokens=4).apply({}, run(ENCODER, params, x, mask), mask)
    assert code.shape == (3, 4 * W)
    for b, n in enumerate((40, 16, 5)):
        alone = run(ENCODER, params, x[b : b + 1, :n], mask[b : b + 1, :n])
        found = FirstTokens(tokens=4).apply({}, alone, mask[b : b + 1, :n])
        np.testing.assert_allclose(found[0], code[b], atol=1e-5 * max(1.0, np.abs(code).max()))
    left = jnp.stack([jnp.roll(x[b], 40 - n, axis=0) for b, n in enumerate((40, 16, 5))])
    turned = FirstTokens(tokens=4).apply(
        {}, run(ENCODER, params, left, mask[:, ::-1]), mask[:, ::-1]
    )
    np.testing.assert_allclose(turned, code, atol=1e-5)


def test_a_decoder_s_logits_depend_on_the_text_s_own_length_alone():
    decoder = RecursiveDecoder(blocks=2, vocabulary=9)
    _, mask = text_batch(40, 16, 5, tokens=40)
    vectors = jnp.asarray(RNG.normal(size=(3, 4 * W)), jnp.float32)
    variables = jax.jit(decoder.init)(jax.random.key(0), vectors, mask)
    logits = run(decoder, variables["params"], vectors, mask)
    for b, n in enumerate((40, 16, 5)):
        alone = run(decoder, variables["params"], vectors[b : b + 1], mask[b : b + 1, :n])
        np.testing.assert_allclose(alone[0], logits[b, :n], atol=1e-5)
        assert not np.asarray(logits[b, n:]).any()
    with pytest.raises(UsageError, match="cut into 4"):
        jax.jit(decoder.init)(jax.random.key(0), vectors[:, :-1], mask)


def test_an_autoencoder_learns_its_texts_by_heart():
    """16 short names of Python's library through four vectors of 32, less than 1% of bytes wrong."""
    import keyword
    import sys

    names = sorted(n for n in sys.stdlib_module_names if not n.startswith("_"))
    texts = [n for n in names + keyword.kwlist if len(n) <= 6][:16]
    tokenizer = Bytes(max_tokens=8).train()
    batch = pad(tokenizer.encode(texts), 8)
    ids, mask = jnp.asarray(batch.ids), jnp.asarray(batch.mask)
    parts = {
        "tokens": TokenTable(),
        "encoder": RecursiveConvolutional(width=32, blocks=1),
        "decoder": RecursiveDecoder(blocks=1),
    }

    def logits(params):
        x = parts["tokens"].apply({"params": params["tokens"]}, ids, vocabulary=261, width=32)
        states = parts["encoder"].apply({"params": params["encoder"]}, x, mask)
        code = FirstTokens(tokens=4).apply({}, states, mask)
        return parts["decoder"].apply({"params": params["decoder"]}, code, mask)

    def loss(params):
        wrong = optax.softmax_cross_entropy_with_integer_labels(logits(params), ids)
        return jnp.sum(wrong * mask) / mask.sum()

    x = jnp.ones((1, 8, 32))
    keys, one = jax.random.split(jax.random.key(0), 3), mask[:1]
    params = {
        "tokens": parts["tokens"].init(keys[0], ids, vocabulary=261, width=32)["params"],
        "encoder": jax.jit(parts["encoder"].init)(keys[1], x, one)["params"],
        "decoder": jax.jit(parts["decoder"].init)(keys[2], jnp.ones((1, 128)), one)["params"],
    }
    optimizer = optax.adam(3e-3)

    @jax.jit
    def train(params):
        def step(carry, _):
            params, state = carry
            value, slope = jax.value_and_grad(loss)(params)
            updates, state = optimizer.update(slope, state)
            return (optax.apply_updates(params, updates), state), value

        (params, _), values = jax.lax.scan(step, (params, optimizer.init(params)), length=150)
        return params, values

    params, values = train(params)
    wrong = (jax.jit(logits)(params).argmax(-1) != ids) & mask
    assert wrong.sum() < 0.01 * mask.sum(), values[::30]
    # Padding gives no loss: its ids may be any.
    assert np.isfinite(values).all()


def test_without_norm_the_blocks_are_plain_residuals():
    x, mask = text_batch(6, 3, tokens=6)
    block = ConvolutionBlock(norm=NoNorm())
    params = normals(jax.eval_shape(block.init, jax.random.key(0), x, mask)["params"])
    y = jax.jit(block.apply)({"params": params}, x, mask)
    for b, n in enumerate((6, 3)):
        text = np.asarray(x[b, :n], np.float64)
        first = loop(text, wide(params["convolution_0"])["kernel"], 0)
        second = loop(np.maximum(first, 0), wide(params["convolution_1"])["kernel"], 0)
        np.testing.assert_allclose(y[b, :n], np.maximum(text + second, 0), atol=1e-4)
