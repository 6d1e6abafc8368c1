"""The environments of other Pythons that a config names: are they as locked, and does what runs in them import?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.paths import ROOT
from methods.engines.easyr1.checkout import head
from methods.shared import vllm
from workflows.lib.cache.digest import pins
from workflows.lib.config.schema import Config
from workflows.lib.machine.facts import normal, packages_of
from workflows.lib.machine.finding import MachineFinding
from workflows.lib.machine.role_imports import ROLES, ImportReport, modules_of, try_imports

ENVS = ROOT / "envs"
ENVIRONMENTS = "docs/paper-world.md, Environments"


@dataclass(frozen=True)
class NamedPython:
    """A role that a config uses, and the key that names its Python."""

    role: str
    key: str
    python: str | None
    deployed: bool  # the rule's own environment, made by --sdm, has this role
    gpu: bool  # the lock is for GPUs; on a CPU another build of vLLM stands in


def environments(config: Config, deployed: bool) -> Iterator[MachineFinding]:
    """Findings on every environment, beside the one that runs Snakemake, that the config's jobs run in."""
    checkout = Path(config.easyr1.checkout).expanduser()
    for named in named_pythons(config, deployed):
        yield from _findings(named, checkout if head(checkout) is not None else None)


def named_pythons(config: Config, deployed: bool) -> Iterator[NamedPython]:
    """Every role that the config uses. vLLM's rollouts are no rule of their own, so --sdm makes nothing for them."""
    rollouts, evaluation = config.engine_settings, config.evaluation
    if config.engine == "easyr1":
        yield NamedPython("easyr1", "easyr1.python", config.easyr1.python, deployed, True)
    if rollouts.rollouts == "vllm":
        key, gpu = "engine_settings.vllm.python", config.device == "cuda"
        yield NamedPython("eval", key, rollouts.vllm.python, False, gpu)
    if evaluation.backend == "vllm":
        gpu = evaluation.device == "cuda"
        yield NamedPython("eval", "evaluation.vllm.python", evaluation.vllm.python, deployed, gpu)


def _findings(named: NamedPython, checkout: Path | None) -> Iterator[MachineFinding]:
    what, locked = f"environment {named.role} ({named.key})", pins(ENVS / f"{named.role}.txt")
    expected = f"the {len(locked)} of envs/{named.role}.txt" if named.gpu else _tested()
    if named.python is None:
        absent = f"{named.key} names none, so the packages of envs/local.txt would be used"
        way_out = "" if named.deployed else f"make it ({ENVIRONMENTS}) and name its Python there"
        yield MachineFinding(what, expected, "made by --sdm" if named.deployed else absent, way_out)
        return
    python = vllm.program(named.python)
    there = packages_of(python)
    if there is None:
        way_out = f"make it ({ENVIRONMENTS}), or correct {named.key}"
        yield MachineFinding(what, expected, f"{python} cannot be run", way_out)
        return
    yield _packages(what, expected, named, there, locked) if named.gpu else _build_for_cpus(what, expected, python)
    flash = named.role == "easyr1"
    yield from import_findings(
        named.role, python, try_imports(python, modules_of(named.role, checkout, flash), checkout)
    )


def _tested() -> str:
    return ", ".join(f"{package} {found}" for package, found in vllm.TESTED.items())


def _packages(
    what: str, expected: str, named: NamedPython, there: Mapping[str, str], locked: Mapping[str, str]
) -> MachineFinding:
    found = differences(locked, {name: there.get(normal(name)) for name in locked})
    way_out = f"{named.python} -m pip install --no-deps --require-hashes -r envs/{named.role}.txt" if found else ""
    return MachineFinding(what, expected, found or "all as locked", way_out)


def _build_for_cpus(what: str, expected: str, python: str) -> MachineFinding:
    cause = vllm.lacking(python)
    return MachineFinding(what, expected, cause or "here", vllm.PYTHON if cause else "")


def import_findings(role: str, python: str, report: ImportReport) -> Iterator[MachineFinding]:
    """What a role's Python could not import, and what it lacks to compile kernels; the doctor and a test ask."""
    found = [f"{module} ({why})" for module, why in report.failed.items()]
    more = f" and {len(found) - 2} more" if len(found) > 2 else ""
    cause = "; ".join(found[:2]) + more
    way_out = f"install envs/{role}.txt into it as {ENVIRONMENTS} says" if found else ""
    yield MachineFinding(f"imports of {python}", f"all that role {role} runs", cause or "all succeed", way_out)
    if ROLES[role].triton:
        compiler = report.compiler or "none"
        way_out = "" if report.compiler else "install gcc, or name a compiler in CC: Triton compiles its launchers"
        yield MachineFinding(f"compiler for {python}", "gcc, clang or $CC", compiler, way_out)
        way_out = "" if report.headers else f"install Python's headers (Debian: python{ROLES[role].python}-dev)"
        yield MachineFinding(f"headers of {python}", "Python.h", "here" if report.headers else "not here", way_out)


def differences(locked: Mapping[str, str], there: Mapping[str, str | None]) -> str:
    """The first packages that are not as locked, and how many; empty if all are."""
    absent = [name for name in locked if there[name] is None]
    other = [name for name in locked if there[name] not in (None, locked[name])]
    lines = [f"no {name}" for name in absent] + [f"{n} {there[n]} instead of {locked[n]}" for n in other]
    return f"{len(lines)} differ: {', '.join(lines[:4])}" if lines else ""
