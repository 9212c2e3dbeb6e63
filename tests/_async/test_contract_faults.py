"""The same fault is the same class of error, whichever adapter meets it."""

from __future__ import annotations

import pytest

from llm_adapter import (
    LLMAPIError,
    LLMAuthenticationError,
    LLMConnectionError,
    LLMContentPolicyError,
    LLMContextLengthError,
    LLMInvalidResponseError,
    LLMModelNotFoundError,
    LLMOverloadedError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMStreamInterruptedError,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_drained
from tests.providers import PARTIES

WORDS = "Grüße aus Zürich 🚀, naïve résumé."


@pytest.fixture
def llm(meet, party):
    return meet(party)


# -- faults ---------------------------------------------------------------------------

FAULTS = {
    "rate_limited": (faults.rate_limited("2"), LLMRateLimitError),
    "quota_exhausted": (faults.quota_exhausted(), LLMQuotaExceededError),
    "overloaded": (faults.overloaded(), LLMOverloadedError),
    "server_error": (faults.server_error(), LLMServerError),
    "invalid_api_key": (faults.invalid_api_key(), LLMAuthenticationError),
    "model_not_found": (faults.model_not_found(), LLMModelNotFoundError),
    "context_length": (faults.context_length_exceeded(), LLMContextLengthError),
    "web_page": (faults.html(200), LLMInvalidResponseError),
    "web_page_502": (faults.html(502), LLMServerError),
    "truncated_json": (faults.truncated_json(), LLMInvalidResponseError),
    "empty_body": (faults.empty_body(), LLMInvalidResponseError),
    "error_object": (faults.error_object(), LLMOverloadedError),
    "reset": (faults.reset("body"), LLMConnectionError),
}

OLLAMA_SAYS_LESS = {
    "quota_exhausted": LLMRateLimitError,  # who runs the server is not billed
    "error_object": LLMServerError,  # its one word for all that fails on its side
}


@pytest.mark.parametrize("name", FAULTS)
async def test_the_same_fault_is_the_same_error_everywhere(meet, emulator, party, name):
    fault, kind = FAULTS[name]
    if party.name == "local":
        kind = OLLAMA_SAYS_LESS.get(name, kind)
    emulator.script(fault)
    with pytest.raises(kind) as caught:
        await meet(party, max_retries=0).generate("Hi")
    assert type(caught.value) is kind
    assert caught.value.provider == party.name
    assert caught.value.attempts == 1


async def test_a_rate_limit_names_its_wait(meet, emulator, party):
    emulator.script(faults.rate_limited("2"))
    with pytest.raises(LLMRateLimitError) as caught:
        await meet(party, max_retries=0).generate("Hi")
    assert caught.value.retry_after == 2


async def test_a_passing_fault_is_got_over(llm, emulator):
    emulator.script(faults.overloaded(), faults.rate_limited("0.01"))
    assert (await llm.generate("Hi")).attempts == 3


BROKEN_STREAMS = {
    "before_done": faults.truncated_stream(),
    "before_finish": faults.truncated_stream("before_finish"),
    "reset": faults.reset("stream"),
}


@pytest.mark.parametrize("fault", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
async def test_a_stream_that_is_cut_does_not_look_whole(meet, emulator, party, fault):
    emulator.script(Reply(text=WORDS) | fault)
    stream = meet(party, max_retries=0).stream("Hi")
    if party.name == "local" and fault is BROKEN_STREAMS["before_done"]:
        # Many local servers send no [DONE]: the finish reason is the end.
        _, response = await async_drained(stream)
        assert response.text == WORDS
        return
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await async_drained(stream)
    assert caught.value.partial.text == WORDS
    assert caught.value.partial.finish_reason == "error"


async def test_an_error_within_a_stream_is_the_error_that_it_says(
    meet, emulator, party
):
    emulator.script(Reply(text=WORDS) | faults.stream_error())
    with pytest.raises((LLMAPIError, LLMInvalidResponseError)) as caught:
        await async_drained(meet(party, max_retries=0).stream("Hi"))
    assert caught.value.provider == party.name


DECLINES = [party for party in PARTIES if party.name in ("openai", "anthropic")]


@pytest.mark.parametrize("party", DECLINES, ids=str)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_is_an_answer_with_its_words(meet, emulator, party, streamed):
    emulator.script(faults.refusal())
    llm = meet(party)
    if streamed:
        _, response = await async_drained(llm.stream("Hi"))
    else:
        response = await llm.generate("Hi")
    assert response.finish_reason == "content_filter"
    assert response.refusal
    assert response.attempts == 1


async def test_data_that_was_refused_says_so(meet, emulator):
    emulator.script(faults.refusal())
    with pytest.raises(LLMInvalidResponseError, match="The model refused to answer"):
        await meet(DECLINES[0]).generate_json("Two colours as JSON.")


async def test_a_prompt_against_the_policy_is_an_error_of_its_own(meet, emulator):
    emulator.script(faults.content_policy())
    with pytest.raises(LLMContentPolicyError):
        await meet(DECLINES[0]).generate("Hi")
    assert emulator.counts.requests == 1


async def test_an_error_that_ollama_loses_is_an_interrupted_stream(meet, emulator):
    party = next(each for each in PARTIES if each.name == "local")
    emulator.script(Reply(text=WORDS) | faults.error_lost())
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await async_drained(meet(party, max_retries=0).stream("Hi"))
    assert WORDS.startswith(caught.value.partial.text)
    assert caught.value.partial.text
