"""How hard may a mined negative be before it is likely to be an answer?

Paper    Arctic-Embed: Scalable, Efficient, and Accurate Text Embedding Models, arXiv:2405.05374.
         Pretraining batches are of one source each; then each query's own list of mined negatives,
         the hardest whose score stays below a ceiling.
Claim    A ceiling between the extremes beats both: no ceiling lets in answers that nobody marked, a
         low one only easy texts. Batches of one source beat mixed ones.
Run      jaxemb run negative_ceiling      # small: 6 arms x 5 seeds, about 3 min on 2 cores
Differs  A trained bag of words on four kinds of pairs of pydocs, whose own pretrained state ranks the
         candidates, where the paper pretrains BERT on 300 million pairs and mines with a stronger
         model. No synthetic queries, no ceiling that rises.
Found    Contradicted: ceilings of .6 and none are level, +0.001 nDCG@10 [-0.001, 0.003], and so is
         .4; negatives of any kind add +0.004 [0.002, 0.007] to pretraining (.427). Batches of one
         source are level with mixed ones, +0.001 [-0.005, 0.007].
"""

import dataclasses

from jaxemb import Better, Experiment, arm, experiment, recipes
from jaxemb.data import Pairs, Shuffled, Stratified
from jaxemb.losses import InfoNCE, QueryToOwnDocuments
from jaxemb.study.sets import kinds_of_pairs
from jaxemb.vectors import BelowScore, MinedOnce

CEILINGS = (0.4, 0.6, 0.8, 1.01)


def mined(ceiling: float) -> MinedOnce:
    """Seven negatives of each query, the hardest below a score."""
    return MinedOnce(inner=Pairs(), count=7, eligible=BelowScore(ceiling=ceiling))


@experiment(papers=(94,))
def negative_ceiling() -> Experiment:
    base = recipes.refined_bag(then=50)
    *fitted, pretrain, train = base.stages
    sources = dataclasses.replace(pretrain, data=Pairs(view=kinds_of_pairs(), order=Stratified()))
    mixed = dataclasses.replace(pretrain, data=Pairs(view=kinds_of_pairs(), order=Shuffled()))
    own = InfoNCE(temperature=0.05, blocks=(QueryToOwnDocuments(),))
    train = dataclasses.replace(train, data=mined(0.6), loss=own)
    return Experiment(
        base=dataclasses.replace(base, stages=(*fitted, sources, train)),
        arms=(
            arm("pretrained", stages=(*fitted, sources)),
            arm("pretrained,mixed", stages=(*fitted, mixed)),
            *(arm(f"ceiling={c}", {"train.data": mined(c)}) for c in CEILINGS),
        ),
        claims=(
            Better("retrieval/ndcg@10", "ceiling=0.6", than="ceiling=1.01"),
            Better("retrieval/ndcg@10", "ceiling=0.6", than="ceiling=0.4"),
            Better("retrieval/ndcg@10", "ceiling=0.6", than="pretrained"),
            Better("retrieval/ndcg@10", "pretrained", than="pretrained,mixed"),
        ),
        tuning=None,
    )
