"""A thousand calls at once."""

from __future__ import annotations

import anyio
import pytest

from llm_adapter import AsyncGroqAdapter
from tests.only_async.loops import on_every_loop, run
from tests.processes import emulator_process

CALLS = 1000


@pytest.fixture(scope="module")
def base_url():
    with emulator_process(latency=0.2) as url:
        yield url


@on_every_loop
def test_a_thousand_calls_in_flight_all_succeed(base_url, loop):
    async def main():
        answers = {}

        async def call(number):
            request = f"Say {number}"
            answers[number] = await llm.generate(request, max_tokens=40, timeout=50)

        async with AsyncGroqAdapter("test-key", base_url=base_url) as llm:
            async with anyio.create_task_group() as tasks:
                for number in range(CALLS):
                    tasks.start_soon(call, number)
            again = await llm.generate("Say 7", max_tokens=40)
        return answers, again

    answers, again = run(loop, main)
    assert len(answers) == CALLS
    assert {answer.attempts for answer in answers.values()} == {1}
    assert answers[7].text == again.text != ""


@on_every_loop
def test_a_thousand_streams_at_once_all_end(base_url, loop):
    async def main():
        ended = []

        async def read():
            async with llm.stream("Hi", max_tokens=10, timeout=50) as stream:
                async for _ in stream:
                    pass
            ended.append(stream.response.finish_reason)

        async with (
            AsyncGroqAdapter("test-key", base_url=base_url) as llm,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(CALLS):
                tasks.start_soon(read)
        return ended

    assert len(run(loop, main)) == CALLS
