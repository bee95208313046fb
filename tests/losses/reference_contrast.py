"""Losses over candidates in float64, one row and one candidate at a time. Not a test itself."""

import math

import numpy as np
from scipy.special import expit, logsumexp, softmax

from tests.losses.samples import W

TEXTS = ("query", "positive", "negatives")


def cosine(a, b):
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def distance(a, b):
    return float(np.sqrt(((a - b) ** 2).sum()))


def weighted(values, weights):
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    return float((values * weights).sum() / weights.sum())


def rows(c):
    return range(len(c["weight"]))


def real_rows(c):
    return [i for i in rows(c) if c["weight"][i] > 0]


def known(c):
    pairs = [(c["query_id"][i], c["positive_id"][i]) for i in real_rows(c)]
    return {*pairs, *((b, a) for a, b in pairs)}


def candidates(c, i, extra=lambda i, j, role: True):
    """`(vector, own)` of the documents that are negatives of the query `i`."""
    answers, found = known(c), []
    query, target = c["query_id"][i], c["positive_id"][i]
    for j in real_rows(c):
        if j != i and c["query_id"][j] != query and extra(i, j, "positive"):
            text = c["positive_id"][j]
            if text not in (query, target) and (query, text) not in answers:
                found.append((c["positive"][j], False))
    for j in real_rows(c)[: len(c["negatives"])]:
        for k in range(2):
            text = c["negatives_id"][j, k]
            allowed = text not in (query, target) and (query, text) not in answers
            if allowed and extra(i, j, ("negatives", k)):
                found.append((c["negatives"][j, k], j == i))
    return found


def maxsim(a, b):
    """Of arrays `[items, dim]`."""
    return sum(max(cosine(x, y) for y in b) for x in a)


def late_interaction(c):
    texts = {n: [v[r] for v, r in zip(c[n].vectors, c[n].real, strict=True)] for n in TEXTS[:2]}
    hard = [
        [v[r] for v, r in zip(vs, rs, strict=True)]
        for vs, rs in zip(c["negatives"].vectors, c["negatives"].real, strict=True)
    ]
    negatives = np.empty((len(hard), 2), object)
    for i, row in enumerate(hard):
        negatives[i, 0], negatives[i, 1] = row
    values = []
    for i in rows(c):
        query = texts["query"][i]
        found = candidates({**c, "positive": texts["positive"], "negatives": negatives}, i)
        scores = np.array([maxsim(query, d) for d, _ in found])
        values.append(plain(maxsim(query, texts["positive"][i]), scores, 1.0))
    return weighted(values, c["weight"])


def contests(c, alike=None, **more):
    """For each row: its target's score, those of its candidates, and which are its own."""
    alike = alike or cosine
    for i in rows(c):
        found = candidates(c, i, **more)
        scores = np.array([alike(c["query"][i], v) for v, _ in found])
        own = np.array([o for _, o in found], bool)
        yield alike(c["query"][i], c["positive"][i]), scores, own


def nce(c, value, **more):
    return weighted([value(*contest) for contest in contests(c, **more)], c["weight"])


def plain(target, others, temperature=0.3):
    return logsumexp(np.append(others, target) / temperature) - target / temperature


def own_documents(target, others, own):
    return plain(target, others[own])


def decoupled(target, others, own):
    return logsumexp(others / 0.3) - target / 0.3 if len(others) else 0.0


def debiased(target, others, own, temperature=0.3, share=0.1, weights=None):
    if not len(others):
        return 0.0
    positive, each = math.exp(target / temperature), np.exp(others / temperature)
    each = each if weights is None else each * weights
    least = math.exp(-1 / temperature)
    g = max((each.mean() - share * positive) / (1 - share), least)
    return -math.log(positive / (positive + len(others) * g))


def concentrated(target, others, own):
    weights = np.exp(others / 0.5)
    return debiased(target, others, own, temperature=0.5, weights=weights / weights.mean())


def hardness(among):
    def value(target, others, own):
        power = others / 0.3 + np.where(among(own), 5.0 * others, 0.0)
        return logsumexp(np.append(power, target / 0.3)) - target / 0.3

    return value


def focal(target, others, own):
    value = plain(target, others)
    return (1 - math.exp(-value)) ** 2.0 * value


def below_target(target, others, own):
    return plain(target, others[others <= target + 0.1])


def additive_margin(target, others, own):
    return plain(target - 0.3, others)


def guided(highest):
    def value(c):
        def alike(i, j, role):
            name, k = role if isinstance(role, tuple) else (role, None)
            teacher = c[f"{name}_teacher"][j] if k is None else c[f"{name}_teacher"][j, k]
            own = cosine(c["query_teacher"][i], c["positive_teacher"][i])
            return cosine(c["query_teacher"][i], teacher) <= highest(own)

        return nce(c, lambda t, o, own: plain(t, o), extra=alike)

    return value


def in_family(equal):
    def value(c):
        same = lambda i, j, role: (c["family"][i] == c["family"][j]) == equal  # noqa: E731
        return nce(c, lambda t, o, own: plain(t, o), extra=same)

    return value


def mixed_list(c):
    values = []
    for i, (target, others, _) in enumerate(contests(c)):
        own_ones = np.array([v for v, mine in candidates(c, i) if mine])
        if len(own_ones) > 1:
            units = own_ones / np.linalg.norm(own_ones, axis=1, keepdims=True)
            shares = softmax([cosine(c["query"][i], v) / 0.2 for v in own_ones])
            others = np.append(others, cosine(c["query"][i], shares @ units))
        values.append(plain(target, others))
    return weighted(values, c["weight"])


def queue(c):
    """The second step on one batch: its positives are candidates once more."""
    values = []
    for i, (target, others, _) in enumerate(contests(c)):
        nothing_else = {**c, "negatives": np.zeros((0, 2, W)), "negatives_id": np.zeros((0, 2))}
        again = [cosine(c["query"][i], v) for v, _ in candidates(nothing_else, i)]
        values.append(plain(target, np.append(others, again)))
    return weighted(values, c["weight"])


def progressive(c):
    """The second of three steps, from 0.5 to 1."""
    values = np.array([plain(t, o) for t, o, _ in contests(c)])
    gain = 0.5 + 0.5 / 3
    factors = np.exp(gain * values)
    factors = np.minimum(factors * c["weight"].sum() / (factors * c["weight"]).sum(), 10.0)
    factors *= c["weight"].sum() / (factors * c["weight"]).sum()
    return weighted(factors * values, c["weight"])


def sigmoid(c):
    def value(target, others, own):
        return -np.log(expit(10 * target - 1)) - np.log(expit(-10 * others + 1)).sum()

    return nce(c, value)


def supervised(c):
    views = [(c[name][i], c["label"][i], i) for name in TEXTS[:2] for i in real_rows(c)]
    values, weights = [], []
    for n, (x, label, i) in enumerate(views):
        others = [(y, other) for m, (y, other, _) in enumerate(views) if m != n]
        total = logsumexp([cosine(x, y) / 0.3 for y, _ in others])
        found = [total - cosine(x, y) / 0.3 for y, other in others if other == label]
        if found:
            values.append(np.mean(found))
            weights.append(c["weight"][i])
    return weighted(values, weights)


def hardest(c):
    def value(target, others, own):
        return max(0.8 - target, 0) + (max(others.max() - 0.3, 0) if len(others) else 0)

    return nce(c, value)


def matryoshka(c):
    cut = {n: c[n][..., :2] for n in TEXTS}
    first = nce({**c, **cut}, lambda t, o, own: plain(t, o))
    return 0.5 * first + nce(c, lambda t, o, own: plain(t, o))
