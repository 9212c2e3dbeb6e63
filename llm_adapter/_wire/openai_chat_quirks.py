"""How one server's Chat Completions differ from another's: data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

Off: TypeAlias = Literal["effort", "thinking", "enabled"]


@frozen(kw_only=True)
class ChatQuirks:
    """How a provider's Chat Completions differ.

    Args:
        max_tokens_field: the name under which the cap on the answer is sent.
        seed_field: the name under which the seed is sent.
        effort: whether reasoning_effort is sent as that field, or inside an object
            named reasoning.
        off: how reasoning is switched off: by the effort "none", by {"type":
            "disabled"} in a field "thinking", or by "enabled": false in reasoning.
        required: the word for a tool_choice that makes the model call some tool.
        none_beside_tools: whether tool_choice "none" may stand beside tools; else the
            tools stay away.
        lacks: fields of a request that it refuses or does not know.
        json_mode: whether it has {"type": "json_object"}; else it is told in words.
        schemas: whether it takes a JSON schema; else it is told in words.
        strict_types: whether it holds answers to schemas of types, in strict form.
        document_part: the kind of part that a Document is sent as.
        documents_by_address: whether a Document may be sent as its address.
        result_parts: whether results of tools may hold more than text.
        short_call_ids: whether ids of tool calls must be 9 letters and digits.
        user_after_result: whether the user may speak straight after a tool's result;
            else the assistant says a word between them.
        alternates: whether user and assistant must take turns; else one of them may
            speak several times in a row.
        usage_on_request: whether a stream reports usage only when asked to.
        ends_with_done: whether a stream is complete only after `data: [DONE]`.
        think_tags: whether reasoning may come inside the text, in <think> tags.
        sends_reasoning: the name under which earlier reasoning goes back with the
            conversation, None where it stays here.
        needs_reasoning: whether every earlier turn of the assistant's must bring it
            when there are tools, if only an empty one.
        keeps: what of an answer it wants back unchanged: reasoning_details,
            extra_content of tool calls, or parts of the content that are "thinking".
        signed_calls: whether the first tool call of a turn must bring Gemini's
            signature, or say that there is none.
        requires_parameters: whether a request must say that no value in it may be
            passed over (OpenRouter).
        hidden_output: whether tokens of the answer may be counted in the total alone.
        apart: counts at the top of usage that completion_tokens does not include.
    """

    max_tokens_field: str = "max_completion_tokens"
    seed_field: str = "seed"
    effort: Literal["field", "object"] = "field"
    off: Off = "effort"
    required: str = "required"
    none_beside_tools: bool = True
    lacks: frozenset[str] = frozenset()
    json_mode: bool = True
    schemas: bool = True
    strict_types: bool = False
    document_part: Literal["file", "document_url"] = "file"
    documents_by_address: bool = False
    result_parts: bool = True
    short_call_ids: bool = False
    user_after_result: bool = True
    alternates: bool = False
    usage_on_request: bool = True
    ends_with_done: bool = True
    think_tags: bool = False
    sends_reasoning: str | None = None
    needs_reasoning: bool = False
    keeps: frozenset[str] = frozenset()
    signed_calls: bool = False
    requires_parameters: bool = False
    hidden_output: bool = False
    apart: tuple[str, ...] = ()


PLAIN_QUIRKS = ChatQuirks()
"""A server that does as OpenAI does."""
