"""A small corpus of the standard library, built once for all tests of a process."""

from pathlib import Path

import pytest

from jaxemb.data import PyDocs

PACKAGES = ("email", "json", "logging", "math", "unittest")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder of this test run's own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def pydocs(cache: Path, monkeypatch: pytest.MonkeyPatch) -> PyDocs:
    """A corpus of a few hundred objects; building it takes seconds."""
    monkeypatch.setenv("JAXEMB_CACHE", str(cache))
    return PyDocs(packages=PACKAGES)
