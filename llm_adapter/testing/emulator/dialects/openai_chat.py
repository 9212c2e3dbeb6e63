"""What the speakers of Chat Completions have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import text
from ..json_bytes import dig
from ..replies import Reply
from .completions import Asked, Completion, Function, chosen, wanted_schema
from .dialect import CREATED, REQUEST_ID
from .payload import Payload, Types, objects

TYPES: Types = {
    "model": str,
    "messages": list,
    "tools": list,
    "tool_choice": (str, dict),
    "response_format": dict,
    "stop": (str, list),
    "n": int,
    "max_tokens": int,
    "max_completion_tokens": int,
    "stream": bool,
    "stream_options": dict,
    "reasoning_effort": str,
}

FINISH_REASONS = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "stop",
}


def asked(payload: Payload, *, thoughts: int = 0) -> Asked:
    """What the request wants, by the fields that OpenAI's Chat has for it."""
    form = payload.dig("response_format", "type")
    schema = payload.dig("response_format", "json_schema", "schema")
    return Asked(
        model=payload.model,
        canonical=payload.canonical,
        budget=payload.get("max_completion_tokens", payload.get("max_tokens")),
        stops=stops(payload.get("stop")),
        function=_function(payload),
        json=form == "json_object",
        schema=wanted_schema(form, schema),
        thoughts=thoughts,
    )


def stops(value: Any) -> tuple[str, ...]:
    """The stop sequences in a string or a list.

    >>> stops("a"), stops(["b", 1]), stops(None)
    (('a',), ('b',), ())
    """
    several = value if isinstance(value, list) else [value]
    return tuple(each for each in several if isinstance(each, str))


def _function(payload: Payload) -> Function | None:
    """The function that must be called, where one must."""
    choice = payload.get("tool_choice")
    wanted = dig(choice, "function", "name")
    return chosen(functions(payload), forced=choice == "required", name=wanted)


def functions(payload: Payload) -> list[Function]:
    """The functions among the tools that have a name."""
    tools = (each.get("function") for each in objects(payload.get("tools")))
    return [
        Function(tool["name"], tool.get("parameters"))
        for tool in objects(list(tools))
        if isinstance(tool.get("name"), str)
    ]


def include_usage(payload: Payload) -> bool:
    return bool(payload.dig("stream_options", "include_usage"))


def finish_reason(completion: Completion) -> str:
    return completion.finish_reason or FINISH_REASONS[completion.end]


def envelope(
    completion: Completion, kind: str, choices: list[dict[str, Any]]
) -> dict[str, Any]:
    """The object around the choices: a whole answer or a chunk."""
    return {
        "id": f"chatcmpl-{REQUEST_ID}",
        "object": kind,
        "created": CREATED,
        "model": completion.model,
        "system_fingerprint": "fp_emulator",
        "choices": choices,
    }


def whole(
    completion: Completion,
    message: Mapping[str, Any],
    usage: Mapping[str, Any],
    count: int = 1,
) -> dict[str, Any]:
    """The answer in one object, with so many choices."""
    choices = [
        {
            "index": index,
            "message": message,
            "logprobs": None,
            "finish_reason": finish_reason(completion),
        }
        for index in range(count)
    ]
    return {**envelope(completion, "chat.completion", choices), "usage": usage}


def chunk(
    completion: Completion,
    delta: Mapping[str, Any],
    finish: str | None = None,
    index: int = 0,
) -> dict[str, Any]:
    """One event of the stream."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return envelope(completion, "chat.completion.chunk", [choice])


def tool_call(index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    identity = f"call_{REQUEST_ID}_{index}"
    return {"id": identity, "type": "function", "function": function}


def tool_calls(completion: Completion) -> list[dict[str, Any]]:
    return [
        tool_call(index, name, arguments)
        for index, (name, arguments) in enumerate(completion.tool_calls)
    ]


def deltas(completion: Completion, reply: Reply) -> Iterator[dict[str, Any]]:
    """Text and then tool calls in pieces."""
    for piece in text.split(completion.text or "", reply.deltas):
        yield {"content": piece}
    for index, (name, arguments) in enumerate(completion.tool_calls):
        first, *rest = text.split(arguments, reply.deltas or 1) or [""]
        yield {"tool_calls": [{"index": index, **tool_call(index, name, first)}]}
        for piece in rest:
            more = {"index": index, "function": {"arguments": piece}}
            yield {"tool_calls": [more]}


def counted(completion: Completion) -> dict[str, int]:
    """The counts that all speakers give."""
    return {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.prompt_tokens + completion.output_tokens,
    }
