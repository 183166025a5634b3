"""The one error that a user of footfall is meant to read."""

from __future__ import annotations


class FootfallError(Exception):
    """Something the user can fix.

    Args:
        message: what is wrong, naming the file, row or setting.
        fix: the next step, as an imperative sentence.
        exit_code: 1 for a failed job, 2 for a wrong call.
    """

    def __init__(self, message: str, fix: str = "", exit_code: int = 1) -> None:
        super().__init__(f"{message}\n  → {fix}" if fix else message)
        self.message = message
        self.fix = fix
        self.exit_code = exit_code


class UsageError(FootfallError):
    """A wrong argument or setting: exit code 2."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix, exit_code=2)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text without its full stop, or else its kind."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
