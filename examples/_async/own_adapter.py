"""An adapter of your own: three methods, and the rest of the port comes with them."""

from __future__ import annotations

from typing import Any

from llm_adapter import AsyncLLMFactory, AsyncLLMService, LLMResponse


class AsyncEchoAdapter(AsyncLLMService):
    """Answers with the prompt."""

    async def generate(self, request: Any, **overrides: Any) -> LLMResponse:
        # Whatever the caller passed, this is a whole LLMRequest by now.
        return LLMResponse(request.prompt, "echo-1", provider="echo")

    def get_provider_name(self) -> str:
        return "echo"

    def get_available_models(self) -> list[str]:
        return ["echo-1"]


async def main() -> str:
    AsyncLLMFactory.register_adapter("echo", AsyncEchoAdapter)
    llm = AsyncLLMFactory.create("echo")
    async with llm, llm.stream("Is anybody there?") as stream:
        return "".join([text async for text in stream.text()])
