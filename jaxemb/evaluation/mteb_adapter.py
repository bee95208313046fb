"""A model as the mteb package wants one, so that its benchmarks run on it.

mteb is imported where it is used (`pip install "jaxemb[mteb]"`); it brings torch with it, and loads
its data sets from the network or from its own cache.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb import __version__
from jaxemb.config import UsageError
from jaxemb.interop import load
from jaxemb.losses import Cosine, Dot, Euclidean, Manhattan, Similarity, SparseDot
from jaxemb.model import Embedding, Model
from jaxemb.retrieval import all_scores
from jaxemb.vectors.cache import Embed, of_kind

Vectors = Float32[np.ndarray, "*texts width"]


class MTEBEncoder:
    """Satisfies mteb's `EncoderProtocol` around a model.

    Queries take the template's prefix for `query`, documents that for `document`, of the type of the
    task where the template tells types apart (`TaskTemplate`). Tasks that are not
    searches give no side: their texts take `role`, which should be the one that jaxemb's own tasks
    of that kind use: `query` for STS and pairs, `document` for classification and clustering.

    Args:
        model: a `Model`, or the name or folder of one, as mteb's command line gives it.
        revision: what its results are filed under; by default the start of the hash of its weights.
        device: not used: JAX has chosen one.
        name: `organisation/model`, by default `jaxemb/` and the folder's name.
        max_tokens: cut texts here where the model would take longer ones.
        embed: embeds in the model's place, such as an `EmbeddingStore` over it.
        roles: role by type of task ("STS", "Classification", ...), for texts without a side.

    Example:
        >>> import mteb                                                  # doctest: +SKIP
        >>> encoder = MTEBEncoder(jaxemb.load("my-model"))               # doctest: +SKIP
        >>> mteb.evaluate(encoder, mteb.get_tasks(tasks=["STSBenchmark"]))  # doctest: +SKIP

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).
    """

    def __init__(
        self,
        model: Model | str,
        revision: str | None = None,
        *,
        device: str | None = None,
        name: str | None = None,
        max_tokens: int | None = None,
        embed: Embed | None = None,
        roles: tuple[tuple[str, str], ...] = (),
        **more: Any,
    ):
        self._model = load(model) if isinstance(model, str) else model
        stem = model.rstrip("/").rpartition("/")[2] if isinstance(model, str) else "model"
        self._name = name or f"jaxemb/{stem}"
        self._revision = revision or self._model.fingerprint()[:16]
        self._max_tokens = max_tokens
        self._embed = embed or Embedding(self._model, max_tokens=max_tokens)
        self._roles = {**ROLES, **dict(roles)}

    def encode(
        self,
        inputs: Iterable[dict[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> Vectors:
        """Vectors `[texts, dim]` of all texts of the batches, in their order.

        Raises:
            UsageError: the inputs are no texts.
        """
        texts = [text for batch in inputs for text in _texts(batch)]
        embed = of_kind(self._embed, _kind(task_metadata.type))
        return np.asarray(embed(texts, self._role(task_metadata, prompt_type)))

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Every row of one with every row of the other as the model compares them, `[first, second]`.

        Two single vectors give one number.
        """
        first, second = (np.asarray(e, np.float32) for e in (embeddings1, embeddings2))
        scores = all_scores(self._compared, np.atleast_2d(first), np.atleast_2d(second))
        return scores[0, 0] if first.ndim == second.ndim == 1 else scores

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Row i with row i, as the model compares them."""
        both = (np.atleast_2d(np.asarray(e, np.float32)) for e in (embeddings1, embeddings2))
        first, second = both
        return np.asarray(self._compared.paired(first, second[:, None]))[:, 0]

    @property
    def _compared(self) -> Similarity:
        """By cosine where what embeds does not say."""
        return getattr(self._embed, "similarity", Cosine())

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb files beside the results; the settings of the model are in `experiment_kwargs`."""
        try:
            from mteb.models.model_meta import ModelMeta, ScoringFunction
        except ImportError as error:
            raise UsageError('mteb is not installed: pip install "jaxemb[mteb]"') from error
        text = self._model.embedder.text
        return ModelMeta.create_empty(
            overwrites={
                "name": self._name,
                "revision": self._revision,
                "embed_dim": self._model.dim,
                "max_tokens": min(text.max_tokens, self._max_tokens or text.max_tokens),
                "framework": ["JAX"],
                "similarity_fn_name": _name(self._compared, ScoringFunction),
                "modalities": ["text"],
                "experiment_kwargs": {
                    "jaxemb": __version__,
                    **{f"{role}_prompt": p for role, p in text.template.prompts.items()},
                },
            }
        )

    def _role(self, metadata: Any, prompt_type: Any) -> str:
        if prompt_type is None:
            return self._roles.get(metadata.type, "document")
        side = str(getattr(prompt_type, "value", prompt_type))
        return "query" if side == "query" else "document"


def _name(similarity: Similarity, names: Any) -> Any:
    """What mteb calls a similarity, of its own `names`."""
    known = {
        Cosine: names.COSINE,
        Dot: names.DOT_PRODUCT,
        SparseDot: names.DOT_PRODUCT,
        Euclidean: names.EUCLIDEAN,
        Manhattan: names.MANHATTAN,
    }
    return known.get(type(similarity), names.CUSTOM)


ROLES = {"STS": "query", "PairClassification": "query", "Summarization": "query"}
"""Role of the texts of a task that names no side, where it is not `document`."""


def _kind(name: str) -> str:
    """What `Task.kind` calls a type of task of mteb's."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return {"multilabel_classification": "multi_label_classification"}.get(words, words)


def _texts(batch: dict[str, Any]) -> Sequence[str]:
    if "text" not in batch:
        raise UsageError(f"jaxemb embeds text, and mteb gives {', '.join(batch)} here")
    return batch["text"]
