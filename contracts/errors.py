"""Errors a user can act on: one line that names the place, the cause and the way out; no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake of the user, or an accident outside our code. ``str()`` is one line: ``place: cause; way out``.

    ``delete_and_rerun``: the file or folder at ``place`` was made by this project and is broken. Once it is deleted,
    the same command makes it again.
    """

    def __init__(self, place: str, cause: str, remedy: str = "", delete_and_rerun: bool = False) -> None:
        self.place, self.cause, self.remedy, self.delete_and_rerun = place, cause, remedy, delete_and_rerun
        line = f"{place}: {cause}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(line.split()))

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str, bool]]:
        """Pickle the error with all its fields, so that another process gets them too."""
        return type(self), (self.place, self.cause, self.remedy, self.delete_and_rerun)


class ConfigError(UserError):
    """A config value that cannot work."""


class DataError(UserError):
    """An input file that is missing, broken or not what its schema says."""


class TrainError(UserError):
    """A training run that must not go on."""


class EvalError(UserError):
    """An evaluation whose output is missing, short or not what was asked for."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A UserError inside ends the process with one line on stderr and status 1."""
    try:
        yield
    except UserError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


def nearest(word: str, known: list[str]) -> str:
    """Return ``did you mean 'lam'?`` if one of ``known`` is spelled almost like ``word``, else an empty string."""
    import difflib

    match = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{match[0]}'?" if match else ""
