"""The scores of a run's model, by way of vectors on disk where others have the same model."""

from collections.abc import Sequence

from jaxemb.evaluation import Task, evaluate, final, reaches
from jaxemb.model import Embedding, Model
from jaxemb.statistics.result import Result
from jaxemb.study.recipe import Recipe
from jaxemb.vectors import EmbeddingStore
from jaxemb.vectors.cache import Embed


def scores_of(model: Model, tasks: Sequence[Task], embed: Embed | None = None) -> dict[str, Result]:
    """Results in the tasks that the model has the layers and the dimensions for.

    `embed` stands in the model's place, such as an `EmbeddingStore` over it.
    """
    size = () if model.embedder is None else (model.embedder.layers, model.dim)
    held = [task for task in final(tasks) if not size or reaches(task, *size)]
    return evaluate(embed or Embedding(model), held)


def embedding_of(recipe: Recipe, model: Model, name: str) -> Embed:
    """The model, by way of the vectors on disk where other seeds and experiments have the same one."""
    own = any(stage.learns and not stage.is_shared for stage in recipe.stages)
    if own or model.embedder is None:
        return Embedding(model)
    return EmbeddingStore(Embedding(model), name=name)
