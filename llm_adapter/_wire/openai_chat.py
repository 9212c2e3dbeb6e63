"""The Chat Completions dialect, as OpenAI, Groq and compatible servers speak it.

A dialect is a cattrs converter: `unstructure(LLMRequest)` gives the body that is sent,
`structure(body, LLMResponse)` reads an answer. Reading is tolerant: unknown fields,
missing fields and loose types never fail (reference/wire-protocols.md 1, 3 and 5.6).
"""

from __future__ import annotations

import base64
import reprlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import frozen

from .._schema import output_format
from ..errors import LLMInvalidResponseError, LLMUnsupportedFeatureError
from ..models import (
    Audio,
    Document,
    FinishReason,
    Image,
    LLMRequest,
    LLMResponse,
    Message,
    Text,
    Tool,
    ToolCall,
    Usage,
)
from .body import count, mapping, text
from .errors import describes_error, error_from_value
from .openai_chat_calls import decode_tool_call, decode_tool_calls

if TYPE_CHECKING:
    from cattrs import Converter

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause_turn": "pause",
    "error": "error",
    "cancelled": "error",
    "failed": "error",
}
"""Chat's own words, and those that gateways pass on from other dialects."""

PATH = "/chat/completions"

_BASE64 = ";base64,"


@frozen(kw_only=True)
class ChatQuirks:
    """How a provider's Chat Completions differ.

    Args:
        max_tokens_field: the name under which the cap on the answer is sent.
        usage_on_request: whether a stream reports usage only when asked to.
        ends_with_done: whether a stream is complete only after `data: [DONE]`.
        sends_reasoning: whether earlier reasoning goes back with the conversation.
    """

    max_tokens_field: str = "max_completion_tokens"
    usage_on_request: bool = True
    ends_with_done: bool = True
    sends_reasoning: bool = False


@cache
def converter(quirks: ChatQuirks) -> Converter:
    """The cattrs converter of a provider's Chat Completions."""
    from cattrs import Converter

    made = Converter()
    made.register_unstructure_hook(LLMRequest, lambda r: encode_request(r, quirks))
    made.register_unstructure_hook(Message, lambda m: encode_message(m, quirks))
    made.register_unstructure_hook(Tool, encode_tool)
    made.register_unstructure_hook(ToolCall, encode_tool_call)
    made.register_structure_hook(LLMResponse, lambda body, _: decode_response(body))
    made.register_structure_hook(Usage, lambda body, _: decode_usage(body))
    made.register_structure_hook(ToolCall, lambda body, _: decode_tool_call(body))
    return made


# -- encode ---------------------------------------------------------------------------


def encode_request(request: LLMRequest, quirks: ChatQuirks) -> dict[str, Any]:
    """The body to send; only what is set is in it."""
    fields: dict[str, Any] = {
        "model": request.model,
        "messages": _encode_conversation(request, quirks),
        "temperature": request.temperature,
        quirks.max_tokens_field: request.max_tokens,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": request.stop_sequences or None,
        "reasoning_effort": request.reasoning_effort,
        "parallel_tool_calls": request.parallel_tool_calls,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    if request.response_format is not None:
        body["response_format"] = _encode_format(request)
    if request.tools:
        body["tools"] = [encode_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _encode_tool_choice(request.tool_choice)
    if request.extra_body:
        body.update(request.extra_body)
    return body


def streaming(body: dict[str, Any], quirks: ChatQuirks) -> dict[str, Any]:
    """The same body, asking for a stream."""
    asked = {"stream_options": {"include_usage": True}}
    return {**(asked if quirks.usage_on_request else {}), **body, "stream": True}


def _encode_conversation(
    request: LLMRequest, quirks: ChatQuirks
) -> list[dict[str, Any]]:
    encoded = [encode_message(message, quirks) for message in request.messages]
    if request.system_message is not None:
        encoded.insert(0, {"role": "system", "content": request.system_message})
    if request.prompt:
        content = _encode_content(request.prompt)
        encoded.append({"role": "user", "content": content})
    return encoded


def encode_message(message: Message, quirks: ChatQuirks) -> dict[str, Any]:
    """One turn of the conversation."""
    content = _encode_content(message.content)
    body: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["content"] = content or None
        body["tool_calls"] = [encode_tool_call(call) for call in message.tool_calls]
    if message.reasoning and quirks.sends_reasoning:
        body["reasoning"] = message.reasoning
    return body


def _encode_content(content: Any) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_encode_part(part) for part in content]


def _encode_part(part: Text | Image | Document | Audio) -> dict[str, Any]:
    match part:
        case Text(text=words):
            return {"type": "text", "text": words}
        case Image():
            image = {"url": part.url or data_url(part), "detail": part.detail}
            known = {name: value for name, value in image.items() if value}
            return {"type": "image_url", "image_url": known}
        case Document():
            file = {"file_data": _embedded(part), "filename": part.name}
            known = {name: value for name, value in file.items() if value}
            return {"type": "file", "file": known}
        case _:
            return {"type": "input_audio", "input_audio": _encode_audio(part)}


def _encode_audio(part: Audio) -> dict[str, str]:
    head, _, data = _embedded(part).partition(_BASE64)
    kind = head.partition("/")[2].removeprefix("x-")
    return {"data": data, "format": {"mpeg": "mp3", "wave": "wav"}.get(kind, kind)}


def _embedded(part: Document | Audio) -> str:
    """A part that can only be sent with its bytes, as a data: URL."""
    url = part.url or data_url(part)
    if url.startswith("data:") and _BASE64 in url:
        return url
    name = type(part).__name__
    raise LLMUnsupportedFeatureError(
        f"{name}(url=...) cannot be sent by address here: pass the bytes as "
        f"{name}(data=...). Nothing was sent.",
        feature=name,
    )


def data_url(part: Image | Document | Audio) -> str:
    """The part's bytes as a data: URL."""
    data = base64.b64encode(part.data or b"").decode()
    return f"data:{part.media_type};base64,{data}"


def encode_tool(tool: Tool) -> dict[str, Any]:
    """The definition of a function."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function: dict[str, Any] = {"name": tool.name, "parameters": parameters}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def encode_tool_call(call: ToolCall) -> dict[str, Any]:
    """A call in the assistant's turn, as the model wrote it where that is known."""
    arguments = call.raw_arguments or msgspec.json.encode(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _encode_tool_choice(choice: str) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def _encode_format(request: LLMRequest) -> dict[str, Any]:
    wanted = output_format(request.response_format)
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


# -- decode ---------------------------------------------------------------------------


def decode_response(body: Any) -> LLMResponse:
    """The answer in a body.

    Raises:
        LLMServiceError: the body describes an error, although the status was 200.
        LLMInvalidResponseError: there is no answer in it.
    """
    fields = mapping(body)
    choices = fields.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    if not choice:
        raise _no_answer(body)
    message = mapping(choice.get("message")) or mapping(choice.get("delta"))
    calls = decode_tool_calls(message.get("tool_calls"))
    refusal = text(message.get("refusal"))
    words = content_text(message.get("content"))
    raw_reason = text(choice.get("finish_reason"))
    return LLMResponse(
        words,
        text(fields.get("model")) or "",
        finish_reason=finish_reason(raw_reason, calls, refusal, words),
        raw_finish_reason=raw_reason,
        usage=decode_usage(usage_field(fields)),
        tool_calls=calls,
        reasoning=reasoning_text(message) or None,
        refusal=refusal,
        id=text(fields.get("id")),
        request_id=text(mapping(fields.get("x_groq")).get("id")),
        raw=body,
    )


def _no_answer(body: Any) -> Exception:
    if describes_error(body):
        return error_from_value(body, status_code=200)
    return LLMInvalidResponseError(
        f"The provider's answer holds no choices: {reprlib.repr(body)}.",
        body=body,
        retryable=True,
    )


def content_text(content: object) -> str:
    """The text of a message whose content is a string, parts or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (
        part if isinstance(part, str) else mapping(part).get("text") for part in content
    )
    return "".join(part for part in parts if isinstance(part, str))


def reasoning_text(message: Mapping[str, Any]) -> str:
    """Reasoning, under whichever name a server gives it."""
    for name in ("reasoning", "reasoning_content"):
        words = message.get(name)
        if isinstance(words, str) and words:
            return words
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    return "".join(text(mapping(item).get("text")) or "" for item in details)


def finish_reason(
    raw: str | None, calls: tuple[ToolCall, ...], refusal: str | None, words: str
) -> FinishReason:
    """The standard word for why an answer ended."""
    if refusal:
        return "content_filter"
    standard = FINISH_REASONS.get(raw or "", "unknown")
    if calls and standard in ("stop", "unknown"):
        return "tool_calls"
    return "stop" if raw is None and words else standard


def usage_field(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the usage stands: at the top, or in streams of Groq under x_groq."""
    return mapping(fields.get("usage")) or mapping(
        mapping(fields.get("x_groq")).get("usage")
    )


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Token counts; what is missing stays None."""
    prompt = mapping(usage.get("prompt_tokens_details"))
    completion = mapping(usage.get("completion_tokens_details"))
    sent = count(usage.get("prompt_tokens"))
    received = count(usage.get("completion_tokens"))
    total = count(usage.get("total_tokens"))
    if total is None and sent is not None and received is not None:
        total = sent + received
    return Usage(
        input_tokens=sent,
        output_tokens=received,
        cached_input_tokens=count(prompt.get("cached_tokens")),
        cache_write_tokens=count(prompt.get("cache_write_tokens")),
        reasoning_tokens=count(completion.get("reasoning_tokens")),
        total_tokens=total,
    )
