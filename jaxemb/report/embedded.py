"""The map of embedded texts: where a trained model puts a fixed sample, in two dimensions."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Float32

from jaxemb.config import UsageError, fingerprint
from jaxemb.config.manifests import read_sealed, write_sealed
from jaxemb.statistics.similarities import unit_rows

FORMAT = 1
MOST_MODELS, MOST_TEXTS = 3, 600
CACHED = "map.json"


@dataclass(frozen=True)
class Place:
    """A text on the map, x and y between 0 and 1; `label` is what its colour stands for."""

    x: float
    y: float
    label: str
    text: str


@dataclass(frozen=True)
class TextMap:
    """Places of a sample, and how often the nearest other vector has the same label.

    `by_chance` is how often a random other text of the sample has.
    """

    arm: str
    places: tuple[Place, ...]
    agreement: float
    by_chance: float


class _KeptPlace(TypedDict):
    x: float
    y: float
    label: str
    text: str


class _Kept(TypedDict):
    data: str
    places: list[_KeptPlace]
    agreement: float
    by_chance: float


def text_maps(record: Mapping, runs: Path | None) -> tuple[TextMap, ...]:
    """Maps of the first arms, those that claims name before others, from their saved models.

    They are computed where they are not beside the model already, which takes seconds per arm, and
    kept there. An arm without a saved model has none, and neither has a record at smoke.
    """
    if runs is None or record.get("scale") == "smoke":
        return ()
    found = []
    for arm in _by_interest(record):
        folder = _first_seed(runs, arm, record["arms"][arm].get("fingerprint") or "")
        drawn = _kept_or_drawn(arm, folder) if folder is not None else None
        if drawn is not None:
            found.append(drawn)
        if len(found) == MOST_MODELS:
            break
    return tuple(found)


def _by_interest(record: Mapping) -> list[str]:
    claimed = " ".join(str(claim.get("text", "")) for claim in record.get("claims") or ()).split()
    return sorted(record["arms"], key=lambda arm: arm not in claimed)


def _first_seed(runs: Path, arm: str, mark: str) -> Path | None:
    found = sorted(runs.glob(f"{_literal(arm)}-{mark or '*'}/seed-*/model/model.json"))
    return found[0].parents[1] if found else None


def _literal(name: str) -> str:
    """An arm's name for glob: a bracket in it stands for itself."""
    return name.replace("[", "[[]")


def _kept_or_drawn(arm: str, folder: Path) -> TextMap | None:
    from jaxemb.data import PyDocs

    path, data = folder / CACHED, fingerprint(PyDocs().fingerprint(), MOST_TEXTS, FORMAT)
    with contextlib.suppress(UsageError):  # there is none, or none that can be believed
        kept = read_sealed(path, _Kept)
        if kept["data"] == data:
            places = tuple(Place(**place) for place in kept["places"])
            return TextMap(arm, places, kept["agreement"], kept["by_chance"])
    try:
        found = _drawn(arm, folder)
    except UsageError:  # no model that can be loaded, or one without a tokenizer
        return None
    with contextlib.suppress(OSError):
        write_sealed(path, {"data": data, **asdict(found)})
    return found


def _drawn(arm: str, folder: Path) -> TextMap:
    from jaxemb.interop import load

    labels, texts = sample()
    return place_texts(arm, load(folder).encode(texts), labels, texts)


def sample(most: int = MOST_TEXTS) -> tuple[list[str], list[str]]:
    """Packages and summaries of held-out documentation, always the same; no summary twice."""
    from jaxemb.data import PyDocs

    records = PyDocs().records("test")
    summaries = {r["summary"]: r["package"] for r in records if r["summary"]}
    texts = sorted(summaries)
    chosen = np.random.default_rng(0).permutation(len(texts))[:most]
    texts = [texts[place] for place in sorted(chosen.tolist())]
    return [summaries[text] for text in texts], texts


def place_texts(
    arm: str, vectors: Float32[np.ndarray, "texts dim"], labels: Sequence[str], texts: Sequence[str]
) -> TextMap:
    """Vectors `[texts, dim]` on a plane by t-SNE, and how well their neighbours keep the labels."""
    plane = np.asarray(in_two_dimensions(vectors), np.float64)
    plane = (plane - plane.min(axis=0)) / np.maximum(np.ptp(plane, axis=0), 1e-12)
    unit = unit_rows(vectors)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    same = [labels[one] == labels[int(other)] for one, other in enumerate(near.argmax(axis=1))]
    count = len(labels)
    pairs = sum(n * (n - 1) for n in Counter(labels).values())
    places = tuple(
        Place(round(float(x), 4), round(float(y), 4), label, text)
        for (x, y), label, text in zip(plane, labels, texts, strict=True)
    )
    return TextMap(
        arm, places, round(float(np.mean(same)), 4), round(pairs / max(count * (count - 1), 1), 4)
    )


def in_two_dimensions(
    vectors: Float32[np.ndarray, "texts dim"],
) -> Float[np.ndarray, "texts 2"]:
    """t-SNE from the first 50 principal components; fewer than 10 texts by PCA alone.

    Reference: van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9 (2008);
    sklearn.manifold.TSNE.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(vectors) < 2:  # one text has no components
        return np.zeros((len(vectors), 2))
    count = min(50, *vectors.shape)
    reduced = PCA(n_components=count, random_state=0).fit_transform(vectors.astype(np.float64))
    if len(vectors) < 10 or count < 2:
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2]
    start = reduced[:, :2] / max(reduced[:, 0].std(), 1e-12) * 1e-4
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    placed = TSNE(init=start, perplexity=perplexity, max_iter=500, random_state=0, n_jobs=1)
    return placed.fit_transform(reduced)
