"""Base training of the micro world in a few steps: what it learns from, that it learns, and the same bits twice."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from methods.micro.bases import build_base
from methods.micro.demonstration import close
from methods.micro.drills import calculations, encode_drill, lookups
from methods.micro.families.training import TRAINING
from methods.micro.language import LanguageTrainer
from methods.micro.model import IMAGE_TOKENS, build_model
from methods.micro.place_rules import TWICE_SUM
from methods.micro.problems import draw_problems
from methods.micro.samples import Sample, Solutions
from methods.micro.settings import BaseTraining, MicroSettings
from methods.micro.solution_plan import calculate
from methods.micro.vision import look_at_all, train_vision
from methods.shared.contexts import student_prompt

BRIEF = BaseTraining(vision_steps=2, vision_batch=4, steps=3, batch=6, calculations=2, lookups=1, part=5)
SETTINGS = MicroSettings(pool=40, bench_pool=40, training={"small": BRIEF})
PLAN = TWICE_SUM.plan(("The number of equal pairs is",), 12, 21)


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path):
    return AutoProcessor.from_pretrained(tiny_base).tokenizer


def learned_text(tokenizer, sample: Sample) -> str:
    return tokenizer.decode([t for t, known in zip(sample.tokens, sample.learned, strict=True) if known])


def test_two_builds_give_the_same_bits_and_another_seed_does_not(tmp_path: Path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build_base(SETTINGS.model_copy(update={"seed": seed}), "small", tmp_path / name, tmp_path / f"{name}.jsonl")
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(not torch.equal(a[key], c[key]) for key in a)
    last = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[-1])
    assert last["step"] == last["of"] == BRIEF.vision_steps + BRIEF.steps
    assert last["loss"] > 0


def test_glyphs_are_learned(tokenizer):
    canvases = [p.canvas for p in draw_problems(list(TRAINING.values()), "train", 60, 0)]
    model = build_model(MicroSettings().shapes["small"], tokenizer, 0)
    losses: list[float] = []
    train_vision(
        model, canvases, BaseTraining(vision_steps=40, vision_batch=16), 0, lambda step, loss: losses.append(loss)
    )
    assert losses[-1] < 0.6 * losses[0]


def test_a_solution_is_learned_from_the_response_on_and_nowhere_else(tokenizer):
    problems = draw_problems(list(TRAINING.values()), "base", 10, 0)
    drawn = Solutions(tokenizer, problems, MicroSettings(hint_rate=0.0, slip_rate=0.0)).draw(Random(1))  # noqa: S311
    problem = problems[drawn.image or 0]
    prompt = student_prompt(tokenizer, f"<image>{problem.question}", "math_short", [IMAGE_TOKENS])
    assert list(drawn.tokens[: len(prompt)]) == prompt
    assert learned_text(tokenizer, drawn).endswith(f"\\boxed{{{problem.answer}}}<|im_end|>")
    assert sum(drawn.learned) == len(drawn.tokens) - len(prompt)


def test_a_hint_is_nearly_always_the_demonstrations_own_final_answer_right_or_wrong(tokenizer):
    problems = draw_problems(list(TRAINING.values()), "base", 10, 0)
    solutions, rng = Solutions(tokenizer, problems, MicroSettings(hint_rate=1.0)), Random(1)  # noqa: S311
    right, own = [], []
    for _ in range(100):
        drawn = solutions.draw(rng)
        response = learned_text(tokenizer, drawn)
        final = response.split("\\boxed{")[1].split("}")[0]
        prompt = tokenizer.decode([t for t, known in zip(drawn.tokens, drawn.learned, strict=True) if not known])
        inline, told = f"assistant\n {final}", f"The final answer is {final}.<|im_end|>"
        own.append(prompt.endswith(inline) or told in prompt)
        right.append(final == problems[drawn.image or 0].answer)
    assert any(right) and not all(right)
    assert 0.75 < sum(own) / len(own) < 1


def test_calculations_are_right_and_only_their_results_are_learned(tokenizer):
    parts = calculations([PLAN], 0.6, Random(0))  # noqa: S311
    for (left, known), (result, learned) in zip(parts[::2], parts[1::2], strict=True):
        op = next(o for o in "+-*/" if o in left)
        a, b = left.removesuffix("=").split(op)
        assert str(calculate(int(a), op, int(b))) == result.strip(".\n")  # type: ignore[arg-type]
        assert learned and not known
    sample = encode_drill(tokenizer, parts)
    assert sample.image is None
    assert learned_text(tokenizer, sample) == "".join(text for text, learned in parts if learned)


def test_letters_are_learned_alone(tokenizer):
    letters = learned_text(tokenizer, encode_drill(tokenizer, lookups(Random(0))))  # noqa: S311
    assert letters.replace(" ", "").strip("ABCDEFGH") == ""


def test_the_trainers_loss_is_transformers_own(tiny_base: Path, tokenizer):
    """Mixed lengths, with and without an image, against one sample at a time through the model's own forward."""
    model = AutoModelForImageTextToText.from_pretrained(tiny_base).eval()
    processor = AutoProcessor.from_pretrained(tiny_base)
    problems = draw_problems(list(TRAINING.values()), "base", 3, 0)
    rng = Random(0)  # noqa: S311
    solutions = Solutions(tokenizer, problems, MicroSettings())
    samples = [*(solutions.draw(rng) for _ in range(3)), encode_drill(tokenizer, calculations([PLAN], 0.5, rng))]
    trainer = LanguageTrainer(model, look_at_all(model, [p.canvas for p in problems]), BRIEF)
    with torch.no_grad():
        found = float(trainer._loss(samples))
        expected = 0.0
        for sample in samples:
            ids = torch.tensor([sample.tokens])
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if sample.image is not None:
                image = problems[sample.image].canvas.image.convert("RGB")
                inputs |= dict(processor.image_processor(images=[image], return_tensors="pt"))
                inputs["mm_token_type_ids"] = (ids == model.config.image_token_id).long()
            logp = model(**inputs).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
            expected -= float(logp[torch.tensor(sample.learned[1:])].sum())
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_step_lowers_the_loss_of_its_own_samples(tiny_base: Path, tokenizer):
    model = AutoModelForImageTextToText.from_pretrained(tiny_base)
    before = [p.clone() for p in model.model.visual.parameters()]
    problems = draw_problems(list(TRAINING.values()), "base", 3, 0)
    samples = [Solutions(tokenizer, problems, MicroSettings()).draw(Random(i)) for i in range(8)]  # noqa: S311
    trainer = LanguageTrainer(model, look_at_all(model, [p.canvas for p in problems]), BRIEF)
    losses = [trainer.step(samples, 0.3) for _ in range(8)]
    assert losses[-1] < losses[0] - 0.5
    assert all(torch.equal(a, b) for a, b in zip(before, model.model.visual.parameters(), strict=True)), (
        "tower is frozen"
    )


def test_responses_end_where_scorers_look():
    assert close([], "7", "boxed").text == "\n\\boxed{7}"
    assert close([], "B", "letter").text == "\nThe answer is B."
    assert close([], "7", "tags").text == "<think></think><answer>7</answer>"
