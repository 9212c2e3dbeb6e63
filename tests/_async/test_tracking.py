"""Every request is booked once, with whose it is, what it was and what it cost."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from attrs import frozen

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncOpenAIAdapter,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    Budget,
    LLMAuthenticationError,
    LLMBudgetExceededError,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMRequest,
    LLMResponse,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    MemoryCache,
    Settings,
    Usage,
    usage_context,
)
from llm_adapter import _tracking as tracking
from llm_adapter.ledger import LedgerError, Record
from llm_adapter.pricing import PriceList, price_date
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true, async_drained, async_fan_out
from tests.ledgers import kept_records, locked

KEY = "test-key-3f9a"
MODEL = "openai/gpt-oss-120b"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
async def make_tracker(url):
    """Makes trackers; the end of the test closes them."""
    made = []

    def make(**options):
        tracker = AsyncTokenTracker(url, **options)
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        await tracker.close()


@pytest.fixture
async def tracker(make_tracker):
    return make_tracker()


@pytest.fixture
async def service(llm, tracker):
    return AsyncTrackingLLMService(llm, tracker)


async def booked(tracker):
    """All records that are in the database, in the order of their beginning."""
    assert await tracker.flush()
    return kept_records(tracker)


async def statuses(tracker):
    return [record.status for record in await booked(tracker)]


@frozen
class Word:
    word: str


# -- what is booked -------------------------------------------------------------------


async def test_answer_is_booked_with_all_that_is_known_of_it(service, tracker):
    before = datetime.now(UTC).replace(tzinfo=None)
    response = await service.generate(
        "Hi", metadata={"user_id": 7, "workflow": "letters"}
    )
    (record,) = await booked(tracker)
    assert record == Record(
        id=record.id,
        call_id=record.call_id,
        attempt=1,
        at=record.at,
        operation="generate",
        provider="groq",
        model=response.model,
        user_id="7",
        workflow="letters",
        status="succeeded",
        status_code=200,
        usage=response.usage,
        cost=response.cost,
        price_date=price_date("groq", response.model),
        latency=response.history[0].duration,
        request_id=response.request_id,
    )
    assert record.cost > 0
    assert before <= record.at <= datetime.now(UTC).replace(tzinfo=None)


async def test_json_is_booked(emulator, service, tracker):
    emulator.script(Reply(text='{"a": 1}'))
    assert await service.generate_json("Hi") == {"a": 1}
    assert await statuses(tracker) == ["succeeded"]


async def test_json_that_cannot_be_read_is_booked_as_paid(emulator, service, tracker):
    emulator.script(Reply(text="no"))
    with pytest.raises(LLMInvalidResponseError):
        await service.generate_json("Hi")
    (record,) = await booked(tracker)
    assert (record.status, record.cost > 0) == ("succeeded", True)


async def test_values_of_a_type_are_booked(emulator, service, tracker):
    emulator.script(Reply(text='{"word": "a"}'))
    assert await service.generate_as(Word, "Hi") == Word("a")
    assert await statuses(tracker) == ["succeeded"]


async def test_each_attempt_is_booked_under_one_call(emulator, service, tracker):
    emulator.script(faults.server_error(), faults.rate_limited("0"))
    await service.generate("Hi")
    records = await booked(tracker)
    assert [(each.attempt, each.status) for each in records] == [
        (1, "failed"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    assert [each.status_code for each in records] == [500, 429, 200]
    assert [each.error for each in records][:2] == [
        "LLMServerError",
        "LLMRateLimitError",
    ]
    assert len({each.call_id for each in records}) == 1
    assert len({each.id for each in records}) == 3


async def test_failure_is_booked_with_its_request_id(emulator, service, tracker):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError) as caught:
        await service.generate("Hi")
    (record,) = await booked(tracker)
    assert (record.status, record.cost) == ("failed", None)
    assert record.request_id == caught.value.request_id is not None


async def test_call_that_its_caller_gives_up_is_booked(emulator, service, tracker):
    emulator.script(faults.slow_first_byte(5))
    with pytest.raises(LLMTimeoutError):
        await service.generate("Hi", timeout=0.2, metadata={"user_id": "ann"})
    (record,) = await booked(tracker)
    assert (record.status, record.error) == ("failed", "LLMTimeoutError")
    assert record.user_id == "ann"


async def test_nothing_is_booked_of_what_was_not_sent(service, tracker):
    with pytest.raises(ValueError, match="prompt"):
        await service.generate("")
    with pytest.raises(LLMConfigurationError):
        await service.embed("sea")
    assert await booked(tracker) == []


async def test_stream_is_booked_with_its_first_token(service, tracker):
    _, response = await async_drained(service.stream("Hi"))
    (record,) = await booked(tracker)
    assert (record.status, record.operation) == ("succeeded", "stream")
    assert (record.usage, record.cost) == (response.usage, response.cost)
    assert 0 < record.first_token <= record.latency


async def test_stream_that_is_cut_is_booked(emulator, service, tracker):
    emulator.script(faults.truncated_stream())
    with pytest.raises(LLMStreamInterruptedError):
        await async_drained(service.stream("Hi"))
    (record,) = await booked(tracker)
    assert (record.status, record.error) == ("interrupted", "LLMStreamInterruptedError")


async def test_stream_that_is_left_is_booked(service, tracker):
    async with service.stream("Hi") as stream:
        await anext(stream)
        assert stream.partial.finish_reason
    (record,) = await booked(tracker)
    assert (record.status, record.error) == ("interrupted", None)


async def test_stream_that_nobody_opens_is_not_booked(service, tracker):
    stream = service.stream("Hi")
    assert stream.partial == LLMResponse(finish_reason="error")
    await stream.close()
    assert await booked(tracker) == []


async def test_stream_says_at_once_what_is_wrong_with_its_request(service):
    with pytest.raises(ValueError, match="prompt"):
        service.stream("")


async def test_vectors_are_booked(emulator, tracker):
    base_url = emulator.base_url("openai")
    async with AsyncTrackingLLMService(
        AsyncOpenAIAdapter(KEY, base_url=base_url), tracker
    ) as service:
        vectors = await service.embed(["sea", "hill"])
    (record,) = await booked(tracker)
    assert (record.operation, record.usage) == ("embed", vectors.usage)


async def test_service_without_requests_is_booked_by_its_calls(tracker):
    mock = AsyncMockLLMService({"bad": LLMAuthenticationError("no", status_code=401)})
    service = AsyncTrackingLLMService(mock, tracker)
    await service.generate("Hi", model="a-model")
    with pytest.raises(LLMAuthenticationError):
        await service.generate("bad")
    await async_drained(service.stream("Hi"))
    await service.embed("sea")
    records = await booked(tracker)
    assert [(each.operation, each.status) for each in records] == [
        ("generate", "succeeded"),
        ("generate", "failed"),
        ("stream", "succeeded"),
        ("embed", "succeeded"),
    ]


# -- what is spared -------------------------------------------------------------------


async def test_hit_of_a_cache_costs_nothing(llm, tracker):
    caching = AsyncCachingLLMService(llm, MemoryCache())
    service = AsyncTrackingLLMService(caching, tracker)
    first = await service.generate("Hi")
    await service.generate("Hi")
    await async_drained(service.stream("Hi"))
    paid, hit, stream = await booked(tracker)
    assert (paid.status, paid.cost) == ("succeeded", first.cost)
    for record in (hit, stream):
        assert (record.status, record.cost, record.attempt) == ("cached", 0, 0)
        assert (record.provider, record.model) == ("groq", first.model)
        assert record.usage == Usage(input_tokens=0, output_tokens=0, total_tokens=0)


async def test_hit_of_json_bears_the_model_that_was_asked_for(emulator, llm, tracker):
    emulator.script(Reply(text='{"a": 1}'))
    caching = AsyncCachingLLMService(llm, MemoryCache())
    service = AsyncTrackingLLMService(caching, tracker)
    for _ in range(2):
        await service.generate_json("Hi", model=MODEL)
    _, hit = await booked(tracker)
    assert (hit.status, hit.provider, hit.model) == ("cached", "groq", MODEL)


async def test_who_waits_for_the_call_of_another_pays_nothing(emulator, llm, tracker):
    emulator.script(faults.slow_first_byte(0.1))
    caching = AsyncCachingLLMService(llm, MemoryCache())
    service = AsyncTrackingLLMService(caching, tracker)
    await async_fan_out(lambda number: service.generate("Hi", timeout=30), 5)
    found = Counter(await statuses(tracker))
    assert found == {"succeeded": 1, "cached": 4}


# -- whose it is ----------------------------------------------------------------------


async def test_user_and_workflow_come_from_around(service, tracker):
    with usage_context(user_id=7), usage_context(workflow="letters"):
        await service.generate("Hi")
        await service.generate("Hi", metadata={"user_id": "ann"})
        stream = service.stream("Hi")
        await async_drained(stream)
    await service.generate("Hi")
    whose = [(each.user_id, each.workflow) for each in await booked(tracker)]
    assert whose == [
        ("7", "letters"),
        ("ann", "letters"),
        ("7", "letters"),
        (None, None),
    ]


async def test_workflow_of_a_view_is_booked(service, tracker):
    await service.for_workflow("content_ranking").generate("Hi", model=MODEL)
    (record,) = await booked(tracker)
    assert record.workflow == "content_ranking"


async def test_workflow_of_vectors_is_booked(tracker):
    service = AsyncTrackingLLMService(AsyncMockLLMService(), tracker)
    await service.for_workflow("content_ranking").embed("sea")
    (record,) = await booked(tracker)
    assert (record.operation, record.workflow) == ("embed", "content_ranking")


async def test_sibling_of_another_provider_is_booked_in_the_same_ledger(
    emulator, connect, tracker
):
    settings = Settings(openai_api_key=KEY, openai_base_url=emulator.base_url("openai"))
    service = AsyncTrackingLLMService(connect(settings=settings), tracker)
    await service.for_provider("openai").generate("Hi")
    (record,) = await booked(tracker)
    assert record.provider == "openai"


async def test_user_that_is_no_label_is_refused_before_anything_is_sent(
    emulator, service
):
    with pytest.raises(TypeError, match="user_id must be"):
        await service.generate("Hi", metadata={"user_id": 1.5})
    assert emulator.counts.requests == 0


async def test_stream_of_a_user_that_is_no_label_is_not_opened(emulator, service):
    with pytest.raises(TypeError, match="user_id must be"):
        await async_drained(service.stream("Hi", metadata={"user_id": 1.5}))
    assert emulator.counts.requests == 0


async def test_own_prices_are_dated_as_they_say(connect, tracker, tmp_path):
    path = tmp_path / "prices.json"
    price = {"input": "1", "output": "1"}
    path.write_text(json.dumps({"date": "2026-11-01", "groq": {MODEL: price}}))
    settings = Settings(prices_file=str(path))
    service = AsyncTrackingLLMService(connect(settings=settings), tracker)
    response = await service.generate("Hi", model=MODEL)
    (record,) = await booked(tracker)
    assert record.cost == Decimal(response.usage.total_tokens) / 1_000_000
    assert record.price_date == price_date("groq", MODEL, PriceList.read(str(path)))


# -- budgets --------------------------------------------------------------------------


@pytest.fixture
async def within(llm, make_tracker):
    """Makes services that keep to budgets."""

    def make(*budgets, base=None):
        return AsyncTrackingLLMService(base or llm, make_tracker(budgets=budgets))

    return make


def spent(service):
    """What the budgets of a service have spent, and what is reserved."""
    ledger = service.tracker.ledger
    counters = [*tracking.touched(ledger.budgets, user_id="ann", at=datetime.now(UTC))]
    found = ledger.database.standings(counters)
    return [(each.spent, each.reserved) for each in found]


async def test_call_beyond_a_budget_is_not_made(emulator, within):
    service = within(Budget(tokens=1, user_id="*"))
    with pytest.raises(LLMBudgetExceededError, match="user 'ann'") as caught:
        await service.generate("Hi", metadata={"user_id": "ann"})
    assert emulator.counts.requests == 0
    assert caught.value.provider == "groq"
    assert 0 < caught.value.retry_after <= 86_400
    await service.generate("Hi")  # of no user


async def test_stream_beyond_a_budget_is_not_made(emulator, within):
    service = within(Budget(tokens=1))
    with pytest.raises(LLMBudgetExceededError):
        await async_drained(service.stream("Hi"))
    assert emulator.counts.requests == 0


async def test_vectors_beyond_a_budget_are_not_made(emulator, within):
    async with AsyncOpenAIAdapter(KEY, base_url=emulator.base_url("openai")) as llm:
        service = within(Budget(tokens=30), base=llm)
        await service.embed("sea")
        with pytest.raises(LLMBudgetExceededError):
            await service.embed(["sea"] * 100)
    assert emulator.counts.requests == 1


async def test_budget_counts_what_an_answer_has_cost(within):
    service = within(Budget(1), Budget(tokens=100_000))
    response = await service.generate("Hi")
    await async_drained(service.stream("Hi"))
    assert await service.tracker.flush()
    cost = int(response.cost * 2 * 10**12)
    assert spent(service) == [(cost, 0), (response.usage.total_tokens * 2, 0)]


async def test_budget_counts_what_was_reserved_where_nobody_knows(emulator, within):
    service = within(Budget(tokens=100_000))
    async with service.stream("Hi", max_tokens=500) as stream:
        await anext(stream)
        ((_, reserved),) = spent(service)
        assert reserved > 500
    assert await service.tracker.flush()
    assert spent(service) == [(reserved, 0)]


async def test_refused_call_takes_nothing_of_a_budget(emulator, within):
    service = within(Budget(tokens=100_000))
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await service.generate("Hi")
    assert await service.tracker.flush()
    assert spent(service) == [(0, 0)]


async def test_call_that_was_not_sent_gives_back_what_it_reserved(within):
    service = within(Budget(tokens=100_000), base=AsyncMockLLMService())
    with pytest.raises(ValueError, match="prompt"):
        await service.generate("")
    assert await service.tracker.flush()
    assert spent(service) == [(0, 0)]


async def test_call_without_a_known_price_may_begin_as_long_as_anything_is_left(
    within,
):
    service = within(Budget("0.01"), base=AsyncMockLLMService())
    await service.generate("Hi")
    await service.tracker.flush()
    broke = within(Budget(0), base=AsyncMockLLMService())
    with pytest.raises(LLMBudgetExceededError):
        await broke.generate("Hi")


async def test_calls_at_once_do_not_overrun_a_budget(emulator, within):
    emulator.script(*[faults.slow_first_byte(0.05)] * 20)
    service = within(Budget(tokens=2500))

    async def call(number):
        try:
            await service.generate("Hi", max_tokens=1000)
        except LLMBudgetExceededError:
            return "refused"
        return "made"

    made = Counter(await async_fan_out(call, 10))
    assert made["made"] >= 2
    assert await service.tracker.flush()
    ((used, reserved),) = spent(service)
    assert (used <= 2500, reserved) == (True, 0)


async def test_ledger_that_is_busy_for_a_moment_is_waited_for(within, url):
    service = within(Budget(1))
    await service.generate("Hi")
    assert await service.tracker.flush()
    with locked(url, seconds=0.3):
        await service.generate("Hi", timeout=20)


async def test_call_with_a_budget_that_nobody_knows_is_not_made(
    emulator, within, tmp_path, monkeypatch
):
    monkeypatch.setattr(tracking, "FIRST_PAUSE", 0.01)
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    service = within(Budget(1))
    with pytest.raises(LedgerError, match="No budget could be asked") as caught:
        await service.generate("Hi", timeout=0.3)
    assert (caught.value.provider, caught.value.retryable) == ("groq", True)
    assert emulator.counts.requests == 0


async def test_usage_that_is_told_counts_in_budgets(within):
    service = within(Budget(tokens=1000, user_id="*"))
    await service.tracker.log_usage("ann", "letters", "x", "y", tokens_used=1000)
    assert await service.tracker.flush()
    with pytest.raises(LLMBudgetExceededError):
        await service.generate("Hi", metadata={"user_id": "ann"})


# -- the tracker ----------------------------------------------------------------------


async def test_usage_that_is_told_is_in_the_sums_at_once(tracker):
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    await tracker.log_usage(1, "letters", "groq", "openai/gpt-oss-20b", usage=usage)
    assert await tracker.get_user_usage(1) == {
        "total_tokens": 1_000_000,
        "total_cost": Decimal("0.075"),
        "workflows": {"letters": 1_000_000},
    }


async def test_tokens_without_a_kind_have_no_price(tracker):
    await tracker.log_usage("ann", None, "groq", "openai/gpt-oss-20b", 1000)
    assert await tracker.get_user_usage("ann") == {
        "total_tokens": 1000,
        "total_cost": None,
        "workflows": {"": 1000},
    }


async def test_user_without_usage_has_cost_nothing(tracker):
    assert await tracker.get_user_usage("nobody") == {
        "total_tokens": 0,
        "total_cost": Decimal(0),
        "workflows": {},
    }


async def test_users_are_told_apart_by_what_they_are_called(tracker):
    user = UUID(int=7)
    await tracker.log_usage(user, "letters", "x", "y", 10, cost=Decimal("0.5"))
    assert (await tracker.get_user_usage(str(user)))["total_cost"] == Decimal("0.5")
    assert (await tracker.get_user_usage(7))["total_tokens"] == 0


async def test_usage_is_told_by_model_and_by_day(service, tracker):
    await service.generate("Hi", metadata={"user_id": 1, "workflow": "letters"})
    (row,) = await tracker.get_usage(by=["model", "day"], user_id=1, workflow="letters")
    assert (row.provider, row.calls, row.succeeded) == ("groq", 1, 1)
    (day,) = await tracker.get_days(user_id=1, since=row.day)
    assert (day.day, day.usage.cost) == (row.day, row.cost)
    assert await tracker.get_usage(by="user", until=row.day) == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"tokens_used": -1}, ValueError, "tokens_used is -1"),
        ({"tokens_used": 1.5}, TypeError, "tokens_used must be"),
        ({"tokens_used": True}, TypeError, "tokens_used must be"),
        ({}, TypeError, "either usage= or tokens_used="),
        ({"tokens_used": 1, "usage": Usage()}, TypeError, "either usage="),
        ({"usage": {"input_tokens": 1}}, TypeError, "usage must be"),
        ({"tokens_used": 1, "cost": Decimal(-1)}, ValueError, "cost is"),
        ({"tokens_used": 1, "cost": "NaN"}, ValueError, "cost is"),
        ({"tokens_used": 1, "cost": "much"}, ValueError, "cost is 'much'"),
        ({"tokens_used": 1, "cost": 0.1}, TypeError, "cost must be"),
        ({"tokens_used": 1, "provider": None}, TypeError, "provider must be"),
        ({"tokens_used": 1, "model": 3}, TypeError, "model must be"),
        ({"tokens_used": 1, "user_id": 1.5}, TypeError, "user_id must be"),
        ({"tokens_used": 1, "workflow": b"x"}, TypeError, "workflow must be"),
    ],
)
async def test_nonsense_is_not_booked(tracker, arguments, kind, message):
    known = {"user_id": 1, "workflow": "w", "provider": "groq", "model": "m"}
    with pytest.raises(kind, match=message):
        await tracker.log_usage(**{**known, **arguments})
    assert await booked(tracker) == []


async def test_ledger_is_that_of_the_settings(tmp_path):
    settings = Settings(ledger_url=f"sqlite:///{tmp_path}/other.db")
    service = AsyncTrackingLLMService(AsyncMockLLMService(), settings=settings)
    async with service:
        await service.generate("Hi")
    assert (tmp_path / "other.db").exists()


async def test_ledger_may_be_named_by_its_url(url):
    async with AsyncTrackingLLMService(AsyncMockLLMService(), url) as service:
        await service.generate("Hi")
        assert url in repr(service)
    async with AsyncTokenTracker(url) as tracker:
        assert await statuses(tracker) == ["succeeded"]


async def test_ledger_of_a_program_without_settings_is_a_file_here(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLM_LEDGER_URL", raising=False)
    async with AsyncTokenTracker() as tracker:
        await tracker.log_usage(1, "w", "x", "y", 1)
    assert (tmp_path / "llm_usage.db").exists()


async def test_tracker_of_the_program_outlives_the_service(llm, tracker):
    async with AsyncTrackingLLMService(llm, tracker) as service:
        await service.generate("Hi")
    await tracker.log_usage(1, "w", "x", "y", 1)
    assert len(await booked(tracker)) == 2


@pytest.mark.parametrize("tracker", [1, object, b"sqlite:///x"])
async def test_what_is_no_tracker_is_refused(tracker):
    with pytest.raises(TypeError, match="tracker must be"):
        AsyncTrackingLLMService(AsyncMockLLMService(), tracker)


@pytest.mark.parametrize("budgets", [Budget(1), 5, ["5"]])
async def test_what_are_no_budgets_is_refused(url, budgets):
    with pytest.raises(TypeError, match="budgets must be"):
        AsyncTokenTracker(url, budgets=budgets)


async def test_url_that_is_none_is_refused():
    with pytest.raises(LLMConfigurationError, match="mysql"):
        AsyncTokenTracker("mysql://host/db")


async def test_what_could_not_be_written_is_told_and_waits(make_tracker, tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    tracker = make_tracker(timeout=0.2)
    await tracker.log_usage(1, "w", "x", "y", 1)
    assert not await tracker.flush(0.1)
    assert tracker.stats().waiting == 1
    with pytest.raises(LedgerError, match="not a database"):
        await tracker.get_user_usage(1)


async def test_what_waits_is_written_when_the_database_is_back(
    make_tracker, tmp_path, url
):
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    tracker = make_tracker(timeout=0.2)
    await tracker.log_usage(1, "w", "x", "y", 1)
    await tracker.flush(0.1)
    (tmp_path / "ledger.db").unlink()
    assert await tracker.flush(20)
    assert await statuses(tracker) == ["succeeded"]


async def test_ledger_is_shown_without_secrets(make_tracker, url):
    assert url in repr(make_tracker())


async def test_own_service_books_what_it_asks_of_others(llm, tracker):
    class Own(AsyncLLMService):
        async def generate(self, request):
            return await llm.generate(request)

        def get_provider_name(self):
            return "own"

        def get_available_models(self):
            return []

    await AsyncTrackingLLMService(Own(), tracker).generate(LLMRequest("Hi"))
    (record,) = await booked(tracker)
    assert record.provider == "groq"
    assert await async_comes_true(lambda: tracker.stats().written == 1)
