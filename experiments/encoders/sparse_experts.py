"""Do experts grown from a dense layer beat a dense model with the same active parameters?

Paper    Training Sparse Mixture Of Experts Text Embedding Models, arXiv:2502.07972. Every second
         feed-forward layer of a trained encoder becomes eight copies with a router that sends each
         token to two of them; a balancing term keeps all of them in use.
Claim    Two of four experts beat two of two, which are the same active parameters and hold all of
         them; and they beat the dense model. Weights that do not sum to 1 shrink the layer that was
         copied: it costs quality.
Run      jaxemb run sparse_experts               # small: 4 arms x 3 seeds, about 7 min on 2 cores
Differs  The second of the first two layers of all-MiniLM-L6-v2, four experts, and 40 steps on
         documentation of Python (one stage, in-batch negatives), where the paper trains 12 layers with
         eight experts on 1.6 billion pairs and then on hard negatives.
Found    Contradicted: two of four experts are level with two of two, -0.001 nDCG@10 [-0.005, 0.003],
         with the dense model, -0.001 [-0.005, 0.003], and with the shrunk branch, +0.001 [-0.005,
         0.006], whose scale 40 steps make up for. Copies that are trained for 40 steps are still
         nearly copies: whether experts pay in the long run is not answered here. All arms are just
         above the static bag (.273, .266).
"""

import dataclasses

from jaxemb import Better, Experiment, Pretrained, arm, experiment, recipes
from jaxemb.adaptation import Upcycled
from jaxemb.losses import InfoNCE, RouterBalance, Sum
from jaxemb.nn import TopExperts

DENSE = Pretrained("all-MiniLM-L6-v2", layers=2, max_tokens=32)
BALANCED = Sum(
    losses=(InfoNCE(temperature=0.05), RouterBalance(column="query"), RouterBalance(column="positive")),
    weights=(1.0, 0.1, 0.1),
)  # fmt: skip


@experiment(papers=(76,))
def sparse_experts() -> Experiment:
    base = recipes.fine_tuned(DENSE.name, steps=40, learning_rate=1e-4)
    return Experiment(
        base=dataclasses.replace(base, embedder=DENSE),
        arms=(
            arm("dense"),
            arm("two-of-two", embedder=Upcycled(of=DENSE, experts=2), loss=BALANCED),
            arm("two-of-four", embedder=Upcycled(of=DENSE, experts=4), loss=BALANCED),
            arm(
                "two-of-four-shrunk",
                embedder=Upcycled(of=DENSE, experts=4, routing=TopExperts()),
                loss=BALANCED,
            ),
        ),
        claims=(
            Better("retrieval/ndcg@10", "two-of-four", than="two-of-two"),
            Better("retrieval/ndcg@10", "two-of-four", than="dense"),
            Better("retrieval/ndcg@10", "two-of-four", than="two-of-four-shrunk"),
        ),
        seeds=(0, 1, 2),
        tuning=None,
    )
