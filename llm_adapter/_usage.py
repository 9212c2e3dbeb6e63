"""What an answer took: its tokens, and the requests on the wire."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Usage:
    """Tokens of one answer; None where the provider said nothing.

    `cached_input_tokens` and `cache_write_tokens` are parts of `input_tokens`,
    `reasoning_tokens` is a part of `output_tokens`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None


@frozen(kw_only=True)
class Attempt:
    """One request on the wire.

    Args:
        number: 1 for the first.
        delay: seconds waited before it.
        duration: seconds it took.
        error: class name of what went wrong, None when it succeeded.
        status_code: HTTP status, None when none arrived.
    """

    number: int
    delay: float = 0.0
    duration: float = 0.0
    error: str | None = None
    status_code: int | None = None
