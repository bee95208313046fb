"""Training: the stage, the step, gradient methods, optimizers and the loop that runs them."""

from jaxemb.training.base import START, Context, Stage
from jaxemb.training.budgets import Budget, Patience, RisingPatience, Steps, Until, Watch
from jaxemb.training.gradients import Full, GradCache, GradientMethod, Microbatch, Rematerialize
from jaxemb.training.keeping import (
    DecayingMean,
    Highest,
    Keeping,
    LastStep,
    Lowest,
    MeanOfSteps,
)
from jaxemb.training.loop import Diverged, train
from jaxemb.training.objective import Moving, Objective
from jaxemb.training.optimizers import SGD, AdamW, Optimizer
from jaxemb.training.schedules import Constant, Schedule, WarmupCosine, WarmupLinear
from jaxemb.training.stage import Shared, Train
from jaxemb.training.state import TrainState
from jaxemb.training.trainable import Everything, Only, Trainable, WithParts
