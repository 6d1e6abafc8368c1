"""Models that are prepared for methods: made, resumed, used in training and in measured gradients, refused."""

from __future__ import annotations

import shutil
import sys
import types
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import logsigmoid

from contracts.errors import ConfigError, DataError
from contracts.paths import ROOT
from contracts.prepared import read_prepared
from contracts.records import Run, TrainingStep
from methods.base import load_method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer
from methods.engines.local.gradients.batch import differentiated
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings
from methods.engines.local.networks.loading import load_networks
from methods.engines.local.passes import chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.prepared import collect
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.train import train
from methods.engines.shared.problems import load_problems
from methods.engines.shared.settings import SharedSettings
from methods.shared.prepared import deciding
from methods.shared.rewards import Grader
from tests.helpers.method_contract import check_contract
from tests.helpers.prepared_models import BASE, OF_METHOD, OPTIONS, plan, prepare
from tests.helpers.scored_credit import check_scored
from tests.methods.engines.local.test_local_train import make_cell
from workflows.lib.config.method_options import read_methods

METHODS = ("prm", "cdpo")


@pytest.fixture(scope="module")
def models(micro_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A prepared model for each method, collected in two batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "BATCH", 4)
        return {name: prepare(plan(name), micro_data, tmp_path_factory.mktemp(name)) for name in METHODS}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(BASE, load_method("prm", OPTIONS), "cpu", "float32", seed=1)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found = sorted((folder / "model").glob("*.safetensors"))
    return {f"{path.name}/{name}": value for path in found for name, value in load_file(path).items()}


@pytest.mark.parametrize(("method", "networks"), [("prm", 1), ("cdpo", 2)])
def test_the_record_says_what_it_cost_and_how_good_it_is(models, method, networks):
    record = read_prepared(models[method])
    assert record.digest == plan(method).digest
    assert (record.problems, record.rollouts, record.networks) == (8, 32, networks)
    assert 0 < record.right < 1
    assert {"load", "collect", "fit", "measure"} == record.seconds.keys()
    assert record.cost.tokens == record.tokens + record.extra_tokens
    assert (record.extra_tokens > 0) == (method == "prm")
    assert all(count > 0 for count in [*record.updates.values(), *record.examples.values()])
    wanted = {"prm": {"accuracy", "accuracy_of_a_constant", "brier"}, "cdpo": {"base_on_wrong", "negative_on_wrong"}}
    assert wanted[method] <= record.quality.keys()
    assert not (models[method] / "state").exists()


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bits(models, micro_data, tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "BATCH", 4)
    made: list[int] = []
    batch = collect.Collector._batch

    def stops(self, number: int, continuations: int):
        if number == 1 and len(made) == 1:
            raise KeyboardInterrupt
        made.append(number)
        return batch(self, number, continuations)

    monkeypatch.setattr(collect.Collector, "_batch", stops)
    with pytest.raises(KeyboardInterrupt):
        prepare(plan("cdpo"), micro_data, tmp_path / "stopped")
    made.append(-1)
    resumed = prepare(plan("cdpo"), micro_data, tmp_path / "stopped")
    assert made == [0, -1, 1]
    ours, theirs = tensors(resumed), tensors(models["cdpo"])
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def gathered(policy: Policy, name: str, models: dict[str, Path], data: Path, rows: slice = slice(0, 2)):
    """Rollouts with what the prepared model says of them."""
    method = load_method(name, OPTIONS | OF_METHOD[name])
    networks = load_networks(method, models[name], policy)
    with Grader() as grader:
        gatherer = Gatherer(policy, method, grader, AdapterTeachers(policy, set()), 8, networks=networks)
        return gatherer.gather(load_problems(data / "train.parquet")[rows], 0, 1, Clock())


def test_lines_are_scored_and_a_score_does_not_depend_on_the_other_rollouts(policy, models, micro_data):
    experience = gathered(policy, "prm", models, micro_data)
    told, mask = experience.rollouts.prepared, experience.rollouts.mask
    assert told["known"].sum() > len(mask)  # more than a line each
    assert (told["prefix"][~told["known"]] == 0).all()
    assert ((told["prefix"][told["known"]] > 0) & (told["prefix"] < 1)[told["known"]]).all()
    assert torch.equal(told["start"].view(2, -1).min(1).values, told["start"].view(2, -1).max(1).values)
    alone = gathered(policy, "prm", models, micro_data, slice(0, 1)).rollouts.prepared
    width = min(alone["prefix"].shape[1], told["prefix"].shape[1])
    torch.testing.assert_close(alone["prefix"][:, :width], told["prefix"][:4, :width])


def test_scores_and_reference_are_those_of_the_base_and_both_models(policy, models, micro_data):
    experience = gathered(policy, "cdpo", models, micro_data, slice(0, 3))
    batch = experience.rollouts
    moved = batch.advantage != 0
    assert moved.any()  # of three problems one has right and wrong rollouts
    told = batch.prepared
    torch.testing.assert_close(told["reference"][moved], batch.logp["student"][moved], atol=1e-4, rtol=1e-4)
    assert ((told["score"] >= 0) & (told["score"] <= 1)).all()
    assert (told["score"][~moved] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_cell_trains_and_counts_what_was_prepared(method, models, micro_data, tmp_path):
    cell = make_cell(method, **(OPTIONS | OF_METHOD[method] | {"steps": 1, "reward": "binary"}))
    settings = SharedSettings(validation_problems=0)
    data = (micro_data / "train.parquet", micro_data / "validation.parquet")
    train(cell, *data, BASE, tmp_path, settings, prepared=models[method])
    (step,) = [TrainingStep.model_validate_json(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert step.seconds["networks"] > 0
    assert ("rollout" in step.seconds) == (method == "prm")  # cdpo is offline
    assert step.grad_norm > 0 or step.mixed == 0
    record = Run.model_validate_json((tmp_path / "run.json").read_text())
    assert record.prepared == read_prepared(models[method]).cost
    if method == "prm":  # cdpo samples nothing: its pairs lie in the prepared model
        check_scored(tmp_path, steps=1)


BY_LINE = """
from dataclasses import dataclass
from methods.base import Method, Rollouts
from methods.shared.prepared import StepScorerOptions

@dataclass(frozen=True)
class ByLine(StepScorerOptions, Method):
    def credit(self, batch: Rollouts, step: int):
        return batch.advantage[:, None] * (1 + batch.prepared["prefix"]) * batch.mask
"""


def test_a_method_that_needs_one_is_one_file_and_shares_it(models, micro_data, tmp_path, monkeypatch):
    (tmp_path / "methods").mkdir()
    shutil.copytree(ROOT / "methods" / "shared", tmp_path / "methods" / "shared")
    shutil.copy(ROOT / "methods" / "base.py", tmp_path / "methods")
    (tmp_path / "methods" / "by_line.py").write_text(BY_LINE)
    source = read_methods(tmp_path)["by_line"]
    assert (source.prepared, source.options["prepared_labels"].default) == ("step_scorer", "hard")
    module = types.ModuleType("methods.by_line")
    monkeypatch.setitem(sys.modules, "methods.by_line", module)
    exec(compile(BY_LINE, "by_line.py", "exec"), module.__dict__)  # noqa: S102 - the text above
    check_contract(load_method("by_line", {}))
    kind, shared = plan("prm").kind, plan("prm").options
    assert deciding(kind, asdict(load_method("by_line", OPTIONS | OF_METHOD["prm"]))) == shared
    cell = make_cell("by_line", **(OPTIONS | OF_METHOD["prm"] | {"steps": 1, "reward": "binary"}))
    data = (micro_data / "train.parquet", micro_data / "validation.parquet")
    train(cell, *data, BASE, tmp_path / "out", SharedSettings(validation_problems=0), prepared=models["prm"])
    assert Run.model_validate_json((tmp_path / "out" / "run.json").read_text()).prepared is not None


def test_the_measured_gradient_of_cdpo_is_that_of_the_loss_of_all_pairs(policy, models, micro_data):
    """Against the loss as it is written, with the gradient through the log-probs of a whole pass."""
    method = load_method("cdpo", OPTIONS | OF_METHOD["cdpo"])
    networks, settings = load_networks(method, models["cdpo"], policy), GradientSettings(2, 2, 4, 1024, 64)
    problems = load_problems(micro_data / "train.parquet")
    with Grader() as grader:
        meter = GradientMeter(policy, {"cdpo": method}, problems, grader, settings, 1, networks={"cdpo": networks})
        asked, experience = meter.experience(0)
        correct = torch.arange(len(experience.rollouts.mask)) % 2 == 0  # so that every group has pairs
        mixed = replace(experience.rollouts, correct=correct, reward=correct.float())
        experience = replace(experience, rollouts=mixed)
        found = meter.gradients(0, asked, experience)[0]
        batch = meter._own("cdpo", 0, asked, experience).rollouts
    with differentiated(policy) as weights:
        rows = torch.arange(len(batch.mask))
        (chunk,) = chunks(policy, experience.contexts, rows, experience.responses, 64)
        logp = torch.zeros_like(batch.mask).index_copy(0, chunk.rows, token_logp(policy, chunk, 1.0))
        weight = torch.where(batch.correct[:, None], 1.0, 1 - batch.prepared["score"]) * batch.mask
        terms = (0.1 * weight * (logp - batch.prepared["reference"])).sum(1)
        losses = []
        for group in batch.group.unique():
            right, wrong = (
                ((batch.group == group) & (batch.correct == kind)).nonzero()[:, 0] for kind in (True, False)
            )
            if len(right) and len(wrong):
                losses.append(-logsigmoid(terms[right][:, None] - terms[wrong][None, :]).mean())
        wanted = torch.autograd.grad(torch.stack(losses).mean(), weights)
    flat = torch.cat([one.flatten() for one in wanted])
    torch.testing.assert_close(found, flat, rtol=1e-3, atol=1e-4 * float(flat.abs().max()))


def test_without_its_model_a_method_is_refused_in_one_line(policy, models, tmp_path):
    method = load_method("prm", OPTIONS)
    with pytest.raises(ConfigError, match="prepared: Prm needs a prepared model of kind step_scorer; prepare it first"):
        load_networks(method, None, policy)
    with pytest.raises(ConfigError, match=r"a prepared model of kind contrast in .*, not step_scorer"):
        load_networks(method, models["cdpo"], policy)
    with pytest.raises(DataError, match=r"prepared\.json"):
        load_networks(method, tmp_path, policy)
    assert load_networks(load_method("grpo", OPTIONS), None, policy) is None


def test_a_base_that_is_never_right_cannot_be_contrasted(tiny_base, micro_data, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.helpers.prepared_models.BASE", tiny_base)
    with pytest.raises(DataError, match=r"0 right and .* use a base that is sometimes right and sometimes wrong"):
        prepare(plan("cdpo", max_response=8), micro_data, tmp_path)
