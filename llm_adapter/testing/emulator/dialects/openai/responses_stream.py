"""The events of a streamed response (wire-protocols.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ... import text
from ...replies import Fault, Reply
from ..events import Event, Mark, encode_event
from ..payload import Payload
from .responses import SEAL, Response, base, failed, stream_error, text_part

_Step = tuple[str, Mapping[str, Any], Mark | None]
"""Type, fields and mark of an event that has no number yet."""


def stream(response: Response, reply: Reply) -> tuple[Event, ...]:
    """All events of a response, numbered from 0."""
    hidden = response.payload.dig("stream_options", "include_obfuscation") is not False
    return tuple(
        _event(number, *step, hidden=hidden)
        for number, step in enumerate(_steps(response, reply))
    )


def failure(fault: Fault, payload: Payload, before: int) -> tuple[bytes, ...]:
    """How a fault shows after so many events."""
    if fault.kind == "error_lost":
        return ()
    response = failed(fault, payload)
    ended = {"type": "response.failed", "response": response}
    body: Mapping[str, Any] = stream_error(fault) if response is None else ended
    return (encode_event({**body, "sequence_number": before}, body["type"]),)


def _event(
    number: int,
    kind: str,
    fields: Mapping[str, Any],
    mark: Mark | None,
    *,
    hidden: bool,
) -> Event:
    body = {"type": kind, "sequence_number": number, **fields}
    if hidden and mark == "delta":
        body["obfuscation"] = ("emulator" * 2)[: 16 - len(fields["delta"]) % 16]
    return Event.of(body, mark, name=kind)


def _steps(response: Response, reply: Reply) -> Iterator[_Step]:
    beginning = {"response": base(response.payload, response.made.model)}
    yield "response.created", beginning, None
    yield "response.in_progress", beginning, None
    for index, item in enumerate(response.items):
        at = {"output_index": index}
        yield "response.output_item.added", {**at, "item": _opened(item)}, None
        yield from _ITEMS[item["type"]](item, {"item_id": item["id"], **at}, reply)
        yield "response.output_item.done", {**at, "item": item}, None
    yield f"response.{response.status}", {"response": response.encode()}, "finish"


def _opened(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as it is announced: without its content."""
    if item["type"] == "reasoning":
        return {**item, "summary": [], "encrypted_content": SEAL}
    empty = ("arguments", "") if item["type"] == "function_call" else ("content", [])
    return {**item, empty[0]: empty[1], "status": "in_progress"}


def _reasoning(
    item: Mapping[str, Any], at: Mapping[str, Any], reply: Reply
) -> Iterator[_Step]:
    for index, part in enumerate(item["summary"]):
        place = {**at, "summary_index": index}
        empty = {**part, "text": ""}
        yield "response.reasoning_summary_part.added", {**place, "part": empty}, None
        kind = "response.reasoning_summary_text"
        for piece in text.split(part["text"], reply.deltas):
            yield f"{kind}.delta", {**place, "delta": piece}, "delta"
        yield f"{kind}.done", {**place, "text": part["text"]}, None
        yield "response.reasoning_summary_part.done", {**place, "part": part}, None


def _message(
    item: Mapping[str, Any], at: Mapping[str, Any], reply: Reply
) -> Iterator[_Step]:
    (part,) = item["content"]
    refuses = part["type"] == "refusal"
    field = "refusal" if refuses else "text"
    place = {**at, "content_index": 0}
    empty: Mapping[str, Any] = text_part("")
    if refuses:
        empty = {"type": "refusal", "refusal": ""}
    kind = "response.refusal" if refuses else "response.output_text"
    own: Mapping[str, Any] = {} if refuses else {"logprobs": []}
    yield "response.content_part.added", {**place, "part": empty}, None
    for piece in text.split(part[field], reply.deltas):
        yield f"{kind}.delta", {**place, "delta": piece, **own}, "delta"
    yield f"{kind}.done", {**place, field: part[field], **own}, None
    yield "response.content_part.done", {**place, "part": part}, None


def _function_call(
    item: Mapping[str, Any], at: Mapping[str, Any], reply: Reply
) -> Iterator[_Step]:
    kind = "response.function_call_arguments"
    for piece in text.split(item["arguments"], reply.deltas or 1):
        yield f"{kind}.delta", {**at, "delta": piece}, "delta"
    yield f"{kind}.done", {**at, "arguments": item["arguments"]}, None


_ITEMS = {
    "reasoning": _reasoning,
    "message": _message,
    "function_call": _function_call,
}
