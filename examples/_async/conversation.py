"""A conversation in which the model calls a function of ours."""

from __future__ import annotations

from llm_adapter import AsyncLLMFactory, LLMRequest, Message, Tool

WEATHER = Tool(
    "weather",
    description="The weather in a city now.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)


async def main() -> str:
    question = Message("user", "Do I need a coat in Zürich?")
    request = LLMRequest(messages=[question], tools=[WEATHER])
    async with AsyncLLMFactory.create() as llm:
        answer = await llm.generate(request)
        if not answer.tool_calls:
            return answer.text
        results = [
            Message("tool", "2 °C, snow", tool_call_id=call.id)
            for call in answer.tool_calls
        ]
        messages = [question, answer.message, *results]
        return (await llm.generate(request, messages=messages)).text
