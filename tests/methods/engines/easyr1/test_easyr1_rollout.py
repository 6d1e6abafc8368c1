"""What vLLM is asked for by the EasyR1 engine; none of this needs EasyR1."""

from __future__ import annotations

from methods.base import Method, load_method
from methods.engines.easyr1.rollout import rollout_sampling, validation_sampling
from methods.shared.limits import LOCAL_SERVES, engine_serves
from workflows.lib.config.method_options import read_methods

EVERY_TOKEN = {"temperature": 1.0, "top_p": 1.0, "top_k": -1}


def test_by_default_both_draw_from_every_token_at_temperature_one():
    assert rollout_sampling(Method()) == validation_sampling(Method()) == EVERY_TOKEN


def test_validation_has_the_rollouts_temperature_and_not_their_limits():
    method = load_method("opsd", {"temperature": 1.1, "rollout_top_p": 0.95, "rollout_top_k": 20})
    assert rollout_sampling(method) == {"temperature": 1.1, "top_p": 0.95, "top_k": 20}
    assert validation_sampling(method) == EVERY_TOKEN | {"temperature": 1.1}


def test_the_presets_sample_as_released():
    made = {name: load_method(name, read_methods()[name].presets["released"]) for name in ("cepo", "opsd")}
    assert rollout_sampling(made["cepo"]) == EVERY_TOKEN
    assert validation_sampling(made["cepo"]) == {"temperature": 0.6, "top_p": 0.95, "top_k": -1}
    assert rollout_sampling(made["opsd"]) == {"temperature": 1.1, "top_p": 0.95, "top_k": 20}


def test_the_local_engine_serves_the_defaults():
    for name, value in LOCAL_SERVES.items():
        assert getattr(Method(), name) == value
        assert engine_serves("local", name, value) and not engine_serves("local", name, "another")
        assert engine_serves("easyr1", name, "another")
