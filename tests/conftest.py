"""What tests share: eight simulated devices, a compilation cache kept between runs, real data."""

import os
from pathlib import Path

import pytest

# Before anything imports jax, and in the environment so that subprocesses see the same.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path.home() / ".cache/jaxemb/compiled"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ.setdefault("MPLBACKEND", "Agg")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data sets at {SHARED_DATA}")
    return SHARED_DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Claims of committed records are checked only when asked for (`-m claims`)."""
    if "claims" in (config.option.markexpr or ""):
        return
    skip = pytest.mark.skip(reason="checks committed records; run with -m claims")
    for item in items:
        if item.get_closest_marker("claims"):
            item.add_marker(skip)
