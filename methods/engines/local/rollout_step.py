"""One batch of rollouts, graded and scored: from problems to everything that decides the update."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods import seeding
from methods.advantage import group_advantage
from methods.base import Method, Rollouts
from methods.contexts import student_prompt, teacher_prompt
from methods.engines.local.data import Problem
from methods.engines.local.policy import Policy
from methods.engines.local.prompts import Prompt, Vision, blind_prompt, pad_prompts, sighted_prompt
from methods.engines.local.rollout import Responses, Sampling, roll_out
from methods.engines.local.score import teacher_hidden, teacher_logp
from methods.engines.local.weights import TeacherWeights, frozen
from methods.references import Member, Reference
from methods.rewards import Grader, boxed_answer, reward
