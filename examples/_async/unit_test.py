"""A unit test of a program that uses the port, without a provider."""

from __future__ import annotations

from llm_adapter import AsyncLLMService, AsyncMockLLMService, LLMRateLimitError


async def headline(llm: AsyncLLMService, text: str) -> str:
    """A part of your program."""
    try:
        return (await llm.generate(f"Write a headline for: {text}")).text
    except LLMRateLimitError:
        return "(no headline)"


async def main() -> None:
    llm = AsyncMockLLMService(
        {
            "sea": "Water, everywhere",
            "sky": LLMRateLimitError(retry_after=7),
        }
    )
    assert await headline(llm, "The sea is wide.") == "Water, everywhere"
    assert await headline(llm, "The sky is blue.") == "(no headline)"
    llm.assert_called_with("headline")
    assert len(llm.calls) == 2
