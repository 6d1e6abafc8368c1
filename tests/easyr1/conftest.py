"""Where EasyR1 is, and what every test of its engine needs. Without a checkout these tests are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKOUT = os.environ.get("EASYR1")
PYTHON = ROOT / ".venv-easyr1" / "bin" / "python"
MISSING = "EasyR1 is not here: make test-easyr1 EASYR1=<folder of a checkout at b44b311> runs these tests"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip with the reason; the engine's tests that need no EasyR1 are in tests/unit."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(900))
            if not CHECKOUT:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(CHECKOUT or "").resolve()


@pytest.fixture(scope="session")
def python() -> Path:
    """Python of the light CPU environment that `make test-easyr1` builds."""
    return Path(os.environ.get("EASYR1_PYTHON", PYTHON))


@pytest.fixture(scope="session")
def shim_path() -> str:
    return str(HERE / "shim")


@pytest.fixture(scope="session")
def few_problems(micro_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 16 training problems, their answers made 7, which the stand-in for vLLM boxes now and then."""
    path = tmp_path_factory.mktemp("problems") / "train.parquet"
    table: pa.Table = pq.read_table(micro_data / "train.parquet").slice(0, 16)
    sevens = pa.array(["7"] * len(table))
    pq.write_table(table.set_column(table.schema.get_field_index("answer"), "answer", sevens), path)
    return path


@pytest.fixture(scope="session")
def older_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base as EasyR1 reads it, weights rounded to bfloat16; the main environment reads it too."""
    from methods.engines.easyr1.base_model import readable_base

    return readable_base(tiny_base, tmp_path_factory.mktemp("older") / "model")
