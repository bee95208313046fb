"""A stage that chooses how texts are written for a model, by scores on a development split."""

import dataclasses
from typing import ClassVar

from jaxemb.config import UsageError
from jaxemb.evaluation import Task, evaluate
from jaxemb.evaluation.problems import TaskData
from jaxemb.model import Embedding, Model
from jaxemb.text import Template
from jaxemb.training import Context, Stage
from jaxemb.vectors import EmbeddingStore


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChooseTemplate(Stage):
    """Keeps the template with the best main metric of a task, always on its `dev` split.

    No parameter moves. Of equal scores the first template wins. Each candidate costs an embedding of
    the task's texts; vectors are kept on disk, so that another choice among them is free.

    Attributes:
        templates: the candidates, such as prompts with different demonstrations.
        task: what they are scored on.

    Raises:
        UsageError: there is no candidate, or the task's data has no splits.

    Example:
        >>> ChooseTemplate(templates=(Template(), Template(query="Q: ")), task=STS()).task.name
        'sts'

    Reference: Jiang et al., Scaling Sentence Embeddings with Large Language Models,
    arXiv:2307.16645, section 3.1 (a demonstration chosen among 300).
    """

    draws: ClassVar[bool] = False

    templates: tuple[Template, ...]
    task: Task
    name: str = "choose_template"

    def __post_init__(self) -> None:
        if not self.templates:
            raise UsageError("ChooseTemplate needs at least one template.")

    @property
    def data(self) -> TaskData:
        """What the choice is made on."""
        return self._on_dev.data

    def run(self, model: Model, context: Context) -> Model:
        """The model with the template that is best on the development split."""
        tried = [_written(model, template) for template in self.templates]
        scores = [self._score(one) for one in tried]
        return tried[max(range(len(scores)), key=scores.__getitem__)]

    @property
    def _on_dev(self) -> Task:
        return self.task.on("dev")

    def _score(self, model: Model) -> float:
        task = self._on_dev
        found = evaluate(EmbeddingStore(Embedding(model)), [task])[task.name]
        return found.metrics[task.metrics[0]]


def _written(model: Model, template: Template) -> Model:
    """The model that writes texts by this template."""
    text = dataclasses.replace(model.embedder.text, template=template)
    return dataclasses.replace(model, embedder=dataclasses.replace(model.embedder, text=text))
