"""Score a trained model on a suite of tasks, on those of its run, or on data of one's own."""

from jaxemb.scoring.choice import Choice
from jaxemb.scoring.scores import means, score, training_texts, write

__all__ = ["Choice", "means", "score", "training_texts", "write"]
