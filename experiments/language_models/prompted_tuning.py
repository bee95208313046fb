"""Is a language model that is asked for one word also the better start for fine-tuning?

Paper    Scaling Sentence Embeddings with Large Language Models, arXiv:2307.16645. With the one-word
         prompt around every text, low-rank additions are trained on entailment triplets by InfoNCE.
Claim    Tuning by additions improves the prompted vectors, beats tuning the mean of the tokens, and is
         no worse than training all weights.
Run      jaxemb run prompted_tuning       # small: 4 arms x 3 seeds, about 6 min on 2 cores
         jaxemb run prompted_tuning --scale medium   # one GPU: all layers, 256 triplets per step
Differs  The first 6 of SmolLM2's 30 layers, too few for a prompt to say much, and 20 steps of 16
         triplets of SNLI's development and test parts; no dropout, a base in 32 bits, not 4.
Found    Not testable: of six layers the prompt makes little, .129 Spearman, and .231 tuned, below
         the static bag (.458). Contradicted: tuned, the mean of the tokens reads .551, -0.320
         [-0.639, -0.001]; all weights .415.
"""

from jaxemb import Better, Experiment, NotWorse, Recipe, arm, experiment
from jaxemb.adaptation import LoRA
from jaxemb.data import EntailmentTriplets, Pairs
from jaxemb.evaluation import STS, Sampled
from jaxemb.losses import InfoNCE
from jaxemb.pooling import LastToken
from jaxemb.study.bases import judged_sentences, language_model
from jaxemb.study.near_bag import trained
from jaxemb.study.sets import graded_sentences
from jaxemb.text import Asking
from jaxemb.training import Everything

PROMPTED = {"template": Asking(), "pooling": LastToken()}


@experiment(papers=(77,))
def prompted_tuning() -> Experiment:
    model = language_model(layers=6, max_tokens=48)
    sampled = STS(data=Sampled(inner=graded_sentences(), texts=600))
    train = trained(
        Pairs(source=judged_sentences(), view=EntailmentTriplets(), batch_size=16),
        InfoNCE(temperature=0.05),
        learning_rate=5e-4,
        steps=20,
        trains=LoRA(rank=64, alpha=16.0, targets=("encoder",)),
    )
    larger = {"embedder.layers": None, "train.data.batch_size": 256, "train.budget.steps": 100}
    whole = {"train.trains": Everything(), "train.optimizer.learning_rate": 5e-5}
    return Experiment(
        base=Recipe(embedder=model, stages=(train,), evaluation=(sampled,)),
        arms=(
            arm("additions", **PROMPTED),
            arm("untuned", {"stages": ()}, **PROMPTED),
            arm("additions,mean-over-tokens"),
            arm("all-weights", whole, **PROMPTED),
        ),
        claims=(
            Better("sts/spearman", "additions", than="untuned"),
            Better("sts/spearman", "additions", than="additions,mean-over-tokens"),
            NotWorse("sts/spearman", "additions", than="all-weights", margin=0.02),
        ),
        seeds=(0, 1, 2),
        tuning=None,
        scales={"medium": larger | {"evaluation": (STS(data=graded_sentences()),)}},
    )
