"""The sums of a ledger are the sums of its calls, whatever went wrong with them."""

from __future__ import annotations

import tempfile
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_adapter import (
    Budget,
    LLMServiceError,
    TokenTracker,
    TrackingLLMService,
    usage_context,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.ledgers import kept_records

_MISHAPS = (
    faults.server_error(),
    faults.rate_limited("0"),
    faults.overloaded(),
    faults.invalid_api_key(),
    faults.reset(at="headers"),
    faults.truncated_stream(),
    faults.truncated_json(),
    faults.html(502),
    faults.broken_utf8(),
    faults.empty_body(),
)
_CALLS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.lists(st.sampled_from(_MISHAPS), max_size=3),
        st.sampled_from(["generate", "stream", "leave"]),
    ),
    max_size=5,
)


def answer(service, how):
    """What a call has brought, as far as its caller knows."""
    if how == "generate":
        return service.generate("Hi", timeout=20)
    with service.stream("Hi", timeout=20) as stream:
        for _ in stream:
            if how == "leave":
                return None
        return stream.response


def answers(service, emulator, calls):
    """By user, the answers that have arrived whole."""
    for user, mishaps, how in calls:
        emulator.reset()
        emulator.script(*mishaps, Reply(text="one two three"))
        try:
            with usage_context(user_id=user):
                response = answer(service, how)
        except LLMServiceError:
            response = None
        yield user, emulator.counts.requests, response


@settings(
    max_examples=25,
    deadline=None,
    # A ledger of its own has each example; the provider forgets.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(calls=_CALLS)
def test_ledger_adds_up_to_its_calls(emulator, connect, calls):
    with (
        tempfile.TemporaryDirectory() as folder,
        TokenTracker(f"sqlite:///{folder}/l.db", budgets=[Budget(1)]) as tracker,
        connect() as base,
    ):
        service = TrackingLLMService(base, tracker)
        found = list(answers(service, emulator, calls))
        (total,) = tracker.get_usage()
        assert total.requests == sum(requests for _, requests, _ in found)
        assert total.calls == len(calls)
        whole = [response for _, _, response in found if response is not None]
        records = kept_records(tracker)
        paid = [each for each in records if each.status == "succeeded"]
        assert sorted(each.cost for each in paid) == sorted(r.cost for r in whole)
        assert sum(each.usage.total_tokens for each in paid) == sum(
            response.tokens_used for response in whole
        )
        for user in ("ann", "bob"):
            spent = tracker.get_user_usage(user)
            assert (spent["total_cost"] or Decimal(0)) >= sum(
                response.cost
                for who, _, response in found
                if who == user and response is not None
            )
        assert not {"lost", "cached"} & {each.status for each in records}
