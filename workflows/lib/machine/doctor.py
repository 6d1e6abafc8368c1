"""Is this machine ready for a config: what is expected, what was found, and the way out of each difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from contracts.errors import ConfigError, EvalError
from contracts.versions import installed
from evals.inputs import check_environment
from methods.engines.easyr1.checkout import COMMIT
from methods.engines.easyr1.checkout import lacking as checkout_lacking
from workflows.lib.cache.digest import pins
from workflows.lib.config.schema import Config, Reserved
from workflows.lib.hub.needs import FETCH, Lock, cache, lacking, needs, revision
from workflows.lib.machine.facts import Machine, free_mb, wanted_mb
from workflows.lib.machine.finding import MachineFinding
from workflows.lib.machine.folders import NeededFolder, trouble, way_out
from workflows.lib.machine.folders import needed as needed_folders
from workflows.lib.machine.gpus import VISIBLE
from workflows.lib.machine.role_environments import ENVS, differences, environments

PYTHON = (3, 11)
# The oldest driver of each environment's CUDA, by NVIDIA's table of CUDA and driver versions: 13 in envs/local.txt and
# envs/eval.txt, 12 (any minor version) in envs/easyr1.txt.
DRIVERS = {"local": 580, "eval": 580, "easyr1": 525}


def examine(
    config: Config, machine: Machine, lock: Lock, results: Path, deployed: bool = False
) -> list[MachineFinding]:
    """Every check of a config on a machine.

    ``lock``: what was fetched; ``results``: folder of this world's results; ``deployed``: Snakemake gives every rule
    its own environment (``--sdm``).
    """
    findings = [_python(machine), _packages(pins(ENVS / "local.txt")), _memory(config, machine)]
    findings += [*environments(config, deployed), *_gpus(config, machine, lock)]
    folders = [results, cache()] if needs(config) else [results]
    wanted = wanted_mb(config.world, machine.usable, config.resources.train.gpus)
    findings += [_disk(folder, wanted) for folder in folders]
    findings += [_writable(one) for one in needed_folders(machine.environment)]
    return [
        *findings,
        *_fetched(config, lock),
        *_checkout(config),
        *_variables(machine, check_environment),
    ]


def report(findings: list[MachineFinding], say: Callable[[str], None]) -> None:
    """Show every finding; ConfigError if one of them blocks a run."""
    for finding in findings:
        say(finding.line)
    blocking = sum(bool(finding.way_out) for finding in findings)
    if blocking:
        cause = f"{blocking} of {len(findings)} checks failed"
        raise ConfigError("doctor", cause, "each line with STOP has its way out")


def _python(machine: Machine) -> MachineFinding:
    found, wanted = (".".join(map(str, version)) for version in (machine.python, PYTHON))
    way_out = "" if machine.python >= PYTHON else "make PYTHON=<a newer one>"
    return MachineFinding("Python", f"{wanted} or later", found, way_out)


def _packages(locked: dict[str, str]) -> MachineFinding:
    """Packages of this environment against its lock."""
    found = differences(locked, {name: installed(name) for name in locked})
    way_out = "delete .venv; the next make installs it again" if found else ""
    return MachineFinding("packages", f"the {len(locked)} of envs/local.txt", found or "all as locked", way_out)


def _memory(config: Config, machine: Machine) -> MachineFinding:
    wanted = max(reserved.mem_mb for reserved in _reserved(config))
    less = "lower resources.*.mem_mb if your cells need less, or use another node"
    way_out = "" if machine.memory_mb >= wanted else less
    return MachineFinding("memory", f"{wanted} MB for the largest job", f"{machine.memory_mb} MB", way_out)


def _gpus(config: Config, machine: Machine, lock: Lock) -> Iterator[MachineFinding]:
    """Number, memory and driver; at least the weights must fit each GPU."""
    wanted = max(reserved.gpus for reserved in _reserved(config))
    if config.device == "cpu" and not wanted:
        yield MachineFinding("GPUs", "none needed", str(len(machine.gpus)))
        return
    yield _gpu_count(max(wanted, 1), machine)
    if not machine.gpus:
        return
    weights, least = _weights_mb(config, lock), min(gpu.memory_mb for gpu in machine.gpus)
    small = "use a larger GPU, or scales with smaller models" if least <= weights else ""
    known = f"the weights' {weights:.0f} MB" if weights else "the weights, whose size make fetch finds"
    yield MachineFinding("GPU memory", f"more than {known}", f"{least} MB", small)
    oldest = min((gpu.driver for gpu in machine.gpus), key=_major)
    for what, role in _roles_on_gpus(config).items():
        way_out = "update the driver" if _major(oldest) < DRIVERS[role] else ""
        yield MachineFinding(f"GPU driver for {what}", f"{DRIVERS[role]} or later", oldest, way_out)


def _roles_on_gpus(config: Config) -> dict[str, str]:
    """The environment of each kind of job that uses GPUs."""
    found = {}
    if config.device == "cuda":
        found["training"] = config.engine
        if config.engine_settings.rollouts == "vllm":
            found["rollouts"] = "eval"
    if config.evaluation.device == "cuda":
        found["evaluation"] = "eval" if config.evaluation.backend == "vllm" else "local"
    return found


def _gpu_count(wanted: int, machine: Machine) -> MachineFinding:
    names = ", ".join(sorted({gpu.name for gpu in machine.gpus})) or "nvidia-smi names none"
    if machine.driver_trouble:
        found = f"nvidia-smi fails: {machine.driver_trouble}"
        return MachineFinding(
            "GPUs", str(wanted), found, "load or reinstall NVIDIA's driver, until nvidia-smi lists them"
        )
    way_out = "run it on a GPU node (slurm profile), or lower resources.*.gpus"
    if machine.usable < wanted <= len(machine.gpus):
        names, way_out = f"{len(machine.gpus)} {names}, the others hidden", f"name more in {VISIBLE}, or unset it"
    return MachineFinding(
        "GPUs", str(wanted), f"{machine.usable} ({names})", way_out if machine.usable < wanted else ""
    )


def _major(driver: str) -> int:
    return int(driver.split(".")[0])


def _weights_mb(config: Config, lock: Lock) -> float:
    """Size of the largest of the config's models that were fetched; 0 if none was."""
    sizes = [
        sum(file.size for name, file in lock[need.key].files.items() if name.endswith(".safetensors"))
        for need in needs(config)
        if need.kind == "model" and need.key in lock
    ]
    return max(sizes, default=0) / 1e6


def _disk(folder: Path, wanted: float) -> MachineFinding:
    free = free_mb(folder)
    way_out = "" if free >= wanted else "free some, or set results_dir or HF_HOME to another disk"
    return MachineFinding(f"disk of {folder}", f"{wanted:.0f} MB free", f"{free:.0f} MB free", way_out)


def _writable(one: NeededFolder) -> MachineFinding:
    cause = trouble(one.folder)
    expected = f"a folder that can be written, for {one.used_by}"
    found = cause or f"{one.folder} can be"
    return MachineFinding(f"folder of {one.variable}", expected, found, way_out(one.variable) if cause else "")


def _fetched(config: Config, lock: Lock) -> Iterator[MachineFinding]:
    for need in needs(config):
        cause = lacking(need, lock)
        expected = f"commit {revision(need, lock) or 'that make fetch finds'}"
        yield MachineFinding(f"{need.kind} {need.repo}", expected, cause or "here, sizes right", FETCH if cause else "")


def _checkout(config: Config) -> Iterator[MachineFinding]:
    if config.engine == "easyr1":
        cause = checkout_lacking(Path(config.easyr1.checkout).expanduser())
        yield MachineFinding("EasyR1", f"commit {COMMIT}", cause or "here", FETCH if cause else "")


def _variables(machine: Machine, check: Callable[[], None]) -> Iterator[MachineFinding]:
    """Environment variables: tokens that are there, and what would change scores. Values of tokens are not shown."""
    token = "set" if machine.environment.get("HF_TOKEN") else "not set"
    yield MachineFinding("HF_TOKEN", "not needed, all repositories are public", token)
    store = machine.environment.get("MLFLOW_TRACKING_URI") or "not set, a file among the results is used"
    yield MachineFinding("MLFLOW_TRACKING_URI", "optional", store.split("@")[-1])
    try:
        check()
    except EvalError as error:
        yield MachineFinding(
            "environment", "nothing that changes scores", f"{error.place}: {error.cause}", error.remedy
        )


def _reserved(config: Config) -> list[Reserved]:
    return [config.resources.base, config.resources.train, config.resources.evaluate]
