"""Prompts and answers as OpenTelemetry's conventions write them: JSON in attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..models import (
    Audio,
    Document,
    Image,
    LLMRequest,
    LLMResponse,
    Message,
    Part,
    Text,
)
from . import _names as names

_MODALITIES: dict[type, str] = {Image: "image", Audio: "audio", Document: "document"}


def request_content(request: LLMRequest) -> dict[str, str]:
    """What is asked.

    >>> request_content(LLMRequest("Hi"))["gen_ai.input.messages"]
    '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
    """
    turns = [_turn(each) for each in request.messages]
    if request.prompt:
        parts = [*_parts(request.prompt)]
        turns.append({"role": "user", "parts": parts})
    found: dict[str, Any] = {names.INPUT_MESSAGES: turns}
    if request.system_message:
        found[names.SYSTEM] = [*_parts(request.system_message)]
    if request.tools:
        found[names.TOOLS] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }
            for tool in request.tools
        ]
    return {name: _json(value) for name, value in found.items()}


def answer_content(answer: LLMResponse, finish_reason: str) -> dict[str, str]:
    """What was answered, as far as it arrived."""
    turn = {**_turn(answer.message), "finish_reason": finish_reason}
    return {names.OUTPUT_MESSAGES: _json([turn])}


def _turn(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if message.reasoning:
        parts.append({"type": "reasoning", "content": message.reasoning})
    if message.tool_call_id is not None:
        result = [*_parts(message.content)]
        parts.append(
            {
                "type": "tool_call_response",
                "id": message.tool_call_id,
                "response": message.content
                if isinstance(message.content, str)
                else result,
            }
        )
    else:
        parts += _parts(message.content)
    for call in message.tool_calls:
        arguments = call.raw_arguments if call.invalid else call.arguments
        parts.append(
            {
                "type": "tool_call",
                "id": call.id,
                "name": call.name,
                "arguments": arguments,
            }
        )
    return {"role": message.role, "parts": parts}


def _parts(content: str | tuple[Part, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(content, str):
        content = (Text(content),) if content else ()
    for part in content:
        if isinstance(part, Text):
            yield {"type": "text", "content": part.text}
            continue
        known: dict[str, Any] = {"modality": _MODALITIES[type(part)]}
        if part.media_type is not None:
            known["mime_type"] = part.media_type
        if part.data is None:
            yield {"type": "uri", **known, "uri": part.url}
        else:
            yield {"type": "blob", **known, "content": part.data}  # base64 in JSON


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
