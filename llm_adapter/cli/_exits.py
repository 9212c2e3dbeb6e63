"""What the exit codes mean: one table for the commands and for their help."""

from __future__ import annotations

from attrs import frozen

from .. import errors as e

USAGE = 2
ROWS_FAILED = 8
INTERRUPTED = 130
OUTPUT_CLOSED = 141


@frozen
class Exit:
    """An exit code, and the errors that end with it, their subclasses included."""

    code: int
    meaning: str
    errors: tuple[type[e.LLMServiceError], ...] = ()


EXITS = (
    Exit(0, "all went well"),
    Exit(1, "any other error of the provider or of this program", (e.LLMServiceError,)),
    Exit(USAGE, "wrong usage: an option, the prompt, or a missing extra"),
    Exit(
        3,
        "configuration, key or permission",
        (e.LLMConfigurationError, e.LLMAuthenticationError, e.LLMPermissionError),
    ),
    Exit(4, "rate limit or quota", (e.LLMRateLimitError,)),
    Exit(5, "timeout, or no connection", (e.LLMConnectionError,)),
    Exit(6, "invalid answer, or interrupted stream", (e.LLMInvalidResponseError,)),
    Exit(7, "blocked by a content policy", (e.LLMContentPolicyError,)),
    Exit(INTERRUPTED, "interrupted with Ctrl-C"),
    Exit(OUTPUT_CLOSED, "the reader of the output went away, as with `| head -1`"),
)

_OTHERS = (Exit(ROWS_FAILED, "some rows failed: their lines hold the errors"),)
"""Of some commands only: a table without codes has none of them."""

_CODES = {kind: row.code for row in EXITS for kind in row.errors}


def exit_code(error: e.LLMServiceError) -> int:
    """The code for an error: that of the nearest class in the table.

    >>> exit_code(e.LLMQuotaExceededError()), exit_code(e.LLMServerError())
    (4, 1)
    """
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)


def table(*codes: int) -> str:
    """The table for `--help`; its first line keeps click from wrapping it.

    Args:
        codes: that the command may end with; without any, all of them.
    """
    known = sorted((*EXITS, *_OTHERS), key=lambda row: row.code)
    shown = [row for row in known if row.code in codes] if codes else EXITS
    rows = (f"  {row.code:>3}  {row.meaning}" for row in shown)
    return "\n".join(["\b", "Exit codes:", *rows])
