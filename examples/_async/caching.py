"""Pay once for the same answer: LLM_CACHE_URL says where answers are kept."""

from __future__ import annotations

from llm_adapter import AsyncCachingLLMService, AsyncLLMFactory


async def main() -> bool:
    base = AsyncLLMFactory.create()
    async with AsyncCachingLLMService(base, ttl=24 * 3600) as llm:
        first = await llm.generate("Name three strengths of a good resume.")
        again = await llm.generate("Name three strengths of a good resume.")
        print(first.text)
        print(f"The second cost {again.cost} dollars, {again.tokens_used} tokens saved")

        anew = await llm.generate("Name a strength of a good resume.", cache="refresh")
        print(anew.text, anew.cached)

        async with llm.stream("Name three strengths of a good resume.") as stream:
            async for text in stream.text():
                print(text, end="", flush=True)
        print(f"\n{llm.stats()}")
    return again.cached and stream.response.cached
