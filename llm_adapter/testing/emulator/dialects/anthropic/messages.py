"""Anthropic's Messages (wire-protocols.md 4.5 and 4.6): answers, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ... import json_bytes, text
from ...json_bytes import dig
from ...replies import Reply
from ..completions import (
    EFFORTS,
    Asked,
    Completion,
    Function,
    chosen,
    compose,
    count_tokens,
    wanted_schema,
)
from ..dialect import REQUEST_ID
from ..events import Event, Mark
from ..payload import Payload
from .models import model_of
from .thinking import seal, shows_thoughts, thinks

_STOP_REASONS = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}
_CACHEABLE = 1024
"""Tokens of a prompt below which a cache mark does nothing."""


def respond(payload: Payload, reply: Reply) -> dict[str, Any]:
    """The whole answer."""
    made = compose(asked(payload), reply)
    content = [_whole_block(each) for each in _blocks(made, payload)]
    return _message(made, content, _ending(made), _usage(made, payload))


def asked(payload: Payload) -> Asked:
    """What the request wants."""
    form = payload.dig("output_config", "format", "type")
    schema = payload.dig("output_config", "format", "schema")
    stops = payload.get("stop_sequences", [])
    return Asked(
        model=payload.model,
        canonical=payload.canonical,
        budget=payload.get("max_tokens"),
        stops=tuple(each for each in stops if isinstance(each, str)),
        function=_function(payload),
        # There is no JSON mode here: a model does what it is told.
        json="one json object" in payload.canonical.lower(),
        schema=wanted_schema(form, schema),
        thoughts=EFFORTS.get(_effort(payload), 12) if thinks(payload) else 0,
    )


def _effort(payload: Payload) -> str:
    model = model_of(payload.model)
    default = "medium" if model is None else model.effort
    return str(payload.dig("output_config", "effort") or default)


def _function(payload: Payload) -> Function | None:
    choice = payload.get("tool_choice")
    functions = (
        Function(tool["name"], tool.get("input_schema"))
        for tool in payload.objects("tools")
        if isinstance(tool.get("name"), str)
    )
    forced = dig(choice, "type") in ("any", "tool")
    return chosen(functions, forced=forced, name=dig(choice, "name"))


# -- blocks ---------------------------------------------------------------------------

_Block = Mapping[str, Any]
"""A content block; the input of a tool is still text."""


def _blocks(made: Completion, payload: Payload) -> Iterator[_Block]:
    silent = made.refusal is not None or payload.get("max_tokens") == 0
    if made.reasoning is not None or (thinks(payload) and not silent):
        shown = made.scripted or shows_thoughts(payload)
        thought = (made.reasoning or "") if shown else ""
        model = model_of(payload.model)
        signature = seal(thought, model.name if model else payload.model)
        yield {"type": "thinking", "thinking": thought, "signature": signature}
    if made.text or (made.text is not None and made.scripted):
        yield {"type": "text", "text": made.text}
    for index, (name, arguments) in enumerate(made.tool_calls):
        identity = f"toolu_{REQUEST_ID}_{index}"
        yield {"type": "tool_use", "id": identity, "name": name, "input": arguments}


def _whole_block(block: _Block) -> dict[str, Any]:
    if block["type"] != "tool_use":
        return dict(block)
    decoded = json_bytes.decode(block["input"].encode("utf-8", "surrogatepass"))
    given = decoded if decoded is not None else block["input"] or {}
    return {**block, "input": given}


def _ending(made: Completion) -> dict[str, Any]:
    """How the message stops."""
    reason = made.finish_reason or _STOP_REASONS[made.end]
    details = {
        "type": "refusal",
        "category": "general_harms",
        "explanation": made.refusal,
    }
    return {
        "stop_reason": reason,
        "stop_sequence": made.stop,
        "stop_details": details if reason == "refusal" else None,
    }


def _message(
    made: Completion,
    content: list[dict[str, Any]],
    ending: Mapping[str, Any],
    usage: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "id": f"msg_{REQUEST_ID}",
        "type": "message",
        "role": "assistant",
        "model": made.model,
        "content": content,
        **ending,
        "container": None,
        "usage": usage,
    }


# -- counts ---------------------------------------------------------------------------


def _usage(made: Completion, payload: Payload) -> dict[str, Any]:
    """The prompt in disjoint buckets, and what was written."""
    written = _cached(payload, made.prompt_tokens)
    return {
        "input_tokens": made.prompt_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": 0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": made.output_tokens,
        "output_tokens_details": {"thinking_tokens": made.reasoning_tokens},
        "server_tool_use": None,
        "service_tier": "standard",
        "speed": "standard",
        "inference_geo": "global",
        **made.usage,
    }


def _cached(payload: Payload, tokens: int) -> int:
    """Tokens that a mark writes to the cache: half of a prompt that is long enough."""
    marked = '"cache_control"' in payload.canonical
    return tokens // 2 if marked and tokens >= _CACHEABLE else 0


def count_input(payload: Payload) -> dict[str, Any]:
    """The answer of `/messages/count_tokens`."""
    return {"input_tokens": count_tokens(payload.canonical)}


# -- stream ---------------------------------------------------------------------------


def stream(payload: Payload, reply: Reply) -> tuple[Event, ...]:
    """The events of a streamed answer."""
    made = compose(asked(payload), reply)
    return tuple(_events(made, payload, reply))


def _events(made: Completion, payload: Payload, reply: Reply) -> Iterator[Event]:
    usage = _usage(made, payload)
    pending = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    begun = {**usage, "output_tokens": 1}
    begun.pop("output_tokens_details", None)
    yield event("message_start", message=_message(made, [], pending, begun))
    for index, block in enumerate(_blocks(made, payload)):
        empty = _BEGUN[block["type"]]
        yield event(
            "content_block_start", index=index, content_block={**block, **empty}
        )
        if index == 0:
            yield event("ping")
        for delta, mark in _deltas(block, reply):
            yield event("content_block_delta", mark, index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ending = {**_ending(made), "container": None}
    yield event("message_delta", "finish", delta=ending, usage=usage)
    yield event("message_stop", "done")


def event(kind: str, mark: Mark | None = None, **fields: Any) -> Event:
    """An event whose data repeats its name."""
    return Event.of({"type": kind, **fields}, mark, name=kind)


_BEGUN: Mapping[str, dict[str, Any]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def _deltas(block: _Block, reply: Reply) -> Iterator[tuple[_Block, Mark | None]]:
    if block["type"] == "thinking":
        for piece in text.split(block["thinking"], reply.deltas):
            yield {"type": "thinking_delta", "thinking": piece}, "delta"
        yield {"type": "signature_delta", "signature": block["signature"]}, None
    elif block["type"] == "text":
        for piece in text.split(block["text"], reply.deltas):
            yield {"type": "text_delta", "text": piece}, "delta"
    else:
        for piece in text.split(block["input"], reply.deltas or 1):
            yield {"type": "input_json_delta", "partial_json": piece}, "delta"
