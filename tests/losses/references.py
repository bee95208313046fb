"""Losses in float64, one row and one candidate at a time. Not a test itself."""

import math
from itertools import combinations

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from jaxemb.losses import embedded
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


# --- softmax over candidates


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


# --- pairs, triplets, classes


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


# --- lists


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


# --- a teacher's vectors


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


# --- language


def token_loss(c, shift, pieces):
    logits, real = c["query"].vectors, c["query"].real
    total, count = 0.0, 0.0
    for i in rows(c):
        for t in range(shift, logits.shape[1]):
            if real[i, t] and real[i, t - shift] and pieces[i, t] >= 0:
                total -= c["weight"][i] * log_softmax(logits[i, t - shift])[pieces[i, t]]
                count += c["weight"][i]
    return total / count


# --- regularisers


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


REFERENCES = {
    "info_nce": lambda c: nce(c, lambda t, o, own: plain(t, o)),
    "learned_temperature": lambda c: nce(c, lambda t, o, own: plain(t, o)),
    "own_documents": lambda c: nce(c, own_documents),
    "mixed_list": mixed_list,
    "queue": queue,
    "same_family": in_family(True),
    "other_family": in_family(False),
    "guided": guided(lambda own: own - 0.1),
    "relatively_guided": guided(lambda own: own - 0.1 * abs(own)),
    "decoupled": lambda c: nce(c, decoupled),
    "debiased": lambda c: nce(c, debiased),
    "hardness": lambda c: nce(c, hardness(lambda own: own)),
    "hardness_in_batch": lambda c: nce(c, hardness(lambda own: ~own)),
    "hardness_all": lambda c: nce(c, hardness(lambda own: own | True)),
    "sparse_dot": lambda c: nce(c, lambda t, o, own: plain(t, o, 1.0), alike=np.dot),
    "late_interaction": late_interaction,
    "concentrated": lambda c: nce(c, concentrated),
    "focal": lambda c: nce(c, focal),
    "below_target": lambda c: nce(c, below_target),
    "additive_margin": lambda c: nce(c, additive_margin),
    "sigmoid": sigmoid,
    "supervised": supervised,
    "negative_sampling": lambda c: over_lists(c, negative_sampling, np.dot),
    "first_document": lambda c: over_lists(c, first_document),
    "squashed": lambda c: over_lists(c, lambda s, y: list_net(10 * expit(s), y)),
    "pair_scores": pair_scores,
    "hardest_negative": hardest,
    "triplet": lambda c: triplet(1.0, distance, c),
    "triplet_manhattan": lambda c: triplet(2.0, lambda a, b: abs(a - b).sum(), c),
    "batch_hard": lambda c: by_label(c, lambda s, o: (max(max(s) - min(o) + 5, 0), 1)),
    "batch_hard_soft": lambda c: by_label(c, lambda s, o: (np.log1p(np.exp(max(s) - min(o))), 1)),
    "batch_semi_hard": lambda c: by_label(c, semi_hard),
    "batch_all": lambda c: by_label(c, batch_all),
    "margin_pairs": margin_pairs,
    "hard_margin_pairs": hard_margin_pairs,
    "cosent": lambda c: cosent(cosine, c),
    "angle": lambda c: cosent(turn, c),
    "score_regression": score_regression,
    "pair_cross_entropy": pair_cross_entropy,
    "classification": classification,
    "margin_distillation": lambda c: over_lists(c, margin_distillation, np.dot),
    "score_distillation": lambda c: over_lists(c, score_distillation, np.dot),
    "vector_distillation": lambda c: vector_distillation(c, lambda a, b: 1 - cosine(a, b)),
    "vector_mean_square": lambda c: vector_distillation(c, lambda a, b: ((a - b) ** 2).mean()),
    "similarity_distillation": lambda c: over_structures(c, similarity_distillation),
    "neighbour_distillation": lambda c: over_structures(c, neighbours),
    "order_distillation": lambda c: over_structures(c, order_distillation),
    "rank_net": lambda c: over_lists(c, rank_net),
    "list_net": lambda c: over_lists(c, list_net),
    "list_mle": lambda c: over_lists(c, lambda s, y: (list_mle(s, y)[0], 1)),
    "position_list_mle": lambda c: over_lists(c, position_list_mle),
    "lambda_ndcg1": lambda c: over_lists(
        c, lambda_loss(lambda gain, discount, i, j: gain[i] / discount[i], every=True)
    ),
    "lambda_ndcg2": lambda c: over_lists(c, lambda_loss(ndcg2, cut=2)),
    "lambda_rank": lambda c: over_lists(c, lambda_loss(lambda_rank)),
    "lambda_ndcg2pp": lambda c: over_lists(c, lambda_loss(ndcg2pp, cut=1)),
    "lambda_equal": lambda c: over_lists(c, rank_net) / math.log(2),
    "rank_regression": lambda c: over_lists(c, rank_regression),
    "masked_language_model": lambda c: token_loss(c, 0, c["query_targets"]),
    "masked_next_token": lambda c: token_loss(c, 1, c["query_targets"]),
    "next_token": lambda c: token_loss(c, 1, c["query"].extra["ids"]),
    "answers": lambda c: token_loss(c, 1, c["query_targets"]),
    "spread_out": spread_out,
    "global_orthogonality": global_orthogonality,
    "uniformity": uniformity,
    "alignment": alignment,
    "effective_rank": effective_rank,
    "flops": flops,
    "own_query": own_query,
    "router_balance": router_balance,
    "sparse_reconstruction": sparse_reconstruction,
    "sum": info_nce_and_spread,
    "progressive": progressive,
    "matryoshka": matryoshka,
}
