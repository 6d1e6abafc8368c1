"""A disk that fills, processes that are killed, a clock that jumps, two runs at once, a folder that moves.

``.venv/bin/python benchmarks/hard_times.py`` runs ten tiny cells undisturbed, and then some or all again under each of
these. The same command is given until it ends well; what is left is compared with the undisturbed run's, bit for bit.
A line per part says what happened. Ends with status 1 if anything was lost, done twice, or told without a way out.
``--only kills disk`` runs some parts; ``--minutes`` ends the script in time, and then says what was not done.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from hard_clock import jumping_clock, set_file_times
from hard_folder import RESULTS, Folder, left, processes, tracked, wait_for

ONE = ("cepo",)  # method of the parts that need one cell only
STAGES = ("problems", "benchmarks", "base_model", "train", "evaluate", "score", "exhibit", "track", "track_study")
TROUBLE = ("Traceback", "this is a defect")


class OutOfTimeError(Exception):
    """The script's time is used up."""


class HardTimes:
    """The parts of the script, and what they share."""

    def __init__(self, place: Path, seed: int, minutes: float, seeds: int, kills_wanted: int) -> None:
        """``seeds``: of each method in the undisturbed run; 0: one cell is enough, no processes will be killed."""
        self.place, self.draw = place, random.Random(seed)  # noqa: S311
        self.seeds, self.kills_wanted = range(1, seeds + 1), kills_wanted
        self.until = time.monotonic() + 60 * minutes
        self.failed: list[str] = []
        self.expected: dict[str, str] = {}
        self.seconds = 0.0  # of the undisturbed run

    def plain(self) -> str:
        """All cells, undisturbed."""
        folder, started = self._cells("plain"), time.monotonic()
        run = folder.start()
        self._end(run)
        self._check("plain", run.returncode == 0, "the undisturbed run failed: " + "; ".join(folder.lines()[-3:]))
        self.seconds, self.expected = time.monotonic() - started, left(folder.root)
        return f"{tracked(folder.root)} cells, undisturbed; {len(self.expected)} digests kept"

    def kills(self) -> str:
        """kill -9, at random moments while a job runs, of the kind of process that is alive and was killed least.

        Verifiers and scorers live for a moment only: the first of a kind is killed as soon as it is seen.
        """
        folder, killed, starts = self._cells("kills"), Counter[str](), 0
        while True:
            run, starts = folder.start(), starts + 1
            while run.poll() is None:
                if killed.total() < self.kills_wanted:
                    self._watch(run, self.draw.uniform(0.05, 0.1 * self.seconds), killed)
                    if kind := self._kill_one(run, killed):
                        killed[kind] += 1
                else:
                    self._pause(0.2)
            if run.returncode == 0:
                break
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(killed.items()))
        self._same("kills", folder, self.expected)
        return f"{killed.total()} processes killed with -9 ({counts}); the command was given {starts} times"

    def _cells(self, name: str) -> Folder:
        """A folder with all cells."""
        return (Folder(self.place / name, seeds=self.seeds) if self.seeds else Folder(self.place / name, ONE)).make()

    def _watch(self, run: subprocess.Popen[str], seconds: float, killed: Counter[str]) -> None:
        """Wait ``seconds``, or until a process of a kind is there that was never killed, or the run has ended."""
        until = time.monotonic() + seconds
        while run.poll() is None and time.monotonic() < until:
            try:
                found = processes(psutil.Process(run.pid))
            except psutil.Error:
                return  # it ended meanwhile
            if found["job"] and any(alive and not killed[kind] for kind, alive in found.items()):
                return
            self._pause(0.03)

    def _kill_one(self, run: subprocess.Popen[str], killed: Counter[str]) -> str | None:
        try:
            found = processes(psutil.Process(run.pid))
            left_over = {kind for kind in found if killed[kind] < self.kills_wanted / 4} | {"job"}
            alive = {kind: found[kind] for kind in left_over if found[kind]}
            if not found["job"]:
                return None
            kind = min(sorted(alive), key=lambda kind: (killed[kind], self.draw.random()))
            victim = self.draw.choice(alive[kind])
            victim.kill()
        except (psutil.Error, ValueError):
            return None  # it ended meanwhile
        if kind == "snakemake":
            self._end(run)
        return kind

    def disk(self) -> str:
        """The disk fills as a job of each stage begins, and has room again when the run has ended."""
        disk = self.place / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", disk], capture_output=True)  # noqa: S607
        if mounted.returncode:
            return "skipped: a file system of its own can be mounted by root only"
        try:
            folder, told = Folder(disk / "project", ONE, log=self.place / "disk.log").make(), []
            for stage in STAGES:
                told.append(self._fill(folder, stage))
            self._until_done("disk", folder)
            self._same("disk", folder, self.expected)
            return f"the disk filled at {len(told)} stages: {'; '.join(told)}"
        finally:
            subprocess.run(["umount", "-l", disk], check=False)  # noqa: S607

    def _fill(self, folder: Folder, stage: str) -> str:
        """Start the run, fill the disk when ``stage`` begins, and free it when the run has ended."""
        run, ballast = folder.start(), folder.root / "ballast"
        if not wait_for(run, stage, self.until):
            self._end(run)
            return f"{stage} did not begin"
        with ballast.open("wb") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(2**16))
            except OSError:
                pass  # full
        self._end(run)
        ballast.unlink()
        lines = folder.lines()
        for trouble in TROUBLE:
            self._check("disk", not any(trouble in line for line in lines), f"at {stage}: {_first(lines, trouble)}")
        named = _first(lines, "disk") or _first(lines, "space left")
        self._check("disk", run.returncode == 0 or bool(named), f"at {stage} no line names the disk: {lines[-3:]}")
        return f"{stage} ({'went on' if run.returncode == 0 else 'ended'})"

    def clock(self) -> str:
        """The clock runs 400 days ahead, and goes back 800 when training begins; files get times of any year."""
        folder = Folder(self.place / "clock", ONE).make()
        jump, folder.environment, by = jumping_clock(self.place / "clock-offset", days=400)
        run = folder.start()
        began = wait_for(run, "train", self.until)
        jump(-400)
        self._end(run)
        self._check("clock", began and run.returncode == 0, "the run failed: " + "; ".join(folder.lines()[-3:]))
        self._same("clock", folder, self.expected)
        set_file_times(folder.root / RESULTS, self.draw)
        done = folder.job_done("train"), folder.job_done("evaluate")
        self._until_done("clock", folder)
        again = folder.job_done("train") - done[0] + folder.job_done("evaluate") - done[1]
        self._check("clock", again == 0, f"{again} jobs ran again for the times of files")
        return f"+400 days, -400 in training ({by}), then random times of all files: {again} jobs ran again"

    def two(self) -> str:
        """The same command twice in the same moment."""
        folder = Folder(self.place / "two", ONE).make()
        runs = [folder.start(), folder.start()]
        for run in runs:
            self._end(run)
        codes, lines = sorted(run.returncode for run in runs), folder.lines()
        refused = sum("another run uses these results" in line for line in lines)
        self._check("two", codes == [0, 1] and refused == 1, f"ended with {codes}, {refused} refused: {lines[-3:]}")
        self._check("two", folder.job_done("train") == 1, f"{folder.job_done('train')} trainings of one cell")
        self._same("two", folder, self.expected)
        return f"two runs started at once ended with {codes}; {folder.job_done('train')} training of the one cell"

    def moved(self) -> str:
        """The run is stopped in training, its folder moved, and the command given there."""
        folder = Folder(self.place / "moved", ONE).make()
        run = folder.start()
        began = wait_for(run, "train", self.until)
        self._pause(self.draw.uniform(0, 3))
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGINT)
        self._end(run)
        stopped = run.returncode != 0
        self._check("moved", began and stopped, "the run was not stopped in training")
        folder.root = folder.root.rename(self.place / "moved to another place")
        folder.said = []
        self._until_done("moved", folder)
        self._same("moved", folder, self.expected)
        return "stopped in training, moved to a path with blanks, and ended there"

    def _until_done(self, part: str, folder: Folder, tries: int = 3) -> None:
        """Give the command until it ends well."""
        for _ in range(tries):
            run = folder.start()
            self._end(run)
            if run.returncode == 0:
                return
        self._check(part, False, f"the command fails {tries} times: {folder.lines()[-3:]}")

    def _same(self, part: str, folder: Folder, expected: dict[str, str]) -> None:
        """What the folder holds is the undisturbed run's, each thing once."""
        found = left(folder.root)
        cells = {name.split(" ")[0] for name in found if " " in name}
        wanted = {name: digest for name, digest in expected.items() if name.split(" ")[0] in cells}
        if cells == {name.split(" ")[0] for name in expected if " " in name}:
            wanted = expected
        else:
            found = {name: digest for name, digest in found.items() if " " in name}  # tables hold other cells
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        self._check(part, bool(found) and not differing, f"differ from the undisturbed run: {differing[:6]}")
        runs = tracked(folder.root)
        self._check(part, runs == len(cells), f"{runs} runs in MLflow for {len(cells)} cells")

    def _check(self, part: str, right: bool, otherwise: str) -> None:
        if not right:
            self.failed.append(f"{part}: {otherwise}")

    def _end(self, run: subprocess.Popen[str]) -> None:
        """Wait until the run has ended. What it started is not waited for: it must end by itself."""
        while run.poll() is None:
            self._pause(0.2)

    def _pause(self, seconds: float) -> None:
        if time.monotonic() > self.until:
            raise OutOfTimeError
        time.sleep(seconds)


def _first(lines: list[str], word: str) -> str:
    return next((line for line in lines if word in line), "")


def end_all(place: Path) -> None:
    """Kill what still runs in the folders of this script."""
    for one in psutil.process_iter():
        try:
            inside = Path(one.cwd()).is_relative_to(place)
        except psutil.Error:
            continue
        if inside and one.pid != os.getpid():
            one.kill()


def main() -> int:
    """Run the parts and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=2, help="of each of five methods, in the part that kills")
    parser.add_argument("--kills", type=int, default=20)
    names = ("kills", "disk", "clock", "two", "moved")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    asked = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # the runs must hear Ctrl-C, also of a script in the background
    place = Path(tempfile.mkdtemp(prefix="hard-times-")).resolve()
    seeds = asked.seeds if "kills" in asked.only else 0
    times = HardTimes(place, asked.seed, asked.minutes, seeds, asked.kills)
    parts: dict[str, Callable[[], str]] = {name: getattr(times, name) for name in ("plain", *asked.only)}
    for name, part in parts.items():
        started = time.monotonic()
        try:
            said = part()
            print(f"{name} ({time.monotonic() - started:.0f} s): {said}", flush=True)
        except OutOfTimeError:
            times.failed.append(f"{name}: not done, {asked.minutes:g} minutes were over")
            break
    end_all(place)
    for line in times.failed:
        print(f"FAILED: {line}")
    if times.failed:
        print(f"all files are kept in {place}")
    else:
        shutil.rmtree(place)
    return 1 if times.failed else 0


if __name__ == "__main__":
    sys.exit(main())
