"""Score a trained model on a suite of tasks, on those of its run, or on data of one's own."""

from jaxemb.study.scoring.choice import Choice
from jaxemb.study.scoring.scores import means, score, training_texts, write
