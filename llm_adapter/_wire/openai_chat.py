"""The Chat Completions dialect, as OpenAI, Groq and compatible servers speak it.

A dialect is a cattrs converter: `unstructure(LLMRequest)` gives the body that is sent,
`structure(body, LLMResponse)` reads an answer. Reading is tolerant: unknown fields,
missing fields and loose types never fail (reference/wire-protocols.md 1, 3 and 5.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..models import LLMRequest, LLMResponse, Message, Tool, ToolCall, Usage
from .body import mapping
from .dialect import StreamDecoder, read_answer
from .openai_chat_answers import decode_response
from .openai_chat_calls import decode_tool_call
from .openai_chat_quirks import PLAIN_QUIRKS, ChatQuirks
from .openai_chat_requests import encode_request, encode_tool, streaming, unsupported
from .openai_chat_stream import ChatStreamDecoder
from .openai_chat_turns import encode_message, encode_tool_call
from .openai_chat_usage import decode_usage
from .traits import PLAIN, Traits

if TYPE_CHECKING:
    from cattrs import Converter

_NONE: Mapping[str, str] = {}


@frozen
class ChatDialect:
    """Chat Completions, with a provider's quirks."""

    quirks: ChatQuirks = PLAIN_QUIRKS
    name: str = "chat"
    path: str = "/chat/completions"

    @property
    def formats(self) -> frozenset[str]:
        """What the server has a field for, by its quirks."""
        has = {"json_object": self.quirks.json_mode, "json_schema": self.quirks.schemas}
        return frozenset(name for name, known in has.items() if known)

    def headers(self, request: LLMRequest) -> Mapping[str, str]:
        """None of its own."""
        return _NONE

    def unsupported(self, request: LLMRequest, traits: Traits) -> str | None:
        """What of a request cannot be said here."""
        return unsupported(request, traits, self.quirks)

    def encode(
        self, request: LLMRequest, *, stream: bool, traits: Traits = PLAIN
    ) -> dict[str, Any]:
        """The body to send."""
        body = encode_request(request, self.quirks, traits)
        return streaming(body, self.quirks) if stream else body

    def must_stream(self, request: LLMRequest) -> bool:
        """Never: these servers keep a connection open for as long as it takes."""
        return False

    def decode(self, body: bytes) -> LLMResponse:
        """The answer in a body, also when it came as a stream that nobody asked for."""
        return read_answer(
            body, lambda value: decode_response(value, self.quirks), self.stream_decoder
        )

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for one streamed answer."""
        return ChatStreamDecoder(self.quirks)


@cache
def converter(quirks: ChatQuirks) -> Converter:
    """The cattrs converter of a provider's Chat Completions."""
    from cattrs import Converter

    made = Converter()
    made.register_unstructure_hook(LLMRequest, lambda r: encode_request(r, quirks))
    made.register_unstructure_hook(Message, lambda m: encode_message(m, quirks))
    made.register_unstructure_hook(Tool, encode_tool)
    made.register_unstructure_hook(ToolCall, lambda c: encode_tool_call(c, quirks))
    made.register_structure_hook(
        LLMResponse, lambda body, _: decode_response(body, quirks)
    )
    made.register_structure_hook(
        Usage, lambda body, _: decode_usage(mapping(body), quirks)
    )
    made.register_structure_hook(
        ToolCall, lambda body, _: decode_tool_call(mapping(body))
    )
    return made
