"""Losses over pairs, triplets, lists and teachers in float64, one row at a time. Not a test itself."""

import math
from itertools import combinations

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from jaxemb.losses import embedded
from tests.losses.reference_contrast import TEXTS, cosine, distance, real_rows, rows, weighted
from tests.losses.samples import W


def triplet(margin, apart, c):
    values, weights = [], []
    negatives = embedded(c["negatives"]).vectors
    real = embedded(c["negatives"]).real
    real = np.ones(negatives.shape[:2], bool) if real is None else real
    for i in rows(c):
        near = apart(c["query"][i], c["positive"][i])
        found = [
            max(near - apart(c["query"][i], negatives[i, k]) + margin, 0)
            for k in range(2)
            if real[i, k]
        ]
        if found:
            values.append(np.mean(found))
            weights.append(c["weight"][i])
    return weighted(values, weights)


def by_label(c, value):
    """`value(positives, negatives) -> (sum, count)` of the distances of each row."""
    total, count = 0.0, 0.0
    for i in rows(c):
        others = [j for j in real_rows(c) if j != i]
        d = {j: distance(c["query"][i], c["query"][j]) for j in others}
        same = [d[j] for j in others if c["label"][j] == c["label"][i]]
        other = [d[j] for j in others if c["label"][j] != c["label"][i]]
        if same and other:
            found, n = value(same, other)
            total += c["weight"][i] * found
            count += c["weight"][i] * n
    return total / count


def semi_hard(same, other):
    total = 0.0
    for p in same:
        further = [n for n in other if n > p]
        total += max(p - (min(further) if further else max(other)) + 1.0, 0)
    return total, len(same)


def batch_all(same, other):
    found = [p - n + 0.5 for p in same for n in other if p - n + 0.5 > 0]
    return sum(found), len(found)


def pair_distances(c):
    return np.array([1 - cosine(c["query"][i], c["positive"][i]) for i in rows(c)])


def margin_pairs(c):
    d, y = pair_distances(c), c["label"]
    return weighted((y * d**2 + (1 - y) * np.maximum(0.5 - d, 0) ** 2) / 2, c["weight"])


def hard_margin_pairs(c):
    d, y, real = pair_distances(c), c["label"], c["weight"] > 0
    furthest, nearest = d[real & (y == 1)].max(), d[real & (y == 0)].min()
    positive = np.where((y == 1) & (d > nearest), d**2, 0)
    negative = np.where((y == 0) & (d < furthest), np.maximum(0.5 - d, 0) ** 2, 0)
    return weighted(positive + negative, c["weight"])


def turn(u, v):
    """Real and imaginary part of the quotient of unit vectors, added."""
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    u, v = u[: W // 2] + 1j * u[W // 2 :], v[: W // 2] + 1j * v[W // 2 :]
    z = (u * v.conj()).sum()
    return abs(z.real + z.imag)


def cosent(alike, c):
    s = [alike(c["query"][i], c["positive"][i]) / 0.2 for i in rows(c)]
    found = [
        s[j] - s[i] for i in real_rows(c) for j in real_rows(c) if c["score"][i] > c["score"][j]
    ]
    return logsumexp([0.0, *found])


def score_regression(c):
    return weighted((1 - pair_distances(c) - c["score"]) ** 2, c["weight"])


def pair_cross_entropy(c):
    logit, y = (1 - pair_distances(c)) / 0.05, c["label"]
    values = -2 * y * np.log(expit(logit)) - (1 - y) * np.log(expit(-logit))
    return weighted(values, c["weight"])


def classification(c):
    found = log_softmax(c["query"], axis=1)
    return weighted([-found[i, c["label"][i]] for i in rows(c)], c["weight"])


def graded(c, alike):
    """For each row: scores, grades and weight of the documents that are there."""
    negatives = c["negatives"]
    for i in rows(c):
        there = [True, *negatives.real[i]]
        documents = np.array([c["positive"][i], *negatives.vectors[i]])[there]
        scores = np.array([alike(c["query"][i], d) for d in documents])
        yield scores, c["score"][i][there], c["weight"][i], there


def over_lists(c, value, alike=cosine):
    """`value(scores, grades) -> (sum, count)`."""
    found = [(value(s, y), w) for s, y, w, _ in graded(c, alike)]
    return sum(v * w for (v, _), w in found) / sum(n * w for (_, n), w in found)


def margin_distillation(s, y):
    errors = (s[0] - s[1:] - y[0] + y[1:]) ** 2
    return (errors.mean(), 1) if len(errors) else (0, 0)


def score_distillation(s, y):
    teacher, student = log_softmax(y / 2), log_softmax(s / 2)
    return (4 * (np.exp(teacher) * (teacher - student)).sum(), 1) if len(s) > 1 else (0, 0)


def rank_net(s, y):
    found = [
        np.log1p(np.exp(s[j] - s[i])) for i in range(len(s)) for j in range(len(s)) if y[i] > y[j]
    ]
    return sum(found), len(found)


def negative_sampling(s, y):
    return -np.log(expit(s[0])) - np.log(expit(-s[1:])).sum(), 1


def first_document(s, y):
    return (logsumexp(s / 0.3) - s[0] / 0.3, 1) if len(s) > 1 else (0, 0)


def pair_scores(c):
    found = [
        (rank_net(x[there, 0], y[there]), w)
        for x, there, y, w in zip(
            c["query"].vectors, c["query"].real, c["score"], c["weight"], strict=True
        )
    ]
    return sum(v * w for (v, _), w in found) / sum(n * w for (_, n), w in found)


def list_net(s, y):
    return -(softmax(y) * log_softmax(s)).sum(), 1


def list_mle(s, y, weight=lambda r, n: 1.0):
    order = sorted(range(len(s)), key=lambda j: -y[j])
    n, value, total = len(s), 0.0, 0.0
    for r in range(n):
        left = logsumexp([s[j] for j in order[r:]])
        value += weight(r + 1, n) * (left - s[order[r]])
        total += weight(r + 1, n)
    return value, total


def position_list_mle(s, y):
    value, total = list_mle(s, y, lambda r, n: 2.0 ** (n - r) - 1)
    return value / total if total else 0.0, 1


def lambda_loss(weight, cut=None, every=False):
    def value(s, y):
        order = np.argsort(-s, kind="stable")
        s, y = s[order], y[order]
        n = len(s)
        discount = [math.log2(r + 2) for r in range(n + 1)]
        best = sorted(y, reverse=True)[: cut or n]
        ideal = max(sum((2**g - 1) / discount[r] for r, g in enumerate(best)), 1e-10)
        gain = [(2**g - 1) / ideal for g in y]
        total, count = 0.0, 0
        for i in range(n):
            for j in range(n):
                if (every or y[i] > y[j]) and min(i, j) < (cut or n):
                    total += weight(gain, discount, i, j) * np.log2(1 + np.exp(s[j] - s[i]))
                    count += 1
        return total, count

    return value


def ndcg2(gain, discount, i, j):
    k = abs(i - j)
    return abs(gain[i] - gain[j]) * abs(1 / discount[k - 1] - 1 / discount[k])


def lambda_rank(gain, discount, i, j):
    return abs(gain[i] - gain[j]) * abs(1 / discount[i] - 1 / discount[j])


def ndcg2pp(*arguments):
    return 10 * ndcg2(*arguments) + lambda_rank(*arguments)


def rank_regression(s, y):
    total = 0.0
    for j in range(len(s)):
        true = (y > y[j]).sum() + ((y == y[j]).sum() + 1) / 2
        guess = 1 + sum(expit(s[k] - s[j]) for k in range(len(s)) if k != j)
        total += (true - guess) ** 2 / np.log2(true + 1)
    return total, len(s)


def vector_distillation(c, apart):
    values = []
    for i in rows(c):
        found = [apart(c[n][i], c[f"{n}_teacher"][i]) for n in TEXTS[:2]]
        found += [apart(c["negatives"][i, k], c["negatives_teacher"][i, k]) for k in range(2)]
        values.append(np.mean(found))
    return weighted(values, c["weight"])


def structures(c):
    """Matrices of the student and the teacher over real rows, by column."""
    real = real_rows(c)
    for name in TEXTS[:2]:
        ours, theirs = c[name][real], c[f"{name}_teacher"][real]
        yield [np.array([[cosine(a, b) for b in x] for a in x]) for x in (ours, theirs)]


def over_structures(c, value):
    weight = c["weight"][c["weight"] > 0]
    return np.mean([value(s, t, weight) for s, t in structures(c)])


def similarity_distillation(s, t, weight):
    return weighted(((s - t) ** 2).mean(axis=1), weight)


def neighbours(s, t, weight):
    values = []
    for i in range(len(s)):
        teacher, student = (log_softmax(np.delete(x[i], i) / 0.3) for x in (t, s))
        values.append((np.exp(teacher) * (teacher - student)).sum())
    return weighted(values, weight)


def order_distillation(s, t, weight):
    total, count = 0.0, 0.0
    pairs = list(combinations(range(len(s)), 2))
    for a in pairs:
        for b in pairs:
            if t[a] > t[b]:
                share = weight[a[0]] + weight[a[1]]
                total += share * max(s[b] - s[a] + 0.015, 0)
                count += share
    return total / count
