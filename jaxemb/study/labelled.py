"""The base of experiments about encoders that learn to tell the classes of texts."""

from jaxemb.data import Joined, Labels, Pairs, PyDocs, TextFile, Texts, at_hand
from jaxemb.encoders import Encoder
from jaxemb.evaluation import Classification
from jaxemb.fitting import PPMISVD, Fit, Vocabulary
from jaxemb.heads import Linear
from jaxemb.losses import Classification as ClassificationLoss
from jaxemb.model import Embedder
from jaxemb.pooling import Pooling
from jaxemb.study.entailment import plain_texts
from jaxemb.study.recipe import Recipe
from jaxemb.study.sets import labelled_texts
from jaxemb.text import Words
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Steps, Train

_BANKING = "banking77"


def text_classifier(encoder: Encoder, pooling: Pooling, *, steps: int) -> Recipe:
    """A network whose vector is the logits of BANKING77's 77 intents, over tuned word vectors.

    Where the set is not at hand, the packages of pydocs are told apart.
    """
    source = at_hand(TextFile, f"classification/{_BANKING}.tsv.gz", otherwise=PyDocs())
    field = "package" if source == PyDocs() else "label"
    fields = ("text", "summary", "body")
    words = plain_texts()
    texts = Texts(source=Joined(sources=(source, words.source)), fields=words.fields)
    return Recipe(
        embedder=Embedder(
            text=Words(vocabulary=16384, max_tokens=32, query_tokens=32),
            tokens=TokenTable(),
            encoder=encoder,
            pooling=pooling,
            head=Linear(dim=77),
        ),
        stages=(
            Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
            Fit(name="table", estimator=PPMISVD(rarity=1e-2), data=texts),
            Train(
                name="train",
                data=Pairs(source=source, view=Labels(field=field, fields=fields), batch_size=64),
                loss=ClassificationLoss(),
                optimizer=AdamW(learning_rate=3e-3),
                budget=Steps(steps=steps),
            ),
        ),
        evaluation=(Classification(name="banking", data=labelled_texts(_BANKING)),),
    )
