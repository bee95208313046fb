"""Do different models see meaning vary alike along the same text?

Paper    A Comparative Study of Sentence Embedding Models for Assessing Semantic Variation,
         arXiv:2308.04625. The similarity of each sentence with the next, through whole books, and of
         every sentence with every other, are correlated between models; no labels are needed.
Claim    Trained models agree (correlation above 0.5), more than any does with an untrained one, and
         low similarity tells where a section begins.
Run      jaxemb run semantic_variation           # small: 4 models, 3,600 sentences, about 2 min
Differs  Ten manuals of Python packages in source order, sections are modules; books are no part of
         the project. Three models and an untrained one, where the paper has nine.
Found    Along the text, MiniLM agrees with the model trained here (0.68 [0.65, 0.72]) and with the
         bag (0.73), more than with an untrained one, and its low similarity tells sections apart,
         AUC 0.71 [0.68, 0.75]. Between all sentences it does not agree: 0.33 [0.29, 0.37],
         contradicted. The bag tells sections as well, 0.75, an untrained network nearly, 0.71 to 0.62.
"""

from jaxemb import (
    Above,
    Agrees,
    AgreesInStructure,
    AgreesMore,
    Experiment,
    Recipe,
    arm,
    experiment,
    recipes,
)
from jaxemb.evaluation import AdjacentSimilarity, SimilarityStructure
from jaxemb.interop import Pretrained

MINILM, TRAINED, BAG = "all-MiniLM-L6-v2", "pydocs-trained", "static-bag"


@experiment(papers=(13,))
def semantic_variation() -> Experiment:
    start = recipes.pair_retriever()
    tasks = (AdjacentSimilarity(), SimilarityStructure())
    return Experiment(
        base=Recipe(embedder=Pretrained(MINILM), evaluation=tasks),
        arms=(
            *recipes.standing_arms(),
            arm("untrained", embedder=start.embedder, stages=start.stages[:1]),
        ),
        claims=(
            Agrees("series/similarity", MINILM, TRAINED, above=0.5),
            Agrees("series/similarity", MINILM, BAG, above=0.5),
            AgreesInStructure("structure/similarity", MINILM, TRAINED, above=0.5),
            AgreesMore("series/similarity", MINILM, TRAINED, than="untrained"),
            AgreesMore("series/similarity", MINILM, BAG, than="untrained"),
            Above("series/boundary_auc", 0.5, MINILM),
        ),
        seeds=(0,),
        tuning=None,
    )
