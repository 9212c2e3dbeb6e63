"""Which sentence is nearest to a question, by vectors of the provider's."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMFactory,
    LLMConfigurationError,
    LLMUnsupportedFeatureError,
)

SENTENCES = ["The ferry leaves at nine.", "Snow fell on Zürich.", "Rust is a language."]


async def main() -> str:
    async with AsyncLLMFactory.create() as llm:
        try:
            question, *known = await llm.embed(["Do I need a coat?", *SENTENCES])
        except (LLMUnsupportedFeatureError, LLMConfigurationError) as error:
            return f"no vectors here: {error}"
    nearness = [
        sum(a * b for a, b in zip(question, each, strict=True)) for each in known
    ]
    return SENTENCES[nearness.index(max(nearness))]
