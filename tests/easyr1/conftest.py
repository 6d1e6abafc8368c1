"""Where EasyR1 is, and what every test of its engine needs. Without a checkout these tests are skipped."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.easyr1.cells import Bench

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKOUT = os.environ.get("EASYR1")
PYTHON = ROOT / ".venv-easyr1" / "bin" / "python"
MISSING = "EasyR1 is not here: make test-easyr1 EASYR1=<folder of a checkout at b44b311> runs these tests"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip with the reason; the engine's tests that need no EasyR1 lie in the folders of the code."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(1800))
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
    """The first 16 training problems, their answers made 7, which the stand-in for vLLM boxes now and then.

    Images are black and white: EasyR1 rounds pixels to the type of the frozen vision tower, bfloat16, which holds
    those two values exactly.
    """
    path = tmp_path_factory.mktemp("problems") / "train.parquet"
    rows = pq.read_table(micro_data / "train.parquet").slice(0, 16)
    made = [row | {"answer": "7", "images": [black_and_white(i) for i in row["images"]]} for row in rows.to_pylist()]
    pq.write_table(pa.Table.from_pylist(made, schema=rows.schema), path)
    return path


@pytest.fixture(scope="session")
def bench(
    few_problems: Path, tiny_base: Path, python: Path, checkout: Path, shim_path: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:  # fmt: skip
    return Bench(few_problems, tiny_base, tmp_path_factory.mktemp("cells"), python, checkout, shim_path)


def black_and_white(image: dict) -> dict:
    """The image with every channel of every pixel 0 or 255."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(image["bytes"])) as picture:
        picture.convert("RGB").point(lambda value: 255 * (value > 127)).save(out, "png")
    return image | {"bytes": out.getvalue()}


@pytest.fixture(scope="session")
def older_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base as EasyR1 reads it: for transformers 4, weights rounded to bfloat16.

    Not for the main environment: transformers 5 reads its tokenizer with Qwen's own rules for splitting text.
    """
    from methods.engines.easyr1.base_model import readable_base

    return readable_base(tiny_base, tmp_path_factory.mktemp("older") / "model")


@pytest.fixture(scope="session")
def rounded_base(tiny_base: Path, older_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rounded weights as the main environment reads them."""
    folder = tmp_path_factory.mktemp("rounded") / "model"
    shutil.copytree(tiny_base, folder)
    for weights in older_base.glob("*.safetensors"):
        shutil.copy(weights, folder)
    return folder
