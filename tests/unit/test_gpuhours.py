"""GPU-hours of a run by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from workflows.lib.config import Config
from workflows.lib.errors import ConfigError
from workflows.lib.gpuhours import gpu_hours
from workflows.lib.loading import Source, read_yaml
from workflows.lib.past import Kind, Past
from workflows.lib.plan import Planned
from workflows.lib.preflight import check_confirmed

CONFIGS = Path(__file__).parents[2] / "workflows" / "configs"
JOBS = [
    Planned(Kind("train", "cepo/small"), "run", 50),
    Planned(Kind("train", "cepo/small"), "cached", 50),
    Planned(Kind("train", "opsd/small"), "run", 50),
    Planned(Kind("evaluate", "cepo/small"), "run"),
    Planned(Kind("score", "cepo/small"), "run"),
]


def config(name: str) -> Config:
    return read_yaml(Config, CONFIGS / name)


def test_the_papers_times_where_there_is_no_record():
    found = gpu_hours(JOBS, Past(), config("paper.yaml"))
    assert found.published == pytest.approx(8 * 394 / 60)  # CEPO on eight GPUs, 6 h 34 min
    assert (found.recorded, found.uncounted) == (0, Counter(train=1, evaluate=1))
    assert found.line == "GPU-hours: 53 by the paper's Table 3; of unknown length: 1 x train, 1 x evaluate."


def test_earlier_jobs_come_first():
    past = Past({Kind("train", "cepo/small"): [70.0, 74.0], Kind("evaluate", "cepo/small"): [3600.0]}, {})
    found = gpu_hours(JOBS, past, config("paper.yaml"))
    assert found.recorded == pytest.approx(8 * 50 * 72 / 3600 + 8)
    assert (found.published, found.uncounted) == (0, Counter(train=1))


def test_the_micro_world_takes_no_gpu_and_no_consent():
    line = gpu_hours(JOBS, Past(), config("micro.yaml")).line
    assert line == ""
    check_confirmed(Source("micro.yaml"), line)


def test_a_run_on_gpus_wants_consent():
    with pytest.raises(ConfigError, match=r"^paper.yaml: yes: this run needs your consent. GPU-hours: 8; look at"):
        check_confirmed(Source("paper.yaml"), "GPU-hours: 8.")
