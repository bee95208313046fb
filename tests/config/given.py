"""Parts of every kind that a configuration may hold."""

import dataclasses
from typing import Literal

import flax.linen as nn

from jaxemb.config import Part


class Reader(nn.Module, Part):
    """Slot with Linen parts."""


class FirstOne(Reader, kw_only=True):
    aliases = ("cls",)

    @nn.compact
    def __call__(self, x):
        return x[0]


class LatentOnes(Reader, kw_only=True):
    latents: int = 4
    scale: float = 1.0
    inner: Reader = dataclasses.field(default_factory=FirstOne)

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.latents, name="read")(x)


class Goal(Part):
    """Slot with plain parts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Near(Goal):
    temperature: float = 0.5
    dims: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scaled(Goal):
    inner: Goal
    weight: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase(Part):
    goal: Goal = Near()
    name: str = "train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place(Part):
    devices: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole(Part):
    unfingerprinted = ("place",)

    reader: Reader = dataclasses.field(default_factory=LatentOnes)
    phases: tuple[Phase, ...] = (Phase(name="warm"), Phase())
    goals: tuple[Goal, ...] = ()
    kind: Literal["a", "b"] = "a"
    title: str = "t"
    note: str | None = None
    size: int | None = None
    pair: tuple[int, float] = (1, 2.0)
    flag: bool = False
    place: Place = Place()
    seed: int = 0

    def __post_init__(self):
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} is below 0")
