"""Requests to the Messages API: a request in, the body to send out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._schema import OutputFormat, in_words, output_format, with_instruction
from ..models import LLMRequest, Tool
from .anthropic_messages_answers import ANSWER_TOOL
from .anthropic_messages_turns import (
    Conversation,
    arrange,
    encode_turn,
    is_paused,
    refused_parts,
)
from .schemas import is_open, supported_schema
from .traits import PLAIN, Traits, holds

MAX_TOKENS = 2000
"""For requests without a limit, which the API does not take."""

LONGEST_UNSTREAMED = 21_333
"""Above this limit an answer may take longer than connections are kept (4.6)."""

_SHARES = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
_SMALLEST_BUDGET = 1024
_ANSWER = "Give the answer by calling this tool."


# -- what cannot be said --------------------------------------------------------------


def unsupported(request: LLMRequest, traits: Traits) -> str | None:
    """What of a request cannot be said here, None when all of it can."""
    return next(_unsupported(request, traits), None)


def _unsupported(request: LLMRequest, traits: Traits) -> Iterator[str]:
    if request.seed is not None:
        yield "seed (this API has no such field)"
    yield from refused_parts(request)
    conversation = arrange(request, traits)
    if not conversation.turns:
        yield "messages that say nothing"
    elif conversation.turns[0].role == "assistant":
        yield "messages that begin with the assistant"
    yield from _refused_endings(request, traits, conversation)
    yield from _refused_answers(request, traits)
    if _is_tool_forced(request) and (reason := _cannot_force(request, traits)):
        yield f"tool_choice={request.tool_choice!r} ({reason})"
    yield from _refused_efforts(request, traits)


def _refused_endings(
    request: LLMRequest, traits: Traits, conversation: Conversation
) -> Iterator[str]:
    if not conversation.ends_with_assistant():
        return
    if is_paused(conversation.turns[-1], request.model):
        return
    if not traits.prefill:
        yield "messages that end with the assistant (this model cannot go on from them)"
    wanted = output_format(request.response_format)
    if wanted is not None and _is_held_to_schema(wanted, traits):
        yield "response_format with messages that end with the assistant"


def _refused_answers(request: LLMRequest, traits: Traits) -> Iterator[str]:
    wanted = output_format(request.response_format)
    if wanted is None or not _is_answered_by_tool(wanted, traits):
        return
    if request.tools:
        yield "response_format with tools (this model keeps to no schema beside them)"
    elif (wanted.schema or {}).get("type") != "object":
        yield "response_format (this model keeps to schemas of objects only)"
    elif reason := _cannot_force(request, traits):
        yield f"response_format ({reason})"


def _is_tool_forced(request: LLMRequest) -> bool:
    return bool(request.tools) and request.tool_choice not in (None, "auto", "none")


def _cannot_force(request: LLMRequest, traits: Traits) -> str | None:
    """Why the model cannot be made to call a tool, None when it can."""
    effort = request.reasoning_effort
    # What reasons by itself is told not to, unless the caller has asked for it.
    reasoning = traits.reasons == "always" or effort not in (None, "none")
    if holds(traits.forced_tools, reasoning=reasoning):
        return None
    if traits.forced_tools == "no" or traits.reasons == "always":
        return "this model cannot be made to call a tool"
    return "this model cannot be made to call a tool while it reasons"


def _refused_efforts(request: LLMRequest, traits: Traits) -> Iterator[str]:
    effort = request.reasoning_effort
    if effort == "none" and traits.reasons == "always":
        yield "reasoning_effort='none' (this model always reasons)"
    if effort in (None, "none") or traits.thinking != "budget":
        return
    limit = request.max_tokens or MAX_TOKENS
    if effort not in _SHARES:
        yield f"reasoning_effort={effort!r} (it takes {', '.join(_SHARES)})"
    elif limit <= _SMALLEST_BUDGET:
        yield (
            f"reasoning_effort={effort!r} with max_tokens={limit} (reasoning alone "
            f"takes {_SMALLEST_BUDGET}: raise max_tokens)"
        )


# -- encode ---------------------------------------------------------------------------


def encode_request(request: LLMRequest, traits: Traits = PLAIN) -> dict[str, Any]:
    """The body to send; only what is set is in it.

    A field of `extra_body` takes the place of ours, also of a whole `output_config`.
    """
    wanted = output_format(request.response_format)
    conversation = arrange(request, traits)
    fields: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or MAX_TOKENS,
        "system": _encode_system(conversation, wanted, traits),
        "messages": [encode_turn(turn, request.model) for turn in conversation.turns],
        "stop_sequences": request.stop_sequences or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "thinking": _encode_thinking(request, traits, wanted),
        "output_config": _encode_output(request, traits, wanted) or None,
        **_encode_tools(request, traits, wanted),
    }
    body = {name: value for name, value in fields.items() if value is not None}
    body.update(request.extra_body)
    return body


def _encode_system(
    conversation: Conversation, wanted: OutputFormat | None, traits: Traits
) -> str | None:
    system = "\n\n".join(conversation.system) or None
    if wanted is None or _is_held_to_schema(wanted, traits):
        return system
    if _is_answered_by_tool(wanted, traits):
        return system
    return with_instruction(system, in_words(wanted))


def _encode_thinking(
    request: LLMRequest, traits: Traits, wanted: OutputFormat | None
) -> dict[str, Any] | None:
    effort = request.reasoning_effort
    if effort is None:
        forced = _is_tool_forced(request) or _is_answered_by_tool(wanted, traits)
        must_not = forced and traits.forced_tools == "unless_reasoning"
        quiet = {"type": traits.not_thinking}
        return quiet if must_not and traits.reasons == "yes" else None
    if effort == "none":
        return None if traits.reasons == "no" else {"type": traits.not_thinking}
    if traits.thinking == "budget":
        return {"type": "enabled", "budget_tokens": _budget(request, effort)}
    if traits.thinking == "adaptive":
        # Without display, thinking comes without its text.
        return {"type": "adaptive", "display": "summarized"}
    return None


def _budget(request: LLMRequest, effort: str) -> int:
    """Tokens to think with: a part of those that the answer may have."""
    share = _SHARES.get(effort, 0.5)
    return max(_SMALLEST_BUDGET, int((request.max_tokens or MAX_TOKENS) * share))


def _encode_output(
    request: LLMRequest, traits: Traits, wanted: OutputFormat | None
) -> dict[str, Any]:
    output: dict[str, Any] = {}
    effort = request.reasoning_effort
    takes_effort = traits.thinking != "budget" or traits.budget_and_effort
    if effort not in (None, "none") and takes_effort:
        output["effort"] = effort
    if wanted is not None and _is_held_to_schema(wanted, traits):
        schema = supported_schema(_described(wanted))
        output["format"] = {"type": "json_schema", "schema": schema}
    return output


def _is_held_to_schema(wanted: OutputFormat, traits: Traits) -> bool:
    # An object whose names nobody knows beforehand could only come back empty.
    schema = wanted.schema
    return schema is not None and traits.schemas and not is_open(schema)


def _described(wanted: OutputFormat) -> dict[str, Any]:
    """The schema, with what the caller says about it as a whole."""
    told = {"description": wanted.description} if wanted.description else {}
    return {**told, **(wanted.schema or {})}


# -- tools ----------------------------------------------------------------------------


def _is_answered_by_tool(wanted: OutputFormat | None, traits: Traits) -> bool:
    """Whether a tool has to take the answer, as the model keeps to no schema else."""
    return wanted is not None and wanted.schema is not None and not traits.schemas


def _encode_tools(
    request: LLMRequest, traits: Traits, wanted: OutputFormat | None
) -> dict[str, Any]:
    if wanted is not None and _is_answered_by_tool(wanted, traits):
        tool = Tool(ANSWER_TOOL, wanted.description or _ANSWER, wanted.schema or {})
        forced = {"type": "tool", "name": tool.name, "disable_parallel_tool_use": True}
        return {"tools": [encode_tool(tool)], "tool_choice": forced}
    if not request.tools:
        return {}
    tools = [encode_tool(tool) for tool in request.tools]
    choice = _encode_tool_choice(request.tool_choice, request.parallel_tool_calls)
    return {"tools": tools, "tool_choice": choice}


def encode_tool(tool: Tool) -> dict[str, Any]:
    """The definition of a tool."""
    schema = {"type": "object", **(tool.parameters or {"properties": {}})}
    body: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    body["input_schema"] = supported_schema(schema) if tool.strict else schema
    if tool.strict is not None:
        body["strict"] = tool.strict
    return body


def _encode_tool_choice(
    choice: str | None, parallel: bool | None
) -> dict[str, Any] | None:
    if choice is None and parallel is None:
        return None
    kind = _CHOICES.get(choice or "auto")
    body: dict[str, Any] = {"type": kind} if kind else {"type": "tool", "name": choice}
    if parallel is not None and choice != "none":
        body["disable_parallel_tool_use"] = not parallel
    return body


_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
