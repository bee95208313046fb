"""Which combinations of documents can one vector per text return?

Paper    On the Theoretical Limitations of Embedding-Based Retrieval, arXiv:2508.21038. LIMIT asks
         "Who likes X?" over people and what they like; two documents answer each query. Only which
         documents are asked for together differs between patterns.
Claim    Single-vector models fail where every pair of documents is asked for (dense), which is far
         harder for them than random, chained or disjoint pairs; word matching solves them all.
Run      jaxemb run embedding_limits             # small: 3 models, 5 sets, about 3 min on 2 cores
Differs  400 documents and 190 queries per pattern (limit: 46 and 1,000, as LIMIT's small set), likes
         are frequent words of Python's documentation, the same ones under every pattern; models of
         128 and 384 dimensions. Dense queries are answered by 20 documents, which a model could
         find without telling them apart, so patterns are compared in the first 10.
Found    All vectors fail and BM25 does not: recall@10 of MiniLM 0.19 on dense, recall@2 0.14 on limit,
         of BM25 1.00. That dense is harder is undecided: the other patterns lie within 0.03 of it.
         One vector for a list of twenty words loses the single word under every pattern, before
         combinations matter.
"""

from jaxemb import Below, BetterIn, Experiment, Recipe, experiment, recipes
from jaxemb.evaluation import (
    At,
    AttributeSearch,
    CycleSets,
    DenseSets,
    DisjointSets,
    RandomSets,
    Recall,
)
from jaxemb.interop import Pretrained

PATTERNS = {
    "dense": DenseSets(), "random": RandomSets(), "cycle": CycleSets(), "disjoint": DisjointSets(),
}  # fmt: skip
MINILM = "all-MiniLM-L6-v2"


@experiment(papers=(95,))
def embedding_limits() -> Experiment:
    size = {"queries": 190, "documents": 400, "attributes": 20}
    patterns = tuple(
        Recall(name=name, data=AttributeSearch(pattern=pattern, **size))
        for name, pattern in PATTERNS.items()
    )
    cuts = tuple(At(inner=patterns[0], dim=dim) for dim in (8, 16, 32, 64, 128))
    limit = Recall(name="limit", data=AttributeSearch(queries=1000, documents=46, attributes=46))
    return Experiment(
        base=Recipe(embedder=Pretrained(MINILM), evaluation=(*patterns, limit, *cuts)),
        arms=recipes.reading(recipes.standing_arms(), max_tokens=256),
        claims=(
            Below("limit/recall@2", 0.9, MINILM),
            Below("dense/recall@10", 0.5, MINILM),
            *(BetterIn(f"{name}/recall@10", MINILM, than_metric="dense/recall@10")
              for name in ("random", "cycle", "disjoint")),
            BetterIn("disjoint/recall@10", "pydocs-trained", than_metric="dense/recall@10"),
        ),
        seeds=(0,),
        tuning=None,
    )  # fmt: skip
