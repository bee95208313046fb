"""Can one model serve every depth and every dimension?

Paper    2D Matryoshka Sentence Embeddings, arXiv:2402.14776. Each step trains the last layer and one
         random shallower layer, at full and at one random width, and pulls the shallow layer's
         vector towards the last one's.
Claim    Cut to half its layers and a quarter of its dimensions, it beats a model trained for
         dimensions only; whole, it is no worse; and cut, it beats a small model trained alone.
Run      jaxemb run matryoshka_2d                # small: 3 arms x 5 seeds, about 11 min on 2 cores
Differs  4 layers of 128 and InfoNCE on pydocs pairs, where the paper tunes BERT with AnglE on NLI.
Found    Cut, its lead over the model trained for dimensions is undecided, +0.018 Spearman [-0.013,
         0.048] and +0.011 nDCG@10 [-0.002, 0.024]. The other claims are not testable: after 60 steps
         from scratch no arm of theirs reaches the static bag (.330 to .356, the bag .396). Four layers
         are behind two even when trained for dimensions only (.342, .356), so depth has no advantage
         here for the cut to keep. BM25 is ahead of every arm.
"""

from jaxemb import Better, Experiment, NotWorse, Tuning, arm, experiment, recipes
from jaxemb.losses import InfoNCE, LayerWise, Matryoshka, SampledDimension

DIMS = (16, 32, 64, 128)


@experiment(papers=(43,))
def matryoshka_2d() -> Experiment:
    both = LayerWise(inner=SampledDimension(inner=InfoNCE(), dims=DIMS[:-1]))
    return Experiment(
        base=recipes.elastic_retriever(layers=4, steps=60),
        arms=(
            arm("dimensions", loss=Matryoshka(inner=InfoNCE(), dims=DIMS)),
            arm("dimensions-layers", loss=both),
            arm("small-alone", {"encoder.layers": 2}, loss=Matryoshka(inner=InfoNCE(), dims=DIMS)),
        ),
        claims=(
            Better("sts@layers=2,dim=32/spearman", "dimensions-layers", than="dimensions"),
            Better("retrieval@layers=2,dim=32/ndcg@10", "dimensions-layers", than="dimensions"),
            NotWorse("retrieval/ndcg@10", "dimensions-layers", than="dimensions"),
            Better("retrieval@layers=2,dim=128/ndcg@10", "dimensions-layers", than="small-alone"),
        ),
        tuning=Tuning(learning_rates=(3e-4, 1e-3, 3e-3)),
    )
