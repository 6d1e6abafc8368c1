"""Results of a run as pandas frames, and the paired difference of two arms with its interval. See docs/python.md."""

from __future__ import annotations

from cepo_bench.study_frames import StudyFrames, compare, load

__all__ = ["StudyFrames", "compare", "load"]
