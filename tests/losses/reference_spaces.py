"""Language models and regularisers in float64, one token or one text at a time. Not a test itself."""

import numpy as np
from scipy.special import log_softmax

from tests.losses.reference_contrast import (
    TEXTS,
    cosine,
    distance,
    nce,
    plain,
    real_rows,
    rows,
    weighted,
)
from tests.losses.samples import W


def token_loss(c, shift, pieces):
    logits, real = c["query"].vectors, c["query"].real
    total, count = 0.0, 0.0
    for i in rows(c):
        for t in range(shift, logits.shape[1]):
            if real[i, t] and real[i, t - shift] and pieces[i, t] >= 0:
                total -= c["weight"][i] * log_softmax(logits[i, t - shift])[pieces[i, t]]
                count += c["weight"][i]
    return total / count


def named(c, names):
    """Vectors of real rows and items, with the row's weight."""
    for name in names:
        x, real = c[name], None
        if hasattr(x, "vectors"):
            x, real = x.vectors, x.real
        x = x.reshape(len(x), -1, x.shape[-1])
        real = np.ones(x.shape[:2], bool) if real is None else real.reshape(x.shape[:2])
        yield [
            (x[i, k], c["weight"][i]) for i in real_rows(c) for k in range(x.shape[1]) if real[i, k]
        ]


def off_diagonal(items, f):
    return [
        (f(a, b), w) for n, (a, w) in enumerate(items) for m, (b, _) in enumerate(items) if n != m
    ]


def spread_out(c):
    total = 0.0
    for items in named(c, ("query", "negatives")):
        found = off_diagonal(items, lambda a, b: cosine(a, b) ** 2)
        total += weighted(*zip(*found, strict=True))
    return total


def global_orthogonality(c):
    first, second = [], []
    for items in named(c, TEXTS):
        scores = np.array([s for s, _ in off_diagonal(items, cosine)])
        first.append(scores.mean() ** 2)
        second.append(max((scores**2).mean() - 1 / W, 0))
    return np.mean(first) + np.mean(second)


def unit(x):
    return x / np.linalg.norm(x)


def uniformity(c):
    values = []
    for items in named(c, TEXTS[:2]):
        found = off_diagonal(items, lambda a, b: -2 * distance(unit(a), unit(b)) ** 2)
        values.append(np.log(np.mean([np.exp(v) for v, _ in found])))
    return np.mean(values)


def alignment(c):
    values = [distance(unit(c["query"][i]), unit(c["positive"][i])) ** 3 for i in rows(c)]
    return weighted(values, c["weight"])


def effective_rank(c):
    values = []
    for items in named(c, TEXTS[:2]):
        weight = np.array([w for _, w in items]) / sum(w for _, w in items)
        matrix = sum(
            w * np.outer(unit(x), unit(x)) for (x, _), w in zip(items, weight, strict=True)
        )
        found = np.linalg.eigvalsh(matrix)
        found = found[found > 1e-12]
        values.append(-(found * np.log(found)).sum())
    return np.mean(values)


def flops(c):
    items = [item for column in named(c, TEXTS[1:]) for item in column]
    total = sum(w * x * ((x != 0).sum() > 2) for x, w in items)
    return ((total / sum(w for _, w in items)) ** 2).sum()


def own_query(c):
    values = [
        np.mean([1 - cosine(c["negatives"][i, k], c["negatives_query"][i, k]) for k in range(2)])
        for i in rows(c)
    ]
    return weighted(values, c["weight"])


def router_balance(c):
    router, values = c["query"].extra["router"], []
    for layer in range(router.shape[1]):
        tokens = [p for i in real_rows(c) for p in router[i, layer] if p.sum() > 0]
        share = np.zeros(4)
        for p in tokens:
            share[np.argsort(-p)[:2]] += 1 / 2 / len(tokens)
        values.append(4 * (share * np.mean(tokens, axis=0)).sum())
    return np.mean(values)


def sparse_reconstruction(c):
    e, w = c["query"].extra, c["weight"]
    mse = lambda a, b: weighted(((a - b) ** 2).mean(axis=1), w)  # noqa: E731
    left = e["input"] - e["decoded_without_bias"]
    middle = (left * w[:, None]).sum(0) / w.sum()
    aux = mse(e["decoded_aux"], left) / mse(left, middle)
    return mse(e["input"], e["decoded"]) + mse(e["input"], e["decoded_4k"]) / 8 + aux


def info_nce_and_spread(c):
    found = nce(c, lambda t, o, own: plain(t, o))
    spread = 0.0
    for items in named(c, TEXTS[:2]):
        pairs = off_diagonal(items, lambda a, b: cosine(a, b) ** 2)
        spread += weighted(*zip(*pairs, strict=True))
    return 1.25 * found + 0.5 * spread
