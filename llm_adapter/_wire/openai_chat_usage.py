"""Token counts of Chat Completions, which servers mean in different ways.

OpenAI counts reasoning in completion_tokens, and what was read from the cache in
prompt_tokens. Others leave reasoning out, or say it in the total alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..models import Usage
from .body import count, mapping, text
from .openai_chat_quirks import PLAIN_QUIRKS, ChatQuirks

_CACHED = ("num_cached_tokens", "prompt_cache_hit_tokens")
"""Mistral's and DeepSeek's own names."""


def usage_field(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the usage stands: at the top, or in streams of Groq under x_groq."""
    return mapping(fields.get("usage")) or mapping(
        mapping(fields.get("x_groq")).get("usage")
    )


def decode_usage(
    usage: Mapping[str, Any],
    quirks: ChatQuirks = PLAIN_QUIRKS,
    service_tier: object = None,
) -> Usage:
    """Token counts; what is missing stays None.

    >>> decode_usage({"prompt_tokens": 1, "completion_tokens": 2}).total_tokens
    3
    """
    prompt = mapping(usage.get("prompt_tokens_details"))
    sent = count(usage.get("prompt_tokens"))
    received = count(usage.get("completion_tokens"))
    total = count(usage.get("total_tokens"))
    reasoning = _reasoning(usage)
    if sent is not None and received is not None:
        received, reasoning = _output(usage, quirks, sent, received, total, reasoning)
        total = sent + received if total is None or quirks.apart else total
    return Usage(
        input_tokens=sent,
        output_tokens=received,
        cached_input_tokens=next(_cached(usage, prompt), None),
        cache_write_tokens=count(prompt.get("cache_write_tokens")),
        cache_write_long_tokens=long_writes(prompt),
        reasoning_tokens=reasoning,
        total_tokens=total,
        service_tier=text(service_tier) or text(usage.get("service_tier")),
    )


def long_writes(details: Mapping[str, Any]) -> int | None:
    """Of the tokens written to OpenAI's cache those that stay for 12 hours.

    >>> long_writes({"cache_write_tokens_details": {"ttl_12h_tokens": 7}})
    7
    """
    return count(
        mapping(details.get("cache_write_tokens_details")).get("ttl_12h_tokens")
    )


def _reasoning(usage: Mapping[str, Any]) -> int | None:
    details = mapping(usage.get("completion_tokens_details"))
    within = count(details.get("reasoning_tokens"))
    return count(usage.get("reasoning_tokens")) if within is None else within


def _output(
    usage: Mapping[str, Any],
    quirks: ChatQuirks,
    sent: int,
    received: int,
    total: int | None,
    reasoning: int | None,
) -> tuple[int, int | None]:
    """All tokens of the answer, and those of them that are reasoning."""
    if quirks.apart:
        beside = sum(count(usage.get(name)) or 0 for name in quirks.apart)
        return received + beside, reasoning
    hidden = 0 if total is None else total - sent - received
    if hidden > 0 and hidden == reasoning:
        return received + hidden, reasoning  # xAI counts reasoning beside the answer
    if hidden > 0 and not reasoning and quirks.hidden_output:
        return received + hidden, hidden
    return received, reasoning


def _cached(usage: Mapping[str, Any], prompt: Mapping[str, Any]) -> Iterator[int]:
    misspelt = mapping(usage.get("prompt_token_details"))  # Mistral
    named = (usage.get(name) for name in _CACHED)
    for value in (prompt.get("cached_tokens"), *named, misspelt.get("cached_tokens")):
        known = count(value)
        if known is not None:
            yield known
