"""Should hard pairs count more as training goes on, also where some pairs are wrong?

Paper    Towards Robust Text Retrieval with Progressive Learning, arXiv:2311.11691. In a very large
         batch the weight of a sample moves from uniform to that of its difficulty.
Claim    Progressive weighting with many negatives beats uniform InfoNCE; it does in small batches
         and with a fifth of the pairs wrong, too.
Run      jaxemb run progressive_weighting # small: 6 arms x 5 seeds, about 3 min on 2 cores
Differs  A trained bag of words on pydocs pairs, batches of 64 and 512 without mined negatives, where
         the paper trains BERT-large with 80,000 negatives. The paper does not print its weight; here
         it is a softmax of the row's own loss, gain 0 to 1 over the run, at most ten times the mean.
Found    Contradicted: in large batches -0.002 nDCG@10 [-0.007, 0.002] (.495 and .497), in small
         ones -0.014 [-0.022, -0.007], with wrong pairs -0.020 [-0.029, -0.012]: the weights find
         the wrong ones. Large batches help, +0.056 [0.035, 0.076].
"""

from jaxemb import Better, Experiment, Tuning, arm, experiment, recipes
from jaxemb.data import NoisyPairs
from jaxemb.losses import InfoNCE, Progressive

STEPS = 150
NOISY = NoisyPairs(share=0.2)
PROGRESSIVE = Progressive(inner=InfoNCE(temperature=0.05), start=0.0, end=1.0, steps=STEPS)


@experiment(papers=(65,))
def progressive_weighting() -> Experiment:
    return Experiment(
        base=recipes.static_retriever(steps=STEPS, batch_size=512),
        arms=(
            arm("uniform"),
            arm("progressive", loss=PROGRESSIVE),
            arm("uniform,batch=64", {"train.data.batch_size": 64}),
            arm("progressive,batch=64", {"train.data.batch_size": 64}, loss=PROGRESSIVE),
            arm("uniform,noise", {"train.data.view": NOISY}),
            arm("progressive,noise", {"train.data.view": NOISY}, loss=PROGRESSIVE),
        ),
        claims=(
            Better("retrieval/ndcg@10", "progressive", than="uniform"),
            Better("retrieval/ndcg@10", "progressive,batch=64", than="uniform,batch=64"),
            Better("retrieval/ndcg@10", "progressive,noise", than="uniform,noise"),
            Better("retrieval/ndcg@10", "progressive", than="progressive,batch=64"),
            Better("retrieval/ndcg@10", "uniform", than="uniform,noise"),
        ),
        tuning=Tuning(learning_rates=(1e-2, 3e-2), fraction=0.5),
    )
