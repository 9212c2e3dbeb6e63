"""Overrides of models and the tasks that are started under them."""

from __future__ import annotations

import anyio
import anyio.to_thread

from llm_adapter import ModelSelector

RANKING = "content_ranking"
USUAL = "openai/gpt-oss-20b"


def model(selector):
    return selector.get_config(RANKING).model


async def test_what_is_started_inside_a_block_is_under_its_override_until_it_ends():
    selector, found = ModelSelector(environ={}, dotenv=None), []
    over = anyio.Event()

    async def child():
        found.append(model(selector))
        await over.wait()
        found.append(model(selector))

    async with anyio.create_task_group() as tasks:
        with selector.override_for_testing(RANKING, "tiny"):
            tasks.start_soon(child)
            await anyio.wait_all_tasks_blocked()
        over.set()
    assert found == ["tiny", USUAL]


async def test_a_worker_thread_of_a_block_is_under_its_override():
    selector = ModelSelector(environ={}, dotenv=None)
    with selector.override_for_testing(RANKING, "tiny"):
        assert await anyio.to_thread.run_sync(model, selector) == "tiny"


async def test_tasks_beside_a_block_are_not_under_its_override():
    selector, found = ModelSelector(environ={}, dotenv=None), []
    began = anyio.Event()

    async def beside():
        await began.wait()
        found.append(model(selector))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beside)
        with selector.override_for_testing(RANKING, "tiny"):
            began.set()
            await anyio.wait_all_tasks_blocked()
            assert found == [USUAL]
