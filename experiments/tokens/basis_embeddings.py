"""Can a function of a token's number stand in for a table of token vectors?

Paper    Parameter-Efficient Transformer Embeddings, arXiv:2505.02266. A token's vector is a Fourier
         series of its id, which is its rank by frequency, and a small network of it; the encoder and
         the loss are those of the table that it is compared with.
Claim    On STS-B it is at most 0.03 behind the table (2 points in the paper, at one layer), it needs
         the order of the ids, and it is better than fixed random numbers of each id.
Run      jaxemb run basis_embeddings      # small: 4 arms x 5 seeds, about 4 min on 2 cores
Differs  One layer of 128 and 120 steps on 5,300 pairs of SNLI's dev and test parts, where the paper
         takes 122,700 steps on all of SNLI and MNLI; 8,192 words
         instead of 30,522 pieces; judged on the 5,749 pairs that STS-B gives for training, since its
         test has too few for so few seeds.
Found    Supported on STS-B: Fourier .504, table .478, +0.026 [0.002, 0.049] where -0.03 was
         allowed. Undecided on SICK (.543 and .592), whether the order of the ids matters, +0.030
         [0.000, 0.060], and against random numbers, +0.018 [-0.020, 0.055]: the gain may be one of
         fewer parameters.
"""

from jaxemb import Better, Experiment, NotWorse, Tuning, arm, experiment
from jaxemb.study.scratch import implied_pairs, modern_layers
from jaxemb.tokens import BasisEmbedding, Fourier, PermutedIds, RandomFeatures


@experiment(papers=(119,))
def basis_embeddings() -> Experiment:
    return Experiment(
        base=implied_pairs(modern_layers(layers=1, width=128), steps=120),
        arms=(
            arm("table"),
            arm("fourier", tokens=BasisEmbedding()),
            arm("fourier-permuted", tokens=BasisEmbedding(basis=PermutedIds(inner=Fourier()))),
            arm("random-numbers", tokens=BasisEmbedding(basis=RandomFeatures())),
        ),
        claims=(
            NotWorse("sts/spearman", "fourier", than="table", margin=0.03),
            NotWorse("sick/spearman", "fourier", than="table", margin=0.03),
            Better("sts/spearman", "fourier", than="fourier-permuted"),
            Better("sts/spearman", "fourier", than="random-numbers"),
        ),
        tuning=Tuning(learning_rates=(1e-3, 3e-3), metrics=("sts/spearman",)),
    )
