"""What a stage of a recipe is, and what it is run with; how one trains stands elsewhere."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Array

from jaxemb.config import Part
from jaxemb.runtime import Runtime


@runtime_checkable
class Evaluate(Protocol):
    """Called after every step; decides itself whether this one is worth an evaluation."""

    def __call__(self, step: int, model: Callable[[], Any]) -> Mapping[str, float] | None:
        """Metrics, or None. `model()` copies the model at this step off the devices."""


@runtime_checkable
class Checkpoints(Protocol):
    """Where states are kept; `jaxemb.runtime.checkpoints.Checkpoints` is one."""

    every: int

    def resume(self, like: Any) -> tuple[int, Any, dict] | None: ...
    def save(self, step: int, state: Any, extra: dict) -> None: ...
    def wait(self) -> None: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What a stage is run with.

    Attributes:
        key: root of the stage's randomness on devices.
        seed: of the order of its data.
        runtime: devices, sharding and dtype.
        checkpoints, evaluate, report: as `train` takes them; None where nothing is kept or watched.
        earlier: models of the recipe that stages recall, by the name of the stage that gave them.
    """

    key: Array
    seed: int = 0
    runtime: Runtime = dataclasses.field(default_factory=Runtime)
    checkpoints: Checkpoints | None = None
    evaluate: Evaluate | None = None
    report: Callable[[dict], None] | None = None
    earlier: Mapping[str, Any] = dataclasses.field(default_factory=dict)


START = ""
"""What the model before the first stage is called among those that stages recall."""


class Stage(Part):
    """Slot: `Model -> Model`. Its `name` is how overrides and folders speak of it.

    Attributes:
        is_shared: whether its result is kept by content even where it is the last stage; results of
            earlier stages always are.
        reads: dotted paths of the network's parts and fields that its result depends on; `""` is
            all of it.
        draws: whether its result depends on the seed.
    """

    name: str
    is_shared: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("",)
    draws: ClassVar[bool] = True

    @property
    def training(self) -> Any:
        """The `Train` that it does; None where it takes no gradient steps."""
        return None

    @property
    def learns(self) -> bool:
        """Whether it takes gradient steps."""
        return self.training is not None

    @property
    def holds_training(self) -> bool:
        """Whether what it gives was trained, here or elsewhere; untrained controls stop before it."""
        return self.learns

    @property
    def recalls(self) -> tuple[str, ...]:
        """The earlier stages whose models it reads besides the one that it is given; see `START`."""
        return ()

    @property
    def dataset(self) -> Any:
        """The data that it reads: what its field `data` holds, None where it has no such field."""
        return getattr(self, "data", None)

    def run(self, model: Any, context: Context) -> Any:
        """The model after the stage; the one that it is given stays as it is."""
        raise TypeError(f"{type(self).__name__} must define run(model, context)")

    def check(self, runtime: Runtime) -> None:
        """Raises UsageError, before anything runs, if the stage could not."""

    def check_data(self) -> None:
        """Raises UsageError, before anything runs, if the first record lacks what is read of it."""
        if self.training is not None:
            self.training.data.check_fields()

    def check_network(self, network: Any) -> None:
        """Raises UsageError, before anything runs, if the stage could not train this network."""

    def at_rate(self, rate: float) -> "Stage":
        """The stage at another learning rate; itself where it learns nothing."""
        return self

    def shortened(self, fraction: float) -> "Stage":
        """The stage with a fraction of its budget; itself where it has none."""
        return self

    def with_view(self, change: Callable[[Any], Any]) -> "Stage":
        """The stage on another view of its pairs; itself where it learns from none."""
        return self

    def depends(self, runtime: Runtime) -> dict[str, Any]:
        """What of the runtime changes its result beyond rounding."""
        return {}
