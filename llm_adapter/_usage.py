"""What an answer took: its tokens, and the requests on the wire."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Usage:
    """Tokens of one answer; None where the provider said nothing.

    `cached_input_tokens` and `cache_write_tokens` are parts of `input_tokens`,
    `reasoning_tokens` is a part of `output_tokens`.

    Args:
        input_tokens: of the prompt, whatever the cache did with them.
        output_tokens: of the answer, reasoning included.
        cached_input_tokens: read from the provider's cache.
        cache_write_tokens: written to it.
        cache_write_long_tokens: those of them that it keeps for an hour or longer.
        reasoning_tokens: spent on reasoning.
        total_tokens: as the provider adds them up.
        service_tier: in which the call was served, in the provider's word.
        speed: at which it was served, in the provider's word.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    cache_write_long_tokens: int | None = None
    service_tier: str | None = None
    speed: str | None = None


@frozen(kw_only=True)
class Attempt:
    """One request on the wire.

    Args:
        number: 1 for the first.
        delay: seconds waited before it.
        duration: seconds it took.
        error: class name of what went wrong, None when it succeeded.
        status_code: HTTP status, None when none arrived.
        first_token: seconds until the first delta of a stream.
    """

    number: int
    delay: float = 0.0
    duration: float = 0.0
    error: str | None = None
    status_code: int | None = None
    first_token: float | None = None
