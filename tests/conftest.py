"""What tests share: simulated devices, a compilation cache kept between runs, real data."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.turns import mark_others_slow

# Before anything imports jax, and in the environment so that subprocesses see the same.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache/jaxemb/compiled"))
# However small: tests compile the same operations over and over, and reading one is much quicker.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# One process may read what another has half written, and then compiles it: in processes of tests too.
os.environ.setdefault(
    "PYTHONWARNINGS", "ignore:Error reading persistent compilation cache entry:UserWarning"
)
# Tests compile thousands of small programs and run each a few times: compiling is what takes long.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Experiments read the sets of a person's folder where there is one: tests see none but their own.
os.environ.pop("JAXEMB_SHARED_DATA", None)

# Each compiled program maps memory, and Linux gives a process 65,530 maps by default: beyond them a
# program cannot be loaded, and the process dies.
MAPS, MOST_MAPS = Path("/proc/self/maps"), 15_000


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """After a file of tests, a process that holds very many compiled programs lets go of them."""
    yield
    if "jax" not in sys.modules or not MAPS.exists():
        return
    with MAPS.open(encoding="utf-8") as lines:
        if sum(1 for _ in lines) < MOST_MAPS:
            return
    import jax

    step = sys.modules.get("jaxemb.training.step")
    if step is not None:
        step._program.cache_clear()
    jax.clear_caches()
    gc.collect()


SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data sets at {SHARED_DATA}")
    return SHARED_DATA


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tables run in part; claims of committed records only when asked for (`-m claims`)."""
    mark_others_slow(items)
    if "claims" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="checks committed records; run with -m claims")
    for item in items:
        if item.get_closest_marker("claims"):
            item.add_marker(skip)


# Types of arrays are checked while a program is traced, which makes tracing a third slower: one
# file traces every part so, and the other tests do without.
ARRAY_ROOMS = (
    "adaptation", "analysis", "encoders", "evaluation", "fitting", "heads", "losses", "model", "nn",
    "pooling", "retrieval", "statistics", "tokens", "training", "vectors",
)  # fmt: skip
# How many devices JAX sees is settled once a process: these files get one of their own.
ON_EIGHT_DEVICES = (
    "tests/test_parity.py",
    "tests/test_parity_losses.py",
    "tests/runtime/test_checkpoint.py",
    "tests/retrieval/test_sharded.py",
    "tests/runtime/test_parallel_encoding.py",
    "tests/probes/test_probes.py",
)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector):
    """A file that wants a process of its own becomes one test, which runs it there."""
    path = module_path.as_posix()
    if path.endswith(ON_EIGHT_DEVICES) and os.environ["JAX_NUM_CPU_DEVICES"] != "8":
        return OnEightDevices.from_parent(parent, path=module_path)
    if path.endswith("tests/test_types.py") and not parent.config.getoption("jaxtyping_packages"):
        return Typed.from_parent(parent, path=module_path)
    return None


class OnEightDevices(pytest.File):
    """A test file that is run by a pytest of its own, on eight simulated devices."""

    def collect(self):
        # XLA's pool has one thread per core or device, and a thread that waits for the other devices
        # is taken: with eight threads, two collectives at once wait for each other for good.
        environment = {"JAX_NUM_CPU_DEVICES": "8", "NPROC": "32"}
        yield WholeFile.from_parent(self, name="on_eight_devices", environment=environment)


class Typed(pytest.File):
    """A test file that is run by a pytest of its own, which checks the types of arrays in each call."""

    def collect(self):
        rooms = ",".join(f"jaxemb.{room}" for room in ARRAY_ROOMS)
        option = f"--jaxtyping-packages={rooms},beartype.beartype"
        yield WholeFile.from_parent(self, name="types_are_checked", options=[option])


class WholeFile(pytest.Item):
    """All tests of a file; its output is shown where one of them fails."""

    def __init__(self, *, options=(), environment=None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.options, self.environment = list(options), environment or {}

    def runtest(self) -> None:
        chosen = self.config.option.markexpr
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            str(self.path),
            "-m",
            chosen or "",
            *self.options,
        ]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, cwd=self.config.rootpath, capture_output=True, text=True
        )
        self.add_report_section("call", "summary", done.stdout[-300:])
        if done.returncode not in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise AssertionError(done.stdout[-8000:] + done.stderr[-2000:])

    def repr_failure(self, excinfo):
        """The other process's own words."""
        return str(excinfo.value)
