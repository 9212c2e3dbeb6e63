"""One stream and several readers."""

from __future__ import annotations

import pytest

from llm_adapter import LLMResponse, LLMStreamInterruptedError, TextDelta
from llm_adapter._concurrency import AsyncSignal
from tests.concurrency import async_shared_stream


class Source:
    """Gives these events, and then ends without a word, as one that was closed."""

    partial = LLMResponse("one")

    def __init__(self, *events):
        self._events = [*events]
        self.pulled = 0

    async def __aenter__(self):
        return self

    async def __anext__(self):
        self.pulled += 1
        if not self._events:
            raise StopAsyncIteration
        return self._events.pop(0)


@pytest.fixture
async def source():
    return Source(TextDelta("one"))


@pytest.fixture
async def shared(source):
    async def ended(stream, response):
        assert response is None

    return async_shared_stream(source, ended)


async def test_event_that_is_there_is_not_pulled_again(shared, source):
    first = await shared.event(0, AsyncSignal())
    assert await shared.event(0, AsyncSignal()) is first
    # As by a reader who saw that it was missing just before it came.
    await shared._pull(0)
    assert source.pulled == 1


async def test_opening_twice_opens_once(shared):
    await shared.open()
    await shared.open()


async def test_end_without_a_word_is_an_error_for_all(shared):
    await shared.event(0, AsyncSignal())
    errors = []
    for _ in range(2):
        with pytest.raises(LLMStreamInterruptedError) as caught:
            await shared.event(1, AsyncSignal())
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert errors[1].partial.text == "one"
