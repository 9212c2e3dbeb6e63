"""Print an answer while it is written, and keep what arrived if it is cut."""

from __future__ import annotations

from llm_adapter import AsyncLLMFactory, LLMStreamInterruptedError


async def main() -> str:
    async with AsyncLLMFactory.create() as llm:
        try:
            async with llm.stream("Tell a story in three sentences.") as stream:
                async for event in stream:
                    if event.type == "text":
                        print(event.text, end="", flush=True)
                response = stream.response
        except LLMStreamInterruptedError as error:
            return error.partial.text if error.partial else ""
    print(f"\n{response.tokens_used} tokens, {response.cost} dollars")
    return response.text
