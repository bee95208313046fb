"""How much of a score is left when every text is said in other words?

Paper    PTEB: Towards Robust Text Embedding Evaluation via Stochastic Paraphrasing at Evaluation
         Time with LLMs, arXiv:2510.06730. Every text of a task is paraphrased at run time, five
         times over; mean, spread and drop stand beside the score of the original.
Claim    Scores fall under rewording that keeps the meaning; small models do not suffer more.
Run      jaxemb run paraphrase_robustness        # small: 3 arms, about 2 min on 2 cores
Differs  Rules instead of a language model: synonyms from a table made by hand, and clause order; and
         a grammar whose sentences mean exactly the same. No gate; the judge is all-MiniLM-L6-v2, on
         summaries only. Prompts on both sides are a sibling probe, not the paper's.
Found    Synonyms and clause order cost MiniLM 0.001 [-0.013, 0.015] nDCG@10, undecided, and no
         Spearman, -0.004 [-0.013, 0.004], contradicted; the model trained here 0.023 [0.005, 0.042],
         undecided: the rules say little anew. Where a grammar says all of it anew, MiniLM loses 0.19,
         the trained model 0.49, the bag 0.45 and BM25 0.42.
"""

from jaxemb import Above, Experiment, NotWorse, Recipe, experiment, recipes
from jaxemb.evaluation import (
    STS,
    CosineJudge,
    MeaningRetrieval,
    Paraphrased,
    Prompted,
    PyDocsGrades,
    PyDocsRetrieval,
    Restyled,
    Retrieval,
)
from jaxemb.text import Template

PROMPTS = ("", "query: ", "Represent this sentence: ", "Documentation of Python. ")


@experiment(papers=(17,))
def paraphrase_robustness() -> Experiment:
    retrieval = Retrieval(data=PyDocsRetrieval(queries=300, documents=500))
    sts = STS(data=PyDocsGrades(pairs=1000))
    meanings = Retrieval(name="meanings", data=MeaningRetrieval(documents=300))
    return Experiment(
        base=Recipe(
            embedder=None,
            evaluation=(
                Paraphrased(inner=retrieval),
                Paraphrased(inner=sts, judge=CosineJudge()),
                Paraphrased(inner=meanings, paraphraser=Restyled()),
                Prompted(inner=sts, templates=tuple(Template(query=p) for p in PROMPTS)),
            ),
        ),
        arms=recipes.standing_arms(),
        claims=(
            Above("retrieval@paraphrased/ndcg@10.drop", 0.0, "all-MiniLM-L6-v2"),
            Above("sts@paraphrased/spearman.drop", 0.0, "all-MiniLM-L6-v2"),
            Above("retrieval@paraphrased/ndcg@10.drop", 0.0, "pydocs-trained"),
            Above("meanings@paraphrased/ndcg@10.drop", 0.1, "static-bag"),
            NotWorse("retrieval@paraphrased/ndcg@10.drop", "all-MiniLM-L6-v2", "pydocs-trained"),
        ),
        seeds=(0,),
    )
