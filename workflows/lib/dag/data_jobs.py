"""``params`` of the rules that make problems and benchmark items. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.lib.config.schema import Config


@dataclass(frozen=True)
class DataJobs:
    """The jobs that make a world's data."""

    config: Config

    @property
    def rules(self) -> str:
        """The file of rules that makes this world's data."""
        return "workflows/rules/data.smk" if self.config.world == "micro" else "workflows/rules/hub_data.smk"

    @property
    def problem_source(self) -> str:
        """``params`` of the hub's problems: their entry of the config, as JSON."""
        return self.config.problems.model_dump_json() if self.config.problems else ""

    @property
    def benchmark_sources(self) -> dict[str, str]:
        """``params`` of the hub's benchmarks: their entries of the config, as JSON."""
        data = self.config.benchmark_data
        return {name: data[name].model_dump_json() for name in self.config.benchmarks if name in data}
