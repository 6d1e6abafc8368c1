"""The configs of the paper world: each is whole, and they differ only in the shape of the machine they are for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from contracts.paths import ROOT
from workflows.lib.config.loading import read_yaml
from workflows.lib.config.schema import Config

FOLDER = ROOT / "workflows" / "configs"
PLAIN = read_yaml(Config, FOLDER / "paper.yaml")
MACHINE = {  # what may differ, beside where the lock is
    "paper-8gpus": {"resources", "estimates", "easyr1.gpus_per_node", "evaluation.batch_size", "evaluation.vllm"},
    "paper-24gb": {
        *("resources", "estimates", "scales", "easyr1.gpu_memory_utilization", "evaluation.vllm"),
        *("engine_settings.micro_batch", "gradients.micro_batch"),
    },
    "paper-smoke": {
        *("resources", "estimates", "scales", "results_dir", "options", "variants", "samplings"),
        *("easyr1.enforce_eager", "evaluation.vllm", "evaluation.limit", "evaluation.max_new_tokens"),
        *("evaluation.batch_size", "engine_settings.checkpoint_every", "engine_settings.validate_every"),
        "engine_settings.validation_problems",
    },
}


def differing(one: Config, other: Config) -> set[str]:
    """Keys whose values differ; of the sections with settings, each key by itself."""
    found = set()
    for key in Config.model_fields:
        left, right = getattr(one, key), getattr(other, key)
        if key in ("evaluation", "engine_settings", "easyr1", "gradients"):
            found |= {
                f"{key}.{name}" for name in type(left).model_fields if getattr(left, name) != getattr(right, name)
            }
        elif left != right:
            found.add(key)
    return found


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("rollouts", "vllm", "vLLM of its own"),
        ("rollout_batch", 8, "vLLM of its own"),
        ("min_pixels", 4, "easyr1.min_pixels"),
    ],
)
def test_settings_of_the_local_engine_are_refused_for_easyr1(name: str, value: object, instead: str):
    raw = PLAIN.model_dump()
    raw["engine_settings"][name] = value
    with pytest.raises(ValidationError, match=f"engine_settings.{name} is for engine local; easyr1 has {instead}"):
        Config.model_validate(raw)


@pytest.mark.parametrize("name", MACHINE)
def test_a_config_differs_from_the_plain_one_as_its_machine_asks(name: str):
    assert differing(PLAIN, read_yaml(Config, FOLDER / f"{name}.yaml")) == MACHINE[name] | {"hub_lock"}


def test_every_config_of_the_paper_world_is_looked_at():
    assert {path.stem for path in FOLDER.glob("paper*.yaml")} == MACHINE.keys() | {"paper"}


@pytest.mark.parametrize("name", [*MACHINE, "paper"])
def test_a_cell_reserves_the_gpus_that_it_uses(name: str):
    config = read_yaml(Config, FOLDER / f"{name}.yaml")
    assert config.resources.train.gpus == config.easyr1.nodes * config.easyr1.gpus_per_node
    assert config.hub_lock in (None, "paper.lock.json")
