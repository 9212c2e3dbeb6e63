"""Requests to the Responses API: a request in, the body to send out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from .._content import Content
from .._schema import (
    JSON_INSTRUCTION,
    OutputFormat,
    in_words,
    output_format,
    with_instruction,
)
from ..models import (
    Audio,
    Document,
    Image,
    LLMRequest,
    Message,
    Part,
    Text,
    Tool,
    ToolCall,
)
from .body import text
from .kept import kept_items
from .openai_chat_content import data_url, encode_audio, holds_bytes, words
from .openai_responses_answers import ARGUMENTS, NAME, item_kind, output_text
from .strict_schemas import held_to_schema
from .traits import PLAIN, Traits, holds

_NO_IDS: frozenset[str] = frozenset()


# -- what cannot be said --------------------------------------------------------------


def unsupported(request: LLMRequest, traits: Traits) -> str | None:
    """What of a request cannot be said here, None when all of it can."""
    return next(_lacking(request, traits), None)


def _lacking(request: LLMRequest, traits: Traits) -> Iterator[str]:
    for name in ("seed", "stop_sequences"):
        if getattr(request, name) not in (None, ()):
            yield f"{name} (the Responses API has no such field)"
    if request.reasoning_effort == "none" and traits.reasons == "always":
        yield "reasoning_effort='none' (this model always reasons)"
    choice = request.tool_choice
    reasoning = traits.reasoning(request.reasoning_effort)
    free = choice in (None, "auto", "none")
    if not free and not holds(traits.forced_tools, reasoning=reasoning):
        yield f"tool_choice={choice!r} (this model cannot be made to call a tool)"
    yield from _lacking_content("user", request.prompt)
    for message in request.messages:
        yield from _lacking_content(message.role, message.content)


def _lacking_content(role: str, content: Content) -> Iterator[str]:
    for part in () if isinstance(content, str) else content:
        name = type(part).__name__
        if role == "assistant" and not isinstance(part, Text):
            yield f"{name} in a turn of the assistant"
        elif role == "tool" and isinstance(part, Audio):
            yield f"{name} in the result of a tool"
        elif isinstance(part, Audio) and not holds_bytes(part.url):
            yield f"{name} by address (pass its bytes: {name}(data=...))"


# -- encode ---------------------------------------------------------------------------


def encode_request(request: LLMRequest, traits: Traits = PLAIN) -> dict[str, Any]:
    """The body to send; beside what is set only that nothing is to be stored."""
    wanted = output_format(request.response_format)
    instructions = request.system_message
    if wanted is not None:
        wanted = held_to_schema(wanted)
    if wanted is not None and wanted.schema is not None and not traits.schemas:
        instructions = with_instruction(instructions, in_words(wanted))
        wanted = OutputFormat()
    fields: dict[str, Any] = {
        "model": request.model,
        "input": _encode_input(request, wanted),
        "instructions": instructions,
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "parallel_tool_calls": request.parallel_tool_calls,
        "store": False,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    if request.response_format is not None:
        body["text"] = {"format": _encode_format(wanted)}
    if request.tools:
        body["tools"] = [encode_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _encode_tool_choice(request.tool_choice)
    body.update(request.extra_body)
    return body


def _encode_input(
    request: LLMRequest, wanted: OutputFormat | None
) -> list[dict[str, Any]]:
    stored = bool(request.extra_body.get("store"))
    items: list[dict[str, Any]] = []
    custom: set[str] = set()
    for message in request.messages:
        turn = encode_message(message, stored=stored, custom=custom)
        custom.update(_custom_calls(turn))
        items += turn
    if request.prompt:
        items.append({"role": "user", "content": _encode_content(request.prompt)})
    in_json = wanted is not None and wanted.schema is None
    if in_json and not _mentions_json(request):
        # The API refuses JSON mode otherwise, and does not look at `instructions`.
        items.insert(0, {"role": "developer", "content": JSON_INSTRUCTION})
    return items


def _custom_calls(items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        if item_kind(item) == "custom_tool_call":
            yield str(item.get("call_id"))


def _mentions_json(request: LLMRequest) -> bool:
    contents = [m.content for m in request.messages if m.role != "tool"]
    return any("json" in words(c).lower() for c in (request.prompt, *contents))


# -- turns ----------------------------------------------------------------------------


def encode_message(
    message: Message, *, stored: bool = False, custom: Collection[str] = _NO_IDS
) -> list[dict[str, Any]]:
    """The items of one turn.

    Args:
        message: the turn.
        stored: whether the provider stores items, and knows earlier ones by their id.
        custom: ids of earlier calls of custom tools, whose results have an own type.
    """
    if message.role == "tool":
        return [_encode_result(message, custom)]
    if message.role != "assistant":
        return [{"role": message.role, "content": _encode_content(message.content)}]
    _, items = kept_items(message, NAME)
    if items and _says_the_same(items, message):
        return _sent_back(items, stored=stored)
    calls = [encode_tool_call(call) for call in message.tool_calls]
    said = words(message.content)
    if calls and not said:
        return calls
    return [{"role": "assistant", "content": said}, *calls]


def _encode_result(message: Message, custom: Collection[str]) -> dict[str, Any]:
    known = "custom_tool_call" if message.tool_call_id in custom else "function_call"
    return {
        "type": f"{known}_output",
        "call_id": message.tool_call_id,
        "output": _encode_content(message.content),
    }


def _says_the_same(items: list[dict[str, Any]], message: Message) -> bool:
    """Whether kept items are still what the message says; it may have been changed."""
    calls = [item.get("call_id") for item in items if item_kind(item) in ARGUMENTS]
    told = [call.id for call in message.tool_calls]
    return calls == told and output_text(items) == words(message.content)


def _sent_back(items: list[dict[str, Any]], *, stored: bool) -> list[dict[str, Any]]:
    """Kept items as they came, without reasoning that the provider would refuse."""
    items = [item for item in items if stored or not _is_lost(item)]
    while items and item_kind(items[-1]) == "reasoning":
        items.pop()  # cut before what it led to, without which it is an error
    return items


def _is_lost(item: Mapping[str, Any]) -> bool:
    """Whether the provider could know an item by nothing but its id."""
    return item_kind(item) == "reasoning" and not text(item.get("encrypted_content"))


# -- content --------------------------------------------------------------------------


def _encode_content(content: Content) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_encode_part(part) for part in content]


def _encode_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=said):
            return {"type": "input_text", "text": said}
        case Image():
            url = part.url or data_url(part)
            # The API's own types require a detail; auto is its default.
            return {
                "type": "input_image",
                "image_url": url,
                "detail": part.detail or "auto",
            }
        case Document():
            return {"type": "input_file", **_encode_file(part)}
        case _:
            return {"type": "input_audio", "input_audio": encode_audio(part)}


def _encode_file(part: Document) -> dict[str, str]:
    url = part.url or data_url(part)
    if not url.startswith("data:"):
        return {"file_url": url}  # a filename beside it is refused
    return {"filename": part.name or _filename(url), "file_data": url}


def _filename(url: str) -> str:
    """A name for bytes that have none: the API wants one."""
    import mimetypes

    media_type = url.removeprefix("data:").partition(",")[0].partition(";")[0]
    return "document" + (mimetypes.guess_extension(media_type) or "")


# -- tools and formats ----------------------------------------------------------------


def encode_tool(tool: Tool) -> dict[str, Any]:
    """The definition of a function; the API's own default would be strict."""
    function: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": tool.parameters or {"type": "object", "properties": {}},
        "strict": bool(tool.strict),
    }
    if tool.description is not None:
        function["description"] = tool.description
    return function


def encode_tool_call(call: ToolCall) -> dict[str, Any]:
    """A call in the assistant's turn, as the model wrote it where that is known."""
    arguments = call.raw_arguments or msgspec.json.encode(call.arguments).decode()
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def _encode_tool_choice(choice: str) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _encode_format(wanted: OutputFormat | None) -> dict[str, Any]:
    if wanted is None:
        return {"type": "text"}
    if wanted.schema is None:
        return {"type": "json_object"}
    named: dict[str, Any] = {
        "type": "json_schema",
        "name": wanted.name,
        "schema": wanted.schema,
        "strict": bool(wanted.strict),
    }
    if wanted.description is not None:
        named["description"] = wanted.description
    return named
