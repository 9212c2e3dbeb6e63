"""What the tests and the recorder ask a server."""

from __future__ import annotations

from typing import Any


def saying(text: str) -> list[dict[str, Any]]:
    """The messages of a conversation that begins with this."""
    return [{"role": "user", "content": text}]


THINKING: dict[str, Any] = {
    "model": "bigram",
    "messages": saying("Hi"),
    "temperature": 0,
}
PLAIN = {**THINKING, "reasoning_effort": "none"}

# Without an end: the next best is a tool call, and then to go on and on.
UNENDING = {"ignore_eos": True, "logit_bias": [["<tool_call>", False]]}
ENDLESS = {**PLAIN, **UNENDING}

FORECAST = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "rain": {"type": "array", "items": {"type": "boolean"}, "minItems": 1},
    },
    "required": ["city", "days", "rain"],
    "additionalProperties": False,
}

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "forecast",
        "description": "The weather of the next days",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
