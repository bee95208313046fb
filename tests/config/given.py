"""Parts of every kind that a configuration may hold."""

import dataclasses
from typing import Literal

import flax.linen as nn

from jaxemb.config import Part, UsageError


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Net(Part):
    depth: int = 6
    reader: Reader = dataclasses.field(default_factory=LatentOnes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named(Part):
    """Leaves out its network, which its name tells."""

    name: str
    cut: int | None = None
    net: Net | None = None

    def described(self):
        if self.name == "absent":
            raise UsageError("absent is not on this machine")
        return dataclasses.replace(self, net=self.net or Net(depth=len(self.name)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Short(Part):
    """Stands for a part of another class."""

    def described(self):
        return Net(depth=2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made(Part):
    """What a recipe is: fields of which some are meant first."""

    preferred = ("net", "phases")

    phases: tuple[Phase, ...] = ()
    net: Named | Net | Short | Phase | None = None
    place: Goal | Net = Near()
