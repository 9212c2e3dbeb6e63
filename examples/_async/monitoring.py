"""How providers behave: counted for each provider, model and workflow."""

from __future__ import annotations

from llm_adapter import (
    AsyncLLMFactory,
    AsyncMonitoringLLMService,
    LLMServiceError,
    usage_context,
)


async def main() -> int:
    base = AsyncLLMFactory.create()
    async with AsyncMonitoringLLMService(base) as llm:
        with usage_context(workflow="greeting"):
            await llm.generate("Say hello.")
            async with llm.stream("Say goodbye.") as stream:
                async for text in stream.text():
                    print(text, end="", flush=True)
        try:
            await llm.generate("Say hello.", model="no-such-model")
        except LLMServiceError as error:
            print(f"\n{error}")

        for row in llm.snapshot().rows:
            print(f"{row.provider} {row.model} {row.workflow}: {row.calls} calls")
            print(f"  errors {dict(row.errors)}, {row.retries} retries")
            print(f"  latency p50 {row.latency.p50} s, p99 {row.latency.p99} s")
            print(f"  first token p50 {row.first_token.p50} s")
            print(f"  {row.tokens_per_second.p50} tokens per second")
    return llm.snapshot().total.calls
