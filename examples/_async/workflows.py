"""Each workflow with its own model, and another one for a while."""

from __future__ import annotations

from llm_adapter import AsyncLLMFactory, ModelSelector


async def main() -> None:
    async with AsyncLLMFactory.create() as llm:
        ranking = llm.for_workflow("content_ranking")
        print(ranking.config.provider, ranking.config.model, ranking.config.max_tokens)
        print(await ranking.generate_json("Rank as a JSON object: swam, slept, sang."))

        letters = llm.for_workflow("cover_letter_generation")
        async with letters.stream("Apply to a choir by the sea.") as stream:
            async for text in stream.text():
                print(text, end="", flush=True)
        print()

        with ModelSelector.override_for_testing("content_ranking", "mock:tiny"):
            response = await ranking.generate("Rank: swam, slept, sang.")
        assert response.model == "tiny"
