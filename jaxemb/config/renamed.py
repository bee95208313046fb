"""Old names of parts, so that what was written before a move still loads.

A key of `RENAMED` is a part's old tag, or an old field under its part's present tag.
"""

from collections.abc import Callable

# Where a room's parts went as a whole.
_ROOMS = {
    "agreement": "study",
    "claims": "study",
    "controls": "study",
    "experiment": "study",
    "orders": "study",
    "parallel": "runtime",
    "postprocessing": "fitting",
    "task_claims": "study",
}

# Parts that left a room, by the room that they went to.
_MOVED = {
    ("experiment", "fitting"): ("Apply", "Fit"),
    ("text", "evaluation"): (
        "ClauseOrder", "CommonSynonyms", "InTurn", "Lexicon", "Paraphraser", "Restyled",
        "SynonymFile", "SynonymSubstitution", "Unchanged",
    ),
    ("tokens", "fitting"): ("Estimator", "MoreWords", "PPMISVD", "Vocabulary"),
}  # fmt: skip

# Fields that are gone, under their part's present tag, with the only value that still loads: the one
# that they had in nearly every file, which is what the part does now.
GONE: dict[str, object] = {
    "jaxemb.evaluation.Classification.penalty": 10.0,
    "jaxemb.evaluation.Perturbation.vectorizer": None,
    "jaxemb.evaluation.Paraphrased.gate": {"part": "jaxemb.evaluation.Open"},
}

# Renamed parts, `"jaxemb.pooling.Old": "jaxemb.pooling.New"`, and renamed fields,
# `"jaxemb.pooling.New.queries": "jaxemb.pooling.New.latents"`.
RENAMED: dict[str, str] = {
    "jaxemb.evaluation.WordPairFile": "jaxemb.evaluation.PairFile",
    "jaxemb.evaluation.Probe": "jaxemb.evaluation.Classification",
    "jaxemb.evaluation.LabelTable": "jaxemb.evaluation.LabelFile",
    "jaxemb.pooling.LayersSideBySide": "jaxemb.pooling.LayerConcatenation",
    "jaxemb.pooling.SideBySide": "jaxemb.pooling.Concatenation",
}
RENAMED |= {
    f"jaxemb.{old}.{name}": f"jaxemb.{new}.{name}"
    for (old, new), names in _MOVED.items()
    for name in names
}
RENAMED |= {
    f"jaxemb.evaluation.Sampled{kind}": "jaxemb.evaluation.Sampled"
    for kind in ("Bitext", "Labels", "Pairs", "Reranking", "Retrieval", "Tagging")
}


def _shared_training(data: dict) -> dict:
    return {
        "part": "jaxemb.training.Shared",
        "name": data.get("name", "train"),
        "inner": {**data, "part": "jaxemb.training.Train"},
    }


def _norms_of_their_own(data: dict) -> dict:
    """`epsilon` was that of every norm; now each norm has its own."""
    if "epsilon" not in data:
        return data
    rest = {name: value for name, value in data.items() if name != "epsilon"}
    norm = {"part": "jaxemb.nn.LayerNorm", "epsilon": data["epsilon"]}
    block = {"part": "jaxemb.nn.PostNorm", "branch_norm": norm}
    return rest | {"embedding_norm": norm, "block": block}


def _ranks_of_negatives(data: dict) -> dict:
    """`skip` was how many of the best ranked are left out."""
    if "skip" not in data:
        return data
    rest = {name: value for name, value in data.items() if name != "skip"}
    return rest | {"eligible": {"part": "jaxemb.vectors.Ranks", "first": data["skip"] + 1}}


# Parts that became something of another form, by what rewrites their JSON.
REWRITTEN: dict[str, Callable[[dict], dict]] = {
    "jaxemb.encoders.PostNormTransformer": _norms_of_their_own,
    "jaxemb.training.SharedTrain": _shared_training,
    "jaxemb.vectors.Mined": _ranks_of_negatives,
}


def rewritten(data: dict) -> dict:
    """The JSON of a part in its present form."""
    return REWRITTEN.get(data["part"], lambda same: same)(data)


def present(tag: str) -> str:
    """The tag that a part has now.

    Example:
        >>> present("jaxemb.claims.Better"), present("jaxemb.tokens.PPMISVD")
        ('jaxemb.study.Better', 'jaxemb.fitting.PPMISVD')
    """
    if tag in RENAMED:
        return RENAMED[tag]
    package, _, rest = tag.partition(".")
    room, dot, name = rest.partition(".")
    if package == "jaxemb" and dot and room in _ROOMS:
        return f"jaxemb.{_ROOMS[room]}.{name}"
    return tag
