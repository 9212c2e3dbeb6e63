"""Requests to Chat Completions: a request in, the body to send out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._replace import replace
from .._schema import (
    JSON_OBJECT,
    OutputFormat,
    in_words,
    output_format,
    with_instruction,
)
from ..models import LLMRequest, Tool
from .openai_chat_content import is_text, sent_by_address, words
from .openai_chat_quirks import ChatQuirks
from .openai_chat_turns import encode_conversation
from .strict_schemas import held_to_schema
from .traits import PLAIN, Traits, holds

_FREE_CHOICES = (None, "auto", "none")
_NOTHING = (None, (), "")

# -- what cannot be said ---------------------------------------------------------------


def unsupported(request: LLMRequest, traits: Traits, quirks: ChatQuirks) -> str | None:
    """What of a request cannot be said here, None when all of it can."""
    return next(_lacking(request, traits, quirks), None)


def _lacking(request: LLMRequest, traits: Traits, quirks: ChatQuirks) -> Iterator[str]:
    for name in sorted(quirks.lacks):
        if getattr(request, name) not in _NOTHING:
            yield f"{name} (this API has no such field)"
    if traits.chat != "yes":
        yield from _lacking_on_chat(request, traits)
    yield from _lacking_of_model(request, traits)
    contents = [request.prompt, *(message.content for message in request.messages)]
    if kind := sent_by_address(contents, quirks):
        yield f"{kind} by address (pass its bytes: {kind}(data=...))"
    results = [m.content for m in request.messages if m.role == "tool"]
    if not quirks.result_parts and not all(map(is_text, results)):
        yield "messages with a tool's result that is more than text"


def _lacking_on_chat(request: LLMRequest, traits: Traits) -> Iterator[str]:
    if traits.chat == "no":
        yield "chat (this model is served by the Responses API only)"
    elif request.tools and traits.chat == "without_tools":
        yield "tools (this model takes them on the Responses API only)"
    elif request.tools and traits.reasoning(request.reasoning_effort):
        yield "tools (Chat takes them for this model with reasoning_effort='none')"


def _lacking_of_model(request: LLMRequest, traits: Traits) -> Iterator[str]:
    effort, choice = request.reasoning_effort, request.tool_choice
    if effort == "none" and traits.reasons == "always":
        yield "reasoning_effort='none' (this model always reasons)"
    if choice not in _FREE_CHOICES and not holds(
        traits.forced_tools, reasoning=_reasons_anyway(request, traits)
    ):
        yield f"tool_choice={choice!r} (this model cannot be made to call a tool)"
    ends = not request.prompt and request.messages[-1:]
    if ends and ends[0].role == "assistant" and not traits.prefill:
        yield "messages that end with the assistant (this model cannot go on from them)"


def _reasons_anyway(request: LLMRequest, traits: Traits) -> bool:
    """Whether the model reasons although it is to call a tool.

    What reasons by itself is told not to, unless the caller has asked for it.
    """
    if traits.reasons == "always":
        return True
    return request.reasoning_effort not in (None, "none")


# -- encode ---------------------------------------------------------------------------


def encode_request(
    request: LLMRequest, quirks: ChatQuirks, traits: Traits = PLAIN
) -> dict[str, Any]:
    """The body to send; only what is set is in it."""
    wanted = output_format(request.response_format)
    if wanted is not None:
        request, wanted = _asked(request, wanted, quirks, traits)
    fields: dict[str, Any] = {
        "model": request.model,
        "messages": encode_conversation(request, quirks),
        "temperature": request.temperature,
        quirks.max_tokens_field: request.max_tokens,
        "top_p": request.top_p,
        quirks.seed_field: request.seed,
        "stop": request.stop_sequences or None,
        **_encode_effort(_effort(request, traits), quirks),
        **_encode_tools(request, quirks),
    }
    body = {name: value for name, value in fields.items() if value is not None}
    if request.response_format is not None:
        body["response_format"] = _encode_format(wanted)
    if request.extra_body:
        body.update(request.extra_body)
    if quirks.requires_parameters and not body.keys() <= {"model", "messages"}:
        body["provider"] = _requiring(body.get("provider"))
    return body


def streaming(body: dict[str, Any], quirks: ChatQuirks) -> dict[str, Any]:
    """The same body, asking for a stream."""
    asked = {"stream_options": {"include_usage": True}}
    return {**(asked if quirks.usage_on_request else {}), **body, "stream": True}


def _effort(request: LLMRequest, traits: Traits) -> str | None:
    """The effort to ask for: none where it would stand against a forced tool."""
    effort = request.reasoning_effort
    forced = request.tool_choice not in _FREE_CHOICES
    stops = traits.reasons == "yes" and traits.forced_tools == "unless_reasoning"
    return "none" if forced and stops and effort is None else effort


def _encode_effort(effort: str | None, quirks: ChatQuirks) -> dict[str, Any]:
    if effort is None:
        return {}
    if effort == "none" and quirks.off == "thinking":
        return {"thinking": {"type": "disabled"}}
    if effort == "none" and quirks.off == "enabled":
        return {"reasoning": {"enabled": False}}
    if quirks.effort == "object":
        return {"reasoning": {"effort": effort}}
    return {"reasoning_effort": effort}


def _requiring(preferences: object) -> object:
    """OpenRouter's preferences, with what says that no value may be passed over."""
    if isinstance(preferences, Mapping):
        return {"require_parameters": True, **preferences}
    return {"require_parameters": True} if preferences is None else preferences


# -- tools ----------------------------------------------------------------------------


def _encode_tools(request: LLMRequest, quirks: ChatQuirks) -> dict[str, Any]:
    choice = request.tool_choice
    if choice == "none" and not quirks.none_beside_tools:
        return {}
    tools = [encode_tool(tool) for tool in request.tools]
    return {
        "parallel_tool_calls": request.parallel_tool_calls,
        "tools": tools or None,
        "tool_choice": None if choice is None else _encode_choice(choice, quirks),
    }


def encode_tool(tool: Tool) -> dict[str, Any]:
    """The definition of a function."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function: dict[str, Any] = {"name": tool.name, "parameters": parameters}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _encode_choice(choice: str, quirks: ChatQuirks) -> str | dict[str, Any]:
    if choice == "required":
        return quirks.required
    if choice in ("auto", "none"):
        return choice
    return {"type": "function", "function": {"name": choice}}


# -- formats --------------------------------------------------------------------------


def _asked(
    request: LLMRequest, wanted: OutputFormat, quirks: ChatQuirks, traits: Traits
) -> tuple[LLMRequest, OutputFormat | None]:
    """The request that also says in words what must be said so, and the format."""
    if wanted.schema is not None and quirks.schemas and traits.schemas:
        return request, held_to_schema(wanted) if quirks.strict_types else wanted
    if wanted.schema is None and quirks.json_mode and _mentions_json(request):
        return request, wanted
    # In JSON mode too: servers refuse it unless some message asks for JSON.
    system = with_instruction(request.system_message, in_words(wanted))
    mode = JSON_OBJECT if quirks.json_mode else None
    changed = replace(request, system_message=system, response_format=mode)
    return changed, output_format(mode)


def _mentions_json(request: LLMRequest) -> bool:
    said = [words(m.content) for m in request.messages if m.role != "tool"]
    said += [request.system_message or "", words(request.prompt)]
    return any("json" in each.lower() for each in said)


def _encode_format(wanted: OutputFormat | None) -> dict[str, Any]:
    if wanted is None:
        return {"type": "text"}
    if wanted.schema is None:
        return {"type": "json_object"}
    named = {
        "name": wanted.name,
        "schema": wanted.schema,
        "description": wanted.description,
        "strict": wanted.strict,
    }
    known = {name: value for name, value in named.items() if value is not None}
    return {"type": "json_schema", "json_schema": known}
