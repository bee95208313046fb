"""Does asking a language model several questions about a text embed it better than asking one?

Paper    Meta-Task Prompting Elicits Embeddings from Large Language Models, arXiv:2402.18458. A text
         is put in templates that each ask for one word, its topic, its feeling, its meaning, its
         fact, and the states that would begin the answers are averaged.
Claim    The mean over prompts is better in similarity than any single prompt and than the mean of
         the tokens, without training.
Run      jaxemb run task_prompts                 # small: 7 arms, about 10 min on 2 cores
Differs  SmolLM2 of 135M parameters, its first 28 of 30 layers, where the paper has models of 7B; four
         of the eight prompts; 120 pairs of STS-B, because a word costs this processor milliseconds.
Found    Undecided: .714 Spearman, one word's prompt .710, +0.004 [-0.042, 0.051]; of the four prompts
         the one about opinions has .716, the others .690 to .692. Beyond doubt is that to ask is better
         than the mean of the tokens, .565: +0.149 [0.053, 0.245]. The static bag has .517.
"""

from jaxemb import Better, Experiment, Recipe, arm, experiment
from jaxemb.evaluation import STS, PyDocsGrades, Sampled
from jaxemb.losses import Dot
from jaxemb.pooling import LastToken
from jaxemb.study.bases import language_model
from jaxemb.study.sets import graded_sentences
from jaxemb.text import TASK_PROMPTS, Asking, PromptEnsemble

ASKED = ("emotion", "fact", "opinion", "synonym")


@experiment(papers=(62,))
def task_prompts() -> Experiment:
    model = language_model(layers=28, max_tokens=192)
    pairs = graded_sentences(otherwise=PyDocsGrades(pairs=240))
    ensemble = PromptEnsemble(templates=tuple(TASK_PROMPTS[name] for name in ASKED))
    prompts = {"mean-over-prompts": ensemble, "one-word": Asking()}
    prompts |= {name: TASK_PROMPTS[name] for name in ASKED}
    # By dot product, so that each prompt's vectors are kept as they are and serve the mean as well.
    return Experiment(
        base=Recipe(
            embedder=model, evaluation=(STS(data=Sampled(inner=pairs, texts=240)),)
        ),
        arms=(
            *(arm(name, template=template, pooling=LastToken(), similarity=Dot())
              for name, template in prompts.items()),
            arm("mean-over-tokens"),
        ),
        claims=(
            *(Better("sts/spearman", "mean-over-prompts", than=name)
              for name in ("one-word", *ASKED, "mean-over-tokens")),
            Better("sts/spearman", "one-word", than="mean-over-tokens"),
        ),
        seeds=(0,),
        tuning=None,
        margin=0.02,
    )  # fmt: skip
