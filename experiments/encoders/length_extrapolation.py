"""Trained on short texts, which positions let an encoder read long ones?

Paper    Jina Embeddings 2, arXiv:2310.19923. A BERT whose only positions are a penalty on the scores
         that grows with the distance, both ways (ALiBi), is trained on 512 tokens and reads 8,192.
Claim    On documents that are many times as long as the texts of training, two-sided ALiBi beats
         learned positions, of which the last stands for all later ones, and rotary ones; and reading
         the whole document beats reading its beginning.
Run      jaxemb run length_extrapolation  # small: 4 arms x 3 seeds, about 7 min on 2 cores
Differs  Two layers of 128 on a fitted token table and 100 contrastive steps on first words, without
         masked language modelling; documents of 100 words and more, cut at 256 tokens: 8 times the
         length of training.
Found    Undecided against learned positions, +0.014 nDCG@10 [-0.013, 0.040] (.547 and .533);
         contradicted against rotary ones, -0.001 [-0.010, 0.008]: no positions at all do as well
         (.546). Whole documents are ahead of their beginnings by 0.051, undecided. BM25 has .728.
"""

from jaxemb import Better, BetterIn, Experiment, arm, experiment
from jaxemb.nn import ClippedLearned, LinearBias, NoPosition, Rotary
from jaxemb.study.scratch import short_texts


@experiment(papers=(2,))
def length_extrapolation() -> Experiment:
    return Experiment(
        base=short_texts(words=24, max_tokens=256, least=100, steps=100),
        arms=(
            arm("linear-bias", position=LinearBias()),
            arm("learned", position=ClippedLearned(max_tokens=32)),
            arm("rotary", position=Rotary()),
            arm("no-position", position=NoPosition()),
        ),
        claims=(
            Better("retrieval/ndcg@10", "linear-bias", than="learned"),
            Better("retrieval/ndcg@10", "linear-bias", than="rotary"),
            BetterIn("retrieval/ndcg@10", "linear-bias", than_metric="retrieval-short/ndcg@10"),
        ),
        seeds=(0, 1, 2),
        tuning=None,
    )
