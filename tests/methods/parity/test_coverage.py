"""Every value of every choice of the five methods, and the test that holds it against a formula or a rule.

A new value of an option fails here until a test of it is named.
"""

from __future__ import annotations

import re

import pytest

from contracts.paths import ROOT
from workflows.lib.config.method_options import read_methods

FOLDER = ROOT / "tests"
PAPERS = ("grpo", "rlsd", "cepo", "opsd", "sdpo")
FORMULAS, RULES = "methods/parity/test_formulas.py", "methods/parity/test_rules.py"
SWITCHES, FORWARD, CONTEXTS = (
    "methods/test_switches.py",
    "methods/engines/local/test_local_forward.py",
    "methods/shared/test_contexts.py",
)

# option, or method.option -> value -> test; options of a method's own first
TESTS: dict[str, dict[object, str]] = {
    "lr_schedule": dict.fromkeys(("cosine", "constant"), f"{FORMULAS}::test_learning_rate"),
    "reward": dict.fromkeys(("binary", "accuracy_format"), f"{FORMULAS}::test_grpo_advantage_and_credit"),
    "grader": dict.fromkeys(
        ("mathruler", "math_verify", "either"), "methods/shared/test_rewards.py::test_the_graders_by_hand"
    ),
    "drop_all_wrong": dict.fromkeys((False, True), f"{FORMULAS}::test_grpo_advantage_and_credit"),
    "loss_avg": dict.fromkeys(("token", "sequence"), f"{FORMULAS}::test_surrogate_and_its_mean"),
    "keep_groups": dict.fromkeys(
        (False, True), "methods/engines/local/test_local_train.py::test_minibatches_share_out_all_rollouts"
    ),
    "minibatch_order": {
        "random": "methods/engines/local/test_local_train.py::test_minibatches_share_out_all_rollouts",
        "length_balanced": f"{SWITCHES}::test_length_balanced_minibatches_share_out_all_rollouts",
    },
    "optimizer": dict.fromkeys(("adamw", "adamw_bf16"), "easyr1/test_worker.py::test_the_optimizer_is_the_method_s"),
    "cut_adds_end": {
        False: f"{SWITCHES}::test_a_total_limit_cuts_what_prompt_and_response_have_together",
        True: f"{SWITCHES}::test_a_response_cut_as_released_ends_in_one_counted_padding_token",
    },
    "student_image": {
        True: f"{FORWARD}::test_the_image_matters_to_the_sighted_prompt_only",
        False: f"{SWITCHES}::test_a_switch_alone_changes_the_adapter",
    },
    "prompt_template": {
        "math_short": f"{CONTEXTS}::test_student_prompt_spelled_out",
        "none": f"{CONTEXTS}::test_without_a_template_the_problem_stands_alone",
    },
    "score_dtype": {
        "float32": f"{FORMULAS}::test_float32_stays_close_to_float64",
        "bfloat16": f"{SWITCHES}::test_bfloat16_scores_leave_the_first_ratio_near_one",
    },
    "checkpoint": dict.fromkeys(
        ("last", "best_val"), f"{SWITCHES}::test_the_best_checkpoint_is_that_of_a_run_stopped_there"
    ),
    "eval_weights": {
        "adapter": f"{SWITCHES}::test_the_evaluated_weights_are_no_matter_of_training",
        "rounded_bf16": "evals/test_merging.py::test_rounding_once_or_twice_by_hand",
        "merged_bf16": "evals/test_merging.py::test_rounding_once_or_twice_by_hand",
    },
    "teacher_weights": {
        "actor": f"{RULES}::test_whose_weights_a_teacher_has_over_fifty_steps",
        "fixed": f"{FORWARD}::test_fixed_teacher_is_the_base_model",
        "ema": f"{RULES}::test_whose_weights_a_teacher_has_over_fifty_steps",
        "synced": f"{RULES}::test_whose_weights_a_teacher_has_over_fifty_steps",
    },
    "ema_tick": dict.fromkeys(("update", "step"), f"{RULES}::test_whose_weights_a_teacher_has_over_fifty_steps"),
    "teacher_image": {
        True: f"{FORWARD}::test_the_image_matters_to_the_sighted_prompt_only",
        False: f"{FORWARD}::test_blind_prompt_shows_padding_and_counts_every_token",
    },
    "teacher_positions": {
        "mrope": f"{FORWARD}::test_positions_are_those_of_transformers",
        "arange": f"{FORWARD}::test_blind_prompt_shows_padding_and_counts_every_token",
    },
    "context_style": {
        "inline": f"{CONTEXTS}::test_inline_answer_follows_the_assistant_header",
        "user_turn": f"{CONTEXTS}::test_user_turn_answer_is_one_sentence_after_the_instruction",
    },
    "rlsd.lam_schedule": dict.fromkeys(("linear", "constant"), f"{FORMULAS}::test_rlsd_schedules"),
    "rlsd.lam_clock": dict.fromkeys(("from_zero", "from_one"), f"{FORMULAS}::test_rlsd"),
    "rlsd.privileged": dict.fromkeys(
        ("gt_answer", "blank_bug"), "methods/test_released.py::test_rlsds_teacher_reads_a_lone_space_token"
    ),
    "cepo.lam_schedule": {
        "linear": f"{FORMULAS}::test_cepo",
        "constant": f"{FORMULAS}::test_cepo_with_constant_lambda",
    },
    "cepo.lam_clock": dict.fromkeys(
        ("from_zero", "from_one"), f"{FORMULAS}::test_cepo_on_the_other_clock_and_other_decays"
    ),
    "cepo.right": dict.fromkeys(
        ("answer", "full", "prefix", "suffix"), f"{RULES}::test_what_the_right_teacher_is_shown"
    ),
    "cepo.wrong": dict.fromkeys(
        ("answer", "full", "prefix", "suffix"), f"{RULES}::test_what_the_wrong_teacher_is_shown"
    )
    | {"other_problem": f"{RULES}::test_another_problems_answer_is_not_this_ones"},
    "cepo.suffix_bug": dict.fromkeys((False, True), f"{RULES}::test_what_the_wrong_teacher_is_shown"),
    "cepo.neg_pick": dict.fromkeys(
        ("first_min_reward", "modal_wrong"), f"{RULES}::test_what_the_wrong_teacher_is_shown"
    )
    | {"random": f"{RULES}::test_a_random_pick_is_any_candidate_and_the_same_for_all"},
    "cepo.neg_unboxed": dict.fromkeys(("skip", "none_str", "head50"), f"{RULES}::test_what_the_wrong_teacher_is_shown"),
    "cepo.exclude_self": dict.fromkeys((False, True), f"{RULES}::test_what_the_wrong_teacher_is_shown"),
    "cepo.empty_neg": dict.fromkeys(("student", "right"), f"{FORMULAS}::test_cepo"),
    "cepo.evidence_order": {
        "contrast": f"{FORMULAS}::test_cepo",
        "shuffled": f"{FORMULAS}::test_shuffled_evidence_is_the_same_numbers_on_other_tokens",
    },
    "opsd.divergence": dict.fromkeys(("forward_kl", "reverse_kl", "jsd"), f"{FORMULAS}::test_opsd"),
    "sdpo.divergence": dict.fromkeys(("forward_kl", "reverse_kl", "jsd"), f"{FORMULAS}::test_sdpo"),
    "sdpo.context": dict.fromkeys(("answer", "peer_demo"), f"{RULES}::test_what_sdpos_teacher_is_shown"),
}


def choices() -> list[tuple[str, str, object]]:
    """Method, option and value of every choice and flag of the paper's methods."""
    return [
        (name, option.name, value)
        for name, source in read_methods().items()
        if name in PAPERS
        for option in source.options.values()
        for value in option.choices or ((False, True) if option.kind is bool else ())
    ]


def named(method: str, option: str) -> dict[object, str]:
    return TESTS.get(f"{method}.{option}") or TESTS.get(option) or {}


def test_every_value_names_a_test() -> None:
    missing = [
        f"{method}.{option}={value}" for method, option, value in choices() if value not in named(method, option)
    ]
    assert not missing


def test_no_value_is_named_that_no_method_has() -> None:
    there = {(owner, option, value) for method, option, value in choices() for owner in (method, "")}
    for key, tests in TESTS.items():
        owner, _, option = key.rpartition(".")
        assert {(owner, option, value) for value in tests} <= there, key


@pytest.mark.parametrize("place", sorted({place for tests in TESTS.values() for place in tests.values()}))
def test_the_test_is_there(place: str) -> None:
    file, name = place.split("::")
    assert re.search(rf"^def {name}\(", (FOLDER / file).read_text(), re.MULTILINE)
