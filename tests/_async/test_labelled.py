"""A service for somebody: their labels are on its requests, and in the ledger."""

from __future__ import annotations

import pytest

from llm_adapter import (
    AsyncMockLLMService,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    LLMRequest,
    usage_context,
)
from tests.concurrency import async_labelled_view, async_other_form
from tests.ledgers import kept_records

LABELS = {"user_id": "ann", "tenant": 7}


@pytest.fixture
def mock():
    return AsyncMockLLMService({"JSON": "{}"})


@pytest.fixture
def labelled(mock):
    return async_labelled_view(mock, LABELS)


async def test_requests_bear_the_labels(mock, labelled):
    await labelled.generate("Hi")
    await labelled.generate_json("Say JSON")
    async with labelled.stream("Hi") as stream:
        async for _ in stream:
            pass
    assert [dict(call.metadata) for call in mock.calls] == [LABELS] * 3


async def test_what_a_request_says_counts_more(mock, labelled):
    await labelled.generate(LLMRequest("Hi", metadata={"user_id": "bob"}))
    await labelled.generate("Hi", metadata={"user_id": "eve", "more": 1})
    assert [call.metadata["user_id"] for call in mock.calls] == ["bob", "eve"]
    assert mock.calls[1].metadata == {"user_id": "eve", "tenant": 7, "more": 1}


async def test_inner_labels_yield_to_those_around(mock, labelled):
    await async_labelled_view(labelled, {"user_id": "bob"}).generate("Hi")
    assert mock.calls[0].metadata == {"user_id": "bob", "tenant": 7}


async def test_requests_for_a_workflow_bear_the_labels_and_its_own(mock, labelled):
    await labelled.for_workflow("content_ranking").generate("Hi")
    assert mock.calls[0].metadata == {**LABELS, "workflow": "content_ranking"}


async def test_of_a_workflow_before_nothing_is_left(mock):
    ranking = mock.for_workflow("content_ranking")
    profile = async_labelled_view(ranking, LABELS).for_workflow("profile_enhancement")
    await profile.generate("Hi")
    plain = mock.for_workflow("profile_enhancement")
    assert profile.config == plain.config
    await plain.generate("Hi")
    assert mock.calls[0].temperature == mock.calls[1].temperature
    assert mock.calls[0].metadata["workflow"] == "profile_enhancement"


async def test_service_for_another_provider_bears_the_labels(mock, connect):
    service = async_labelled_view(connect(), LABELS)
    assert service.for_provider("groq") is service
    other = service.for_provider("local")
    assert other.get_provider_name() == "local"
    assert other._labels == LABELS


async def test_labels_are_kept_as_they_were(mock):
    labels = dict(LABELS)
    labelled = async_labelled_view(mock, labels)
    labels["user_id"] = "bob"
    await labelled.generate("Hi")
    assert mock.calls[0].metadata["user_id"] == "ann"


async def test_everything_is_booked_to_the_labels(mock, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with AsyncTokenTracker(url) as tracker:
        tracked = AsyncTrackingLLMService(mock, tracker)
        labels = {"user_id": 7, "workflow": "ranking"}
        labelled = async_labelled_view(tracked, labels)
        with usage_context(user_id="somebody else"):
            await labelled.generate("Hi")
            await labelled.embed("Hi")
        assert await tracker.flush()
        records = kept_records(tracker)
    assert [each.operation for each in records] == ["generate", "embed"]
    assert {(each.user_id, each.workflow) for each in records} == {("7", "ranking")}


async def test_closing_the_view_leaves_the_service_open(connect):
    service = connect()
    await async_labelled_view(service, LABELS).close()
    assert (await service.generate("Hi")).text


@pytest.mark.parametrize("labels", [["user_id"], {"user_id": 1.5}, {"workflow": b"x"}])
def test_labels_of_the_wrong_type_are_refused(mock, labels):
    with pytest.raises(TypeError, match=r"^(labels|user_id|workflow) must be"):
        async_labelled_view(mock, labels)


def test_service_of_the_other_form_is_refused():
    with pytest.raises(TypeError, match="base must be a service of the form"):
        async_labelled_view(async_other_form()(), LABELS)
