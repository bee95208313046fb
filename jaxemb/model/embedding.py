"""A model as tasks call it."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxemb.losses import Cosine, Dot, Similarity
from jaxemb.model.batches import Report
from jaxemb.model.model import Model
from jaxemb.statistics.similarities import unit_rows
from jaxemb.text import Chunked, Template


@dataclasses.dataclass(frozen=True)
class Embedding:
    """The function `embed(texts, role)` that tasks call, over a model.

    `at` cuts its layers, and `of` names the type of task whose prefixes it writes. `max_tokens`,
    `batch_tokens` and `report` are as in `Model.encode`.
    """

    model: Model
    layers: int | None = None
    max_tokens: int | None = None
    batch_tokens: int | None = None
    report: Report | None = None
    task: str | None = None

    def __call__(
        self, texts: Sequence[str], role: str = "document"
    ) -> np.ndarray | list[np.ndarray]:
        return self.model.encode(
            texts,
            role=self._role(role),
            layers=self.layers,
            max_tokens=self.max_tokens,
            batch_tokens=self.batch_tokens,
            report=self.report,
            normalize=self.similarity.ignores_length,
        )

    @functools.cached_property
    def ways(self) -> tuple["Embedding", ...]:
        """The same model with each template of a `PromptEnsemble`, giving vectors as they are.

        Empty where there are no several, or where the mean of them is not all that is done.
        """
        network, tokenizer = self.model.embedder, self.model.tokenizer
        templates = getattr(getattr(network, "text", None), "template", None)
        if templates is None or len(templates.ways) < 2 or self.model.transforms:
            return ()

        def one(template: Template) -> Embedding:
            text = dataclasses.replace(network.text, template=template)
            own = dataclasses.replace(network, text=text, similarity=Dot())
            model = dataclasses.replace(self.model, embedder=own, tokenizer=tokenizer)
            return dataclasses.replace(self, model=model)

        return tuple(map(one, templates.ways))

    def mean(self, vectors: Sequence[np.ndarray]) -> np.ndarray:
        """The mean of what the `ways` gave, as this model gives vectors."""
        found = np.mean(vectors, axis=0)
        return unit_rows(found) if self.similarity.ignores_length else found

    def chunks(
        self, texts: Sequence[Chunked], *, window: int | None = None, overlap: int = 0
    ) -> list[np.ndarray]:
        """A vector for each chunk of each document, as `Model.chunks` makes them."""
        return self.model.chunks(
            texts,
            window=window,
            overlap=overlap,
            layers=self.layers,
            role=self._role("document"),
            normalize=self.similarity.ignores_length,
        )

    @property
    def similarity(self) -> Similarity:
        """How the model's vectors are compared when texts are searched for."""
        network = self.model.embedder
        return Cosine() if network is None else network.similarity

    @property
    def several(self) -> bool:
        """Whether a text has several vectors: such texts are only ranked, and not kept."""
        network = self.model.embedder
        return network is not None and network.tower_of("document").several

    def at(self, layers: int) -> "Embedding":
        """The same model after its first `layers` layers."""
        return dataclasses.replace(self, layers=layers)

    def of(self, task: str) -> "Embedding":
        """The same model with the prefixes of a type of task; itself where it knows no types."""
        if self.model.tokenizer is None or not self.model.tokenizer.text.template.tells_tasks_apart:
            return self
        return dataclasses.replace(self, task=task)

    def settings(self, role: str) -> dict[str, Any]:
        """What, beside the model and the code, a text's vector depends on."""
        text, role = self.model.embedder.text, self._role(role)
        limit = text.limit(role)
        return {
            "role": role,
            "prompt": " | ".join(way.prefix(role) for way in text.template.ways),
            "max_tokens": limit if self.max_tokens is None else min(limit, self.max_tokens),
            "layers": self.layers or self.model.embedder.layers,
            "dtype": "+".join(sorted({str(x.dtype) for x in jax.tree.leaves(self.model.params)})),
            "backend": jax.default_backend(),
            "normalize": self.similarity.ignores_length,
        }

    def _role(self, role: str) -> str:
        return role if self.task is None else f"{self.task}/{role}"
