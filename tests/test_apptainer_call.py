"""What make hands to Apptainer: GPUs, the downloaded models, the checkout; without running anything."""

from __future__ import annotations

import os
import subprocess

from contracts.paths import ROOT


def planned(*given: str) -> str:
    """The commands of ``make plan``, which are not run."""
    env = os.environ | {"HF_HOME": "/disk/models"}
    return subprocess.run(["make", "-n", "plan", *given], cwd=ROOT, env=env, capture_output=True, text=True).stdout


def test_a_job_in_an_image_sees_gpus_models_and_checkout():
    wanted = f"--nv --bind {ROOT} --bind /disk/models --env PYTHONPATH={ROOT} --env HF_HOME=/disk/models"
    assert f'--sdm apptainer --apptainer-args "{wanted}"' in planned("SDM=apptainer")


def test_nothing_is_deployed_unless_asked():
    assert "--sdm" not in planned()
    assert "--sdm conda" in planned("SDM=conda") and "apptainer" not in planned("SDM=conda")
