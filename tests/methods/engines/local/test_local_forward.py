"""The local engine's shared-prompt passes against transformers' own forward on whole, unpadded sequences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from methods.base import Method, Weights
from methods.engines.local.adapter_folder import save_adapter
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.passes import autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import AdapterTeachers, copy_adapter, frozen, learning, update_norm
from methods.engines.shared.problems import Problem, load_problems
from methods.engines.shared.prompts import Prompt, make_prompt, mrope_positions
from methods.engines.shared.responses import Responses
from tests.helpers.moved_adapter import move_adapter

METHOD = Method(max_response=12)


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    policy = Policy(tiny_base, METHOD, "cpu", "float32", seed=0)
    move_adapter(policy, 0.05)
    return policy


@pytest.fixture(scope="module")
def problems(micro_data: Path) -> list[Problem]:
    return load_problems(micro_data / "train.parquet")[:3]


@pytest.fixture(scope="module")
def prompts(policy: Policy, problems: list[Problem]) -> list[Prompt]:
    return [student_context(policy, METHOD, p, v) for p, v in zip(problems, look_at(policy, problems), strict=True)]


@pytest.fixture(scope="module")
def responses(policy: Policy, prompts: list[Prompt]) -> Responses:
    with frozen(policy):
        return roll_out(policy, prompts, Sampling(1.0, 12, 4), seed=3, size=256)


def whole_logp(policy: Policy, problem: Problem, prompt: Prompt, answer: tuple[int, ...]) -> torch.Tensor:
    """Log-probs of a response by transformers' forward on prompt + response."""
    pixels = policy.processor.image_processor(images=problem.open_images(), return_tensors="pt")
    ids = torch.tensor([[*prompt.ids, *answer]])
    out = policy.model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == policy.config.image_token_id).long(),
        **pixels,
    )
    logp = out.logits[0, -len(answer) - 1 : -1].log_softmax(-1)
    return logp.gather(1, torch.tensor(answer)[:, None])[:, 0]


def engine_logp(policy: Policy, prompts: list[Prompt], responses: Responses, size: int) -> torch.Tensor:
    contexts = [prompts[o] for o in responses.owner.tolist()]
    logp = torch.zeros_like(responses.mask)
    for chunk in chunks(policy, contexts, torch.arange(len(contexts)), responses, size):
        logp[chunk.rows, : chunk.mask.shape[1]] = token_logp(policy, chunk, 1.0).detach()
    return logp


def test_an_autocast_pass_has_half_the_rows(policy, prompts, responses):
    contexts = [prompts[o] for o in responses.owner.tolist()]
    sizes = {}
    for dtype in ("float32", "bfloat16"):
        with torch.no_grad(), autocast(policy, dtype):
            sizes[dtype] = [len(c.rows) for c in chunks(policy, contexts, torch.arange(12), responses, 8)]
    assert sizes == {"float32": [8, 4], "bfloat16": [4, 4, 4]}


def test_sampled_logp_is_transformers_own(policy, problems, prompts, responses):
    for row in range(len(responses.tokens)):
        owner, answer = int(responses.owner[row]), responses.ids(row)
        expected = whole_logp(policy, problems[owner], prompts[owner], answer).detach()
        assert_close(responses.logp[row, : len(answer)], expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [256, 5, 1])
def test_scoring_in_chunks_of_any_size_gives_the_same(policy, prompts, responses, size):
    assert_close(engine_logp(policy, prompts, responses, size), responses.logp, atol=2e-5, rtol=0)


@pytest.mark.parametrize("apart", [False, True], ids=["folded", "apart"])
@pytest.mark.parametrize("size", [256, 5])
def test_gradient_through_the_shared_prompt_is_that_of_whole_sequences(
    policy, problems, prompts, responses, monkeypatch, size, apart
):
    monkeypatch.setattr(policy.folding, "small", not apart)
    contexts = [prompts[o] for o in responses.owner.tolist()]
    with learning(policy):
        for chunk in chunks(policy, contexts, torch.arange(len(contexts)), responses, size):
            token_logp(policy, chunk, 1.0).sum().backward()
    shared = {name: p.grad.clone() for name, p in policy.trainable.items()}
    policy.model.zero_grad()
    for row in range(len(contexts)):
        owner = int(responses.owner[row])
        whole_logp(policy, problems[owner], prompts[owner], responses.ids(row)).sum().backward()
    for name, parameter in policy.trainable.items():
        assert_close(shared[name], parameter.grad, atol=2e-3, rtol=2e-4, msg=name)
    policy.model.zero_grad()


def test_folding_leaves_the_layers_as_they_were(policy, prompts):
    layers = list(policy.folding.layers)
    with pytest.raises(RuntimeError, match="stop"), learning(policy):
        assert not any(parent._modules[name] in layers for parent, name, _ in policy.folding.places)
        raise RuntimeError("stop")
    assert [getattr(parent, name) for parent, name, _ in policy.folding.places] == layers


def test_the_adapter_is_written_whole_while_it_is_folded_in(policy, prompts, responses, tmp_path):
    with frozen(policy):
        save_adapter(policy, tmp_path / "adapter")
        folded = engine_logp(policy, prompts, responses, 256)
    written = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    kept = {name.replace(".default", ""): parameter for name, parameter in policy.trainable.items()}
    assert set(written) == set(kept)
    assert all(torch.equal(written[name], kept[name]) for name in kept)
    with frozen(policy):
        assert torch.equal(engine_logp(policy, prompts, responses, 256), folded)


def test_under_autocast_the_adapter_stays_apart(policy):
    with autocast(policy, "bfloat16"), frozen(policy):
        assert [getattr(parent, name) for parent, name, _ in policy.folding.places] == policy.folding.layers


def test_rollouts_do_not_depend_on_the_part_size(policy, prompts, responses):
    with frozen(policy):
        alone = roll_out(policy, prompts, Sampling(1.0, 12, 4), seed=3, size=4)
    assert torch.equal(alone.tokens, responses.tokens)


def test_rollouts_are_the_same_bits_twice_and_others_with_another_seed(policy, prompts, responses):
    with frozen(policy):
        again = roll_out(policy, prompts, Sampling(1.0, 12, 4), seed=3, size=256)
        other = roll_out(policy, prompts, Sampling(1.0, 12, 4), seed=4, size=256)
    assert torch.equal(again.tokens, responses.tokens)
    assert torch.equal(again.logp, responses.logp)
    assert not torch.equal(other.tokens, responses.tokens)


def test_special_tokens_are_never_sampled(policy, responses):
    sampled = responses.tokens[responses.mask.bool()]
    assert not torch.isin(sampled, policy.barred).any()
    assert policy.config.image_token_id in policy.barred
    assert not torch.isin(torch.tensor(policy.end_tokens), policy.barred).any()


def test_mask_ends_with_the_first_end_token(policy, responses):
    ends = torch.tensor(policy.end_tokens)
    for row in range(len(responses.tokens)):
        ids = responses.ids(row)
        assert not any(i in ends for i in ids[:-1])
        assert bool(responses.truncated[row]) == (ids[-1] not in ends)
        assert responses.mask[row].sum() == len(ids)


def test_positions_are_those_of_transformers(policy, problems, prompts):
    for problem, prompt in zip(problems, prompts, strict=True):
        grid = policy.processor.image_processor(images=problem.open_images(), return_tensors="pt")["image_grid_thw"]
        ids = torch.tensor([prompt.ids])
        types = (ids == policy.config.image_token_id).int()
        expected, _ = policy.vision.get_rope_index(ids, mm_token_type_ids=types, image_grid_thw=grid)
        assert torch.equal(prompt.positions, expected[:, 0])


def test_positions_by_hand():
    # two text tokens, an image of 2 x 3 merged tokens, one text token: the image starts at 2 and is left at 2 + 3
    positions = mrope_positions([7, 8, 99, 99, 99, 99, 99, 99, 7], 99, [(2, 3)])
    assert positions.tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5],
        [0, 1, 2, 2, 2, 3, 3, 3, 5],
        [0, 1, 2, 3, 4, 2, 3, 4, 5],
    ]


def test_blind_prompt_shows_padding_and_counts_every_token(policy, problems):
    vision = look_at(policy, problems[:1])[0]
    image = policy.config.image_token_id
    ids = [5, *[image] * len(vision[0].tokens), 6]
    blind = make_prompt(ids, vision, image, positions="arange", blind_pad=policy.pad_token)
    assert blind.images == ()
    assert image not in blind.ids
    assert blind.positions.tolist() == [list(range(len(ids)))] * 3


def test_the_image_matters_to_the_sighted_prompt_only(policy, problems, prompts, responses):
    vision = look_at(policy, problems)
    swapped = [
        make_prompt(p.ids, v, policy.config.image_token_id)
        for p, v in zip(prompts, vision[1:] + vision[:1], strict=True)
    ]
    assert not torch.allclose(engine_logp(policy, swapped, responses, 256), responses.logp, atol=1e-4)


def test_merged_pass_leaves_the_base_weights_as_they_were(policy):
    before = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
    with frozen(policy):
        pass
    for name, parameter in policy.model.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert parameter.requires_grad == (name in policy.trainable)


def test_fixed_teacher_is_the_base_model(tiny_base, problems, micro_data):
    start, moved = (Policy(tiny_base, METHOD, "cpu", "float32", seed=0) for _ in range(2))
    move_adapter(moved, 0.1)
    prompts = [student_context(start, METHOD, p, v) for p, v in zip(problems, look_at(start, problems), strict=True)]
    with frozen(start):
        responses = roll_out(start, prompts, Sampling(1.0, 8, 2), seed=0, size=256)
    teachers = AdapterTeachers(moved, {Weights("fixed")})
    with teachers.using(Weights("fixed")):
        fixed = engine_logp(moved, prompts, responses, 256)
    assert_close(fixed, responses.logp, atol=2e-5, rtol=0)
    with teachers.using(Weights("actor")):
        assert not torch.allclose(engine_logp(moved, prompts, responses, 256), responses.logp, atol=1e-3)


def test_ema_teacher_follows_by_hand(tiny_base):
    policy = Policy(tiny_base, METHOD, "cpu", "float32", seed=0)
    ema = Weights("ema", decay=0.75, tick="update")
    teachers = AdapterTeachers(policy, {ema})
    start = copy_adapter(policy)
    move_adapter(policy, 1.0)
    teachers.moved("step")  # not this teacher's tick
    name = next(iter(start))
    assert torch.equal(teachers.shadows[ema][name], start[name])
    teachers.moved("update")
    expected = 0.75 * start[name] + 0.25 * policy.trainable[name].detach()
    assert_close(teachers.shadows[ema][name], expected)


def test_synced_teacher_copies_at_its_steps_only(tiny_base):
    policy = Policy(tiny_base, METHOD, "cpu", "float32", seed=0)
    synced = Weights("synced", every=2)
    teachers = AdapterTeachers(policy, {synced})
    name = next(iter(policy.trainable))
    teachers.start_step(0)
    start = copy_adapter(policy)[name]
    move_adapter(policy, 1.0)
    teachers.start_step(1)
    assert torch.equal(teachers.shadows[synced][name], start)
    teachers.start_step(2)
    assert torch.equal(teachers.shadows[synced][name], policy.trainable[name].detach())


def test_teacher_weights_are_put_back(policy):
    synced = Weights("synced", every=1)
    teachers = AdapterTeachers(policy, {synced})
    actor = copy_adapter(policy)
    for value in teachers.shadows[synced].values():
        value.zero_()
    with teachers.using(synced):
        assert update_norm(policy) == 0
    assert all(torch.equal(p.detach(), actor[name]) for name, p in policy.trainable.items())
