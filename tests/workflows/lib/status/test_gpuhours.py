"""GPU-hours of a run by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.config.loading import ConfigSource, read_yaml
from workflows.lib.config.schema import Config, Estimates
from workflows.lib.dag.preflight import check_confirmed
from workflows.lib.status.gpu_hours import gpu_hours, published_seconds, stated_times
from workflows.lib.status.plan import Planned, StatedTimes
from workflows.lib.status.previous_run import Kind, Past

JOBS = [
    Planned(Kind("train", "cepo/small"), "run", 50, 8),
    Planned(Kind("train", "cepo/small"), "cached", 50, 8),
    Planned(Kind("train", "opsd/small"), "run", 50, 8),
    Planned(Kind("evaluate", "cepo/small"), "run", 1, 8),
    Planned(Kind("score", "cepo/small"), "run"),
]

PAPER = StatedTimes(published_seconds("paper"))


def test_times_on_one_gpu_are_the_configs_estimates():
    config = read_yaml(Config, ROOT / "workflows/configs/paper.yaml")
    stated = stated_times(config, {job.kind for job in JOBS})
    minutes = config.estimates.train["small"]
    found = gpu_hours([Planned(Kind("train", "opsd/small"), "run", 50, 1)], Past(), stated)
    assert found.stated == pytest.approx(50 * minutes / 60)
    assert found.line == f"GPU-hours: {50 * minutes / 60:.0f} by the config's estimates."
    bare = config.model_copy(update={"estimates": Estimates()})
    assert stated_times(bare, {job.kind for job in JOBS}).seconds == {}  # the paper's are of eight GPUs
    eight = read_yaml(Config, ROOT / "workflows/configs/paper-8gpus.yaml")
    assert stated_times(eight, {job.kind for job in JOBS}) == PAPER


def test_gradients_take_what_the_config_says_of_their_scale():
    config = read_yaml(Config, ROOT / "workflows/configs/paper.yaml")
    job = Planned(Kind("gradients", "large/base"), "run", 1, 1)
    found = gpu_hours([job], Past(), stated_times(config, {job.kind}))
    assert found.stated == pytest.approx(config.estimates.gradients["large"] / 60) and not found.uncounted


def test_the_papers_times_where_there_is_no_record():
    found = gpu_hours(JOBS, Past(), PAPER)
    assert found.stated == pytest.approx(8 * 394 / 60)  # CEPO on eight GPUs, 6 h 34 min
    assert (found.recorded, found.uncounted) == (0, Counter(train=1, evaluate=1))
    assert found.line == "GPU-hours: 53 by the paper's Table 3; of unknown length: 1 x train, 1 x evaluate."


def test_earlier_jobs_come_first():
    past = Past({Kind("train", "cepo/small"): [70.0, 74.0], Kind("evaluate", "cepo/small"): [3600.0]}, {})
    found = gpu_hours(JOBS, past, PAPER)
    assert found.recorded == pytest.approx(8 * 50 * 72 / 3600 + 8)
    assert (found.stated, found.uncounted) == (0, Counter(train=1))


def test_the_micro_world_takes_no_gpu_and_no_consent():
    assert published_seconds("micro") == {}
    jobs = [Planned(job.kind, job.state, job.steps) for job in JOBS]
    line = gpu_hours(jobs, Past(), StatedTimes()).line
    assert line == ""
    check_confirmed(ConfigSource("micro.yaml"), ["", line], None)


def test_a_run_on_gpus_wants_consent():
    with pytest.raises(ConfigError, match=r"^paper.yaml: yes: this run needs your consent. GPU-hours: 8; look at"):
        check_confirmed(ConfigSource("paper.yaml"), ["Disk: 1 GB free", "GPU-hours: 8."], None)


def test_who_sits_at_a_terminal_is_asked(capsys: pytest.CaptureFixture[str]):
    plan = ["Disk: 1 GB free", "GPU-hours: 8."]
    check_confirmed(ConfigSource("paper.yaml"), plan, lambda question: " Yes\n")
    assert capsys.readouterr().out.splitlines() == plan
    for answer in ("", "n", "later"):
        with pytest.raises(ConfigError, match="needs your consent"):
            check_confirmed(ConfigSource("paper.yaml"), plan, lambda question, answer=answer: answer)
