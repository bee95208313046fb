"""How do mask, pooling, dimensions and layers trade against one another?

Explores 2 masks x 3 poolings. Every cell is trained once by a loss that serves each dimension and
each layer, so that quality against size is read off one model a cell instead of a model a size. What
the base learns from shuffled pairs stands among the controls.

Run      jaxemb run pooling_attention_grid       # small: 6 arms x 2 seeds, about 7 min on 2 cores
"""

from jaxemb import Experiment, experiment, grid, recipes
from jaxemb.controls import BM25, RandomVectors, ShuffledPairs, StaticBag, Untrained
from jaxemb.nn import Bidirectional, Causal
from jaxemb.pooling import LastToken, LatentOverTokens, Mean


@experiment(papers=())
def pooling_attention_grid() -> Experiment:
    return Experiment(
        base=recipes.elastic_retriever(layers=2, steps=80),
        arms=grid(
            mask=(Bidirectional(), Causal()),
            pooling=(Mean(), LastToken(), LatentOverTokens()),
        ),
        controls=(BM25(), RandomVectors(), Untrained(), StaticBag(), ShuffledPairs()),
        seeds=(0, 1),
        tuning=None,
    )
