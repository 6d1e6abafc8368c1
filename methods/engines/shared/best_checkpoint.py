"""Which step's adapter a run keeps when ``checkpoint`` is ``best_val``."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.errors import TrainError
from contracts.records import TrainingStep


def best_step(records: Sequence[TrainingStep]) -> int | None:
    """1-based step with the highest validation accuracy, of equal ones the first; None if no step was validated."""
    validated = [record for record in records if record.val_accuracy is not None]
    if not validated:
        return None
    return max(validated, key=lambda record: (record.val_accuracy or 0.0, -record.step)).step


def chosen_step(records: Sequence[TrainingStep], place: str) -> int:
    """The best step of a finished run. Raises TrainError, which names ``place``, if no step was validated."""
    step = best_step(records)
    if step is None:
        cause = "checkpoint is best_val, but no step was validated"
        raise TrainError(place, cause, "set engine_settings.validation_problems above 0, or checkpoint: last")
    return step
