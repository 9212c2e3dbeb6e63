"""Data instead of text: a JSON object, or a value of a type of your own."""

from __future__ import annotations

from dataclasses import dataclass

from llm_adapter import AsyncLLMFactory, LLMInvalidResponseError

POSTING = "Data engineer in Zürich, five years of Python, a little German."


@dataclass
class Job:
    title: str
    years: int
    languages: list[str]


async def main() -> Job | None:
    async with AsyncLLMFactory.create() as llm:
        keywords = await llm.generate_json(f"JSON with the keywords of: {POSTING}")
        print(sorted(keywords))
        try:
            return await llm.generate_as(Job, f"Read this posting: {POSTING}")
        except LLMInvalidResponseError as error:
            print(f"Not a job, at character {error.position}: {error.text}")
            return None
