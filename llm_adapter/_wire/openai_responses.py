"""The Responses dialect, as OpenAI and compatible servers speak it.

A dialect is a cattrs converter: `unstructure(LLMRequest)` gives the body that is sent,
`structure(body, LLMResponse)` reads an answer. The provider is asked to store nothing:
what it wants back with a conversation travels in `provider_items`
(reference/wire-protocols.md 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..models import LLMRequest, LLMResponse, Message, Tool, ToolCall, Usage
from .body import mapping
from .dialect import StreamDecoder, read_answer
from .openai_responses_answers import (
    NAME,
    decode_response,
    decode_tool_call,
    decode_usage,
)
from .openai_responses_requests import (
    encode_message,
    encode_request,
    encode_tool,
    encode_tool_call,
    unsupported,
)
from .openai_responses_stream import ResponsesStreamDecoder
from .traits import PLAIN, Traits

if TYPE_CHECKING:
    from cattrs import Converter

_NONE: Mapping[str, str] = {}


@frozen
class ResponsesDialect:
    """The Responses API, used without its memory of conversations."""

    name: str = NAME
    path: str = "/responses"
    formats: frozenset[str] = frozenset({"json_object", "json_schema"})

    def headers(self, request: LLMRequest) -> Mapping[str, str]:
        """None of its own."""
        return _NONE

    def unsupported(self, request: LLMRequest, traits: Traits) -> str | None:
        """What of a request cannot be said here."""
        return unsupported(request, traits)

    def encode(
        self, request: LLMRequest, *, stream: bool, traits: Traits = PLAIN
    ) -> dict[str, Any]:
        """The body to send."""
        body = encode_request(request, traits)
        return {**body, "stream": True} if stream else body

    def must_stream(self, request: LLMRequest) -> bool:
        """Never: these servers keep a connection open for as long as it takes."""
        return False

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body, also when it came as a stream that nobody asked for."""
        return read_answer(body, decode_response, self.stream_decoder)

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        return ResponsesStreamDecoder()


@cache
def converter() -> Converter:
    """The cattrs converter of the Responses API; a message becomes several items."""
    from cattrs import Converter

    made = Converter()
    made.register_unstructure_hook(LLMRequest, encode_request)
    made.register_unstructure_hook(Message, encode_message)
    made.register_unstructure_hook(Tool, encode_tool)
    made.register_unstructure_hook(ToolCall, encode_tool_call)
    made.register_structure_hook(LLMResponse, lambda body, _: decode_response(body))
    made.register_structure_hook(Usage, lambda body, _: decode_usage(mapping(body)))
    made.register_structure_hook(
        ToolCall, lambda body, _: decode_tool_call(mapping(body))
    )
    return made
