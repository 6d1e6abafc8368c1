"""GPU-hours of a run before it starts: by what earlier jobs took, else by the times the paper states. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean

from contracts.paths import ROOT
from contracts.plain_yaml import parse_yaml
from workflows.lib.config.schema import Config
from workflows.lib.status.plan import Planned, StatedTimes
from workflows.lib.status.previous_run import Kind, Past

PUBLISHED = ROOT / "results" / "published" / "table3.yaml"
STEPS = 50  # that the published times are of
GPUS = 8  # they were taken on
SCALE = "small"  # at which they were taken, presumably: the source names no model


@dataclass(frozen=True)
class GpuHours:
    """GPU-hours of the jobs of a run that use GPUs, by where the time of a job comes from."""

    recorded: float  # by earlier jobs of the kind
    stated: float  # where no job has finished yet
    source: str  # of those
    uncounted: Counter[str]  # jobs of which no time is known, by rule

    @property
    def line(self) -> str:
        """For people; empty if no job uses a GPU."""
        parts = [f"{self.recorded:.0f} by earlier jobs"] if self.recorded else []
        parts += [f"{self.stated:.0f} by {self.source}"] if self.stated else []
        if self.uncounted:
            jobs = ", ".join(f"{count} x {rule}" for rule, count in self.uncounted.items())
            parts.append(f"of unknown length: {jobs}")
        return f"GPU-hours: {'; '.join(parts)}." if parts else ""


def gpu_hours(jobs: Iterable[Planned], past: Past, stated: StatedTimes) -> GpuHours:
    """What the jobs to run would take of the GPUs they reserve; ``stated`` counts where no job left a time."""
    recorded, by_word, uncounted = 0.0, 0.0, Counter[str]()
    for job in jobs:
        if job.state != "run" or not job.gpus:
            continue
        if seconds := past.seconds.get(job.kind):
            recorded += job.gpus * job.steps * mean(seconds) / 3600
        elif job.kind in stated.seconds:
            by_word += job.gpus * job.steps * stated.seconds[job.kind] / 3600
        else:
            uncounted[job.kind.rule] += 1
    return GpuHours(recorded, by_word, stated.source, uncounted)


def stated_times(config: Config, kinds: Iterable[Kind]) -> StatedTimes:
    """Times of jobs of which none has finished: the config's estimates, else the paper's on as many GPUs as it used."""
    minutes = config.estimates.model_dump()
    minutes["repeat"] = minutes["evaluate"]
    known = {
        kind: 60 * minutes[kind.rule][scale] for kind in kinds if (scale := _scale(kind)) in minutes.get(kind.rule, {})
    }
    if known or config.resources.train.gpus != GPUS:
        return StatedTimes(known, "the config's estimates", "estimate")
    return StatedTimes(published_seconds(config.world), "the paper's Table 3", "paper")


def _scale(kind: Kind) -> str:
    """The scale of a kind of job: gradients are of scale/state, cells of method/scale."""
    if kind.rule == "gradients":
        return kind.subject.partition("/")[0]
    return kind.subject.rpartition("/")[2]


def published_seconds(world: str) -> dict[Kind, float]:
    """Seconds per training step that the paper's Table 3 states, by kind of cell; none for another world."""
    if world != "paper":
        return {}
    points = parse_yaml(PUBLISHED.read_text(encoding="utf-8"))["points"]
    known = {point["series"]: point["value"] for point in points if point["value"] is not None}
    return {Kind("train", f"{method}/{SCALE}"): 60 * minutes / STEPS for method, minutes in known.items()}
