"""The quickstart: LLM_PROVIDER and the provider's key say whom it asks."""

from llm_adapter import AsyncLLMFactory


async def main() -> None:
    async with AsyncLLMFactory.create() as llm:
        response = await llm.generate(
            "Explain in one sentence why the sky is blue.",
            system_message="You are terse.",
        )
        print(response.text)
        print(response.model, response.tokens_used, response.cost)

        data = await llm.generate_json("Give a JSON object: two colours and their hex.")
        print(data)

        async with llm.stream("Tell a story in three sentences.") as stream:
            async for text in stream.text():
                print(text, end="", flush=True)
        print(f"\n({stream.response.attempts} attempt)")
