"""What do frozen sentence vectors know, and is one encoder best at everything?

Paper    Evaluation of sentence embeddings in downstream and linguistic probing tasks,
         arXiv:1806.06259. Classifiers on frozen vectors: ten probes of form, and downstream tasks.
Claim    No encoder is best everywhere: the bag tells words best, a network their order; power means
         beside the mean help; and what was trained for meaning leads where meaning is asked for.
Run      jaxemb run probing                      # small: 7 arms, about 5 min on 2 cores
Differs  Probes are made from pydocs sentences and a small grammar, with held-out words; downstream
         tasks are pydocs packages, links and grades. Widths differ: see all-MiniLM-L6-v2,dim=128.
Found    Undecided: bag and all-MiniLM-L6-v2 tell words and grades about equally well (0.603 and
         0.641, 0.650 and 0.636), order hardly (0.544). Its first 2 layers know far more of form:
         content 0.897, shift 0.651. Power means beat the mean in length, +0.072 [0.033, 0.112]; the
         bag is at chance in order, 0.501.
"""

import dataclasses

from jaxemb import Below, Better, Experiment, arm, experiment, recipes
from jaxemb.evaluation import Classification, GradedProbe, PairProbe, PyDocsLabels, probing_tasks
from jaxemb.fitting import Apply, Slice
from jaxemb.interop import Pretrained
from jaxemb.pooling import Concatenation, LayerConcatenation, Max, Mean, Min, PowerMean

TASKS = (*probing_tasks(train=1500, texts=1000),
         Classification(data=PyDocsLabels(text="summary")), PairProbe(), GradedProbe())  # fmt: skip
POWERS = Concatenation(poolings=(Mean(), Min(), Max(), PowerMean(power=3)))


@experiment(papers=(60,))
def probing() -> Experiment:
    minilm, trained, _ = recipes.standing_arms()
    return Experiment(
        base=dataclasses.replace(recipes.static_bag(), evaluation=TASKS),
        arms=(
            minilm,
            trained,
            arm("static-bag"),
            arm("power-means", pooling=POWERS),
            arm(
                "untrained-layers",
                {"embedder": recipes.pair_retriever().embedder},
                pooling=LayerConcatenation(layers=3),
            ),
            arm("all-MiniLM-L6-v2,layers=2", embedder=Pretrained(minilm.name, layers=2), stages=()),
            arm(
                "all-MiniLM-L6-v2,dim=128",
                embedder=Pretrained(minilm.name),
                stages=(Apply(transform=Slice(dim=128)),),
            ),
        ),
        claims=(
            Better("word_content/accuracy", "static-bag", than="all-MiniLM-L6-v2"),
            Better("bigram_shift/accuracy", "all-MiniLM-L6-v2", than="static-bag"),
            Below("bigram_shift/accuracy", 0.55, "static-bag"),
            Better("sentence_length/accuracy", "power-means", than="static-bag"),
            Better("graded_probe/spearman", "all-MiniLM-L6-v2", than="static-bag"),
        ),
        seeds=(0,),
        tuning=None,
    )
