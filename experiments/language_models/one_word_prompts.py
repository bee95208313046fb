"""Does asking for one word, and showing one example of it, make a language model embed better?

Paper    Scaling Sentence Embeddings with Large Language Models, arXiv:2307.16645. The state that would
         begin the answer to "This sentence means in one word" is a sentence's vector; one
         demonstration, chosen among many on a development set, stands before it.
Claim    The one-word prompt beats the mean of the tokens and the plain last token in similarity, and
         a demonstration beats the prompt without one.
Run      jaxemb run one_word_prompts      # small: 4 arms, about 3 min on 2 cores
Differs  SmolLM2 of 135M parameters, its first 28 of 30 layers, where the paper goes from 125M to 66B;
         five demonstrations to choose from on 50 pairs, where the paper has 300; 120 pairs of STS-B.
         Every demonstration is read anew with every text: no states of the shared prefix are kept.
Found    Supported for the prompt: .710 Spearman, mean of the tokens .565, +0.145 [0.058, 0.231],
         last token .196. Undecided whether a demonstration adds to it, +0.007 [-0.026, 0.041].
"""

from jaxemb import Better, ChooseTemplate, Experiment, Recipe, arm, experiment
from jaxemb.evaluation import STS, PyDocsGrades, Sampled
from jaxemb.losses import Dot
from jaxemb.pooling import LastToken
from jaxemb.study.bases import language_model
from jaxemb.study.sets import graded_sentences
from jaxemb.text import Asking, Demonstration

POOL = {
    "A jockey riding a horse.": "Equestrian",
    "meat from a deer.": "Venison",
    "Stocks fell sharply on Monday.": "Decline",
    "a person who bakes bread.": "Baker",
    "Two dogs run through the snow.": "Winter",
}


@experiment(papers=(77,))
def one_word_prompts() -> Experiment:
    model = language_model(layers=28, max_tokens=192)
    pairs = graded_sentences(otherwise=PyDocsGrades(pairs=240))
    shown = tuple(
        Asking(demonstrations=(Demonstration(sentence=sentence, word=word),))
        for sentence, word in POOL.items()
    )
    choose = ChooseTemplate(templates=shown, task=STS(data=Sampled(inner=pairs, texts=100)))
    asked = {"pooling": LastToken(), "similarity": Dot()}  # as in task_prompts: vectors are shared
    return Experiment(
        base=Recipe(embedder=model, evaluation=(STS(data=Sampled(inner=pairs, texts=240)),)),
        arms=(
            arm("one-word", template=Asking(), **asked),
            arm("one-demonstration", {"stages": (choose,)}, template=Asking(), **asked),
            arm("last-token", **asked),
            arm("mean-over-tokens"),
        ),
        claims=(
            Better("sts/spearman", "one-demonstration", than="one-word"),
            Better("sts/spearman", "one-word", than="mean-over-tokens"),
            Better("sts/spearman", "one-word", than="last-token"),
        ),
        seeds=(0,),
        tuning=None,
        margin=0.02,
    )
