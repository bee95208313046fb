"""How do mask, pooling, dimensions and layers trade against one another?

Explores 2 masks x 3 poolings. Every cell is trained once by a loss that serves each dimension and
each layer, so that quality against size is read off one model per cell instead of one per size. What
the base learns from shuffled pairs stands among the controls.

Run      jaxemb run pooling_attention_grid       # small: 6 arms x 2 seeds, about 9 min on 2 cores
Found    Trained on shuffled pairs the base falls to 0.03 nDCG@10, where untrained it has 0.21 and its
         cells reach 0.33 to 0.39. After 80 steps no cell is above the static bag, 0.40; BM25 has 0.56.
         Reading by latents is ahead of the mean, the last token behind both; two seeds judge nothing.
"""

from jaxemb import Experiment, experiment, grid, recipes
from jaxemb.nn import Bidirectional, Causal
from jaxemb.pooling import LastToken, LatentOverTokens, Mean
from jaxemb.study.controls import BM25, RandomVectors, ShuffledPairs, StaticBag, Untrained


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
