"""What a monitoring service counts, without a service and without a clock."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from llm_adapter import (
    EmbeddingResponse,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMRequest,
    LLMResponse,
    LLMTimeoutError,
    StreamEnd,
    TextDelta,
    Usage,
    usage_context,
)
from llm_adapter._monitored_call import LONGEST
from llm_adapter._monitoring import MOST_ERRORS, MOST_ROWS, Monitor
from llm_adapter._watch import Ending
from llm_adapter.models import Attempt

USAGE = Usage(input_tokens=30, output_tokens=20, cached_input_tokens=10)
ANSWER = LLMResponse("Hello", "a-model-2026", provider="groq", usage=USAGE)


@pytest.fixture
def monitor():
    return Monitor(100.0)


def begun(monitor, operation="generate", *, now=100.0, **options):
    call = monitor.call(operation, "groq", options.pop("named", "a-model"), **options)
    call.begin(now)
    return call


def request(**options):
    return {"request": LLMRequest("Hi", **options)}


def sent(call, answer=ANSWER, *, outcome="succeeded", number=1, model="a-model"):
    """One request, as a watch sees it."""
    watch = call.call("generate", "groq", model)
    watch.began(number)
    attempt = Attempt(number=number)
    watch.ended(Ending(attempt=attempt, outcome=outcome, answer=answer))


def only_row(monitor):
    (row,) = monitor.snapshot(200.0).rows
    return row


# -- outcomes -------------------------------------------------------------------------


def test_answer_is_counted_with_its_tokens_and_time(monitor):
    call = begun(monitor)
    sent(call)
    call.succeeded(ANSWER, 102.0)
    row = only_row(monitor)
    assert (row.calls, row.succeeded, row.failed, row.cached) == (1, 1, 0, 0)
    assert (row.input_tokens, row.output_tokens) == (30, 20)
    assert row.cached_input_tokens == 10
    assert row.latency.highest == 2.0
    assert row.first_token.count == 0


def test_answer_of_a_service_that_tells_nothing_is_counted_with_its_tokens(monitor):
    begun(monitor).succeeded(ANSWER, 102.0)
    row = only_row(monitor)
    assert (row.succeeded, row.cached, row.output_tokens) == (1, 0, 20)


def test_failure_is_counted_by_its_class(monitor):
    for error in (LLMTimeoutError(), LLMRateLimitError(), LLMTimeoutError()):
        begun(monitor).failed(error, 101.0)
    row = only_row(monitor)
    assert row.errors == {"LLMRateLimitError": 1, "LLMTimeoutError": 2}
    assert (row.calls, row.failed, row.latency.count) == (3, 3, 0)


def test_end_from_outside_is_no_error(monitor):
    begun(monitor).failed(KeyboardInterrupt(), 101.0)
    row = only_row(monitor)
    assert (row.calls, row.cancelled, row.errors) == (1, 1, {})


def test_stream_that_is_left_is_no_error(monitor):
    call = begun(monitor, "stream")
    call.delivered([TextDelta("Hel")], 100.5)
    call.left(101.0)
    row = only_row(monitor)
    assert (row.calls, row.left, row.failed, row.errors) == (1, 1, 0, {})
    assert row.first_token.highest == 0.5
    assert row.latency.count == 0


def test_who_reads_a_stream_while_it_is_closed_has_left_it(monitor):
    call = begun(monitor, "stream")
    call.leaving()
    call.failed(LLMInvalidResponseError("closed while it was read"), 101.0)
    assert only_row(monitor).left == 1


def test_only_the_first_end_counts(monitor):
    call = begun(monitor)
    call.succeeded(ANSWER, 101.0)
    call.failed(LLMTimeoutError(), 102.0)
    call.left(103.0)
    row = only_row(monitor)
    assert (row.calls, row.succeeded, row.latency.highest) == (1, 1, 1.0)


def test_call_that_has_not_begun_cannot_end(monitor):
    monitor.call("stream", "groq", None).left(101.0)
    assert monitor.snapshot(200.0).rows == ()


def test_ends_add_up_to_the_calls(monitor):
    begun(monitor).succeeded(ANSWER, 101.0)
    begun(monitor).failed(LLMTimeoutError(), 101.0)
    begun(monitor).failed(GeneratorExit(), 101.0)
    begun(monitor, "stream").left(101.0)
    total = monitor.snapshot(200.0).total
    assert total.calls == 4
    ends = (total.succeeded, total.failed, total.cancelled, total.left)
    assert ends == (1, 1, 1, 1)


# -- caches ---------------------------------------------------------------------------


def test_kept_answer_is_a_hit_that_costs_no_tokens_and_no_time(monitor):
    hit = LLMResponse("Hello", "a-model", usage=USAGE, cached=True)
    begun(monitor).succeeded(hit, 100.001)
    row = only_row(monitor)
    assert (row.succeeded, row.cached) == (1, 1)
    assert (row.output_tokens, row.latency.count) == (0, 0)
    assert row.tokens_per_second.count == 0


def test_kept_answer_that_was_read_as_json_is_a_hit(monitor):
    """The answer itself is not seen; nor is any request."""
    begun(monitor).succeeded({"a": 1}, 100.001)
    assert only_row(monitor).cached == 1


def test_answer_that_was_read_as_json_is_no_hit(monitor):
    call = begun(monitor)
    sent(call)
    call.succeeded({"a": 1}, 101.0)
    row = only_row(monitor)
    assert (row.cached, row.output_tokens) == (0, 20)


def test_answer_that_could_not_be_read_was_paid_for(monitor):
    call = begun(monitor)
    sent(call)
    call.failed(LLMInvalidResponseError(), 101.0)
    row = only_row(monitor)
    assert (row.failed, row.output_tokens) == (1, 20)


def test_kept_stream_has_no_first_token(monitor):
    call = begun(monitor, "stream")
    hit = LLMResponse("Hello", cached=True)
    call.delivered([TextDelta("Hello"), StreamEnd(hit)], 100.001)
    row = only_row(monitor)
    assert (row.cached, row.first_token.count) == (1, 0)


# -- retries --------------------------------------------------------------------------


def test_requests_beyond_the_first_are_retries(monitor):
    call = begun(monitor)
    sent(call, None, outcome="failed")
    sent(call, None, outcome="failed", number=2)
    sent(call, number=3)
    call.succeeded(ANSWER, 101.0)
    assert only_row(monitor).retries == 2


def test_what_goes_on_for_others_is_not_counted(monitor):
    call = begun(monitor)
    call.call("generate", "groq", "a-model").began(1)
    call.failed(KeyboardInterrupt(), 101.0)
    sent(call, number=2)
    row = only_row(monitor)
    assert (row.retries, row.output_tokens) == (0, 0)


# -- times ----------------------------------------------------------------------------


def streamed(monitor, answer):
    """First token after half a second, the end after one and a half."""
    call = begun(monitor, "stream")
    sent(call, answer)
    call.delivered([TextDelta("Hel")], 100.5)
    call.delivered([TextDelta("lo"), StreamEnd(answer)], 101.5)
    return only_row(monitor)


def test_tokens_of_a_stream_are_written_after_the_first(monitor):
    row = streamed(monitor, ANSWER)
    assert row.tokens_per_second.highest == 20.0
    assert row.first_token.highest == 0.5
    assert row.latency.highest == 1.5


def test_tokens_of_hidden_reasoning_were_written_before_the_first(monitor):
    usage = Usage(output_tokens=20, reasoning_tokens=15)
    row = streamed(monitor, LLMResponse("Hello", usage=usage))
    assert row.tokens_per_second.highest == 5.0


def test_tokens_of_shown_reasoning_are_written_after_the_first(monitor):
    usage = Usage(output_tokens=20, reasoning_tokens=15)
    row = streamed(monitor, LLMResponse("Hello", usage=usage, reasoning="Hm."))
    assert row.tokens_per_second.highest == 20.0


def test_rate_of_nothing_but_hidden_reasoning_is_not_known(monitor):
    usage = Usage(output_tokens=20, reasoning_tokens=20)
    row = streamed(monitor, LLMResponse("", usage=usage))
    assert row.tokens_per_second.count == 0


def test_stream_that_comes_in_one_piece_is_as_fast_as_a_whole_answer(monitor):
    call = begun(monitor, "stream")
    call.delivered([TextDelta("Hello"), StreamEnd(ANSWER)], 104.0)
    assert only_row(monitor).tokens_per_second.highest == 5.0


@pytest.mark.parametrize(
    "answer",
    [
        LLMResponse("Hello"),
        LLMResponse("Hello", usage=Usage(output_tokens=0)),
        EmbeddingResponse([[1.0]], usage=Usage(output_tokens=3)),
    ],
)
def test_rate_that_is_not_known_is_not_made_up(monitor, answer):
    begun(monitor).succeeded(answer, 101.0)
    assert only_row(monitor).tokens_per_second.count == 0


def test_answer_in_no_time_has_no_rate(monitor):
    begun(monitor).succeeded(ANSWER, 100.0)
    assert only_row(monitor).tokens_per_second.count == 0


# -- labels ---------------------------------------------------------------------------


def labels(monitor):
    row = only_row(monitor)
    return row.provider, row.model, row.workflow


def test_model_is_the_one_that_was_asked_whatever_name_the_answer_bears(monitor):
    call = begun(monitor, model="another", named="a-model")
    sent(call, model="another")
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "another", None)


def test_model_that_nobody_has_named_is_the_one_that_was_sent(monitor):
    call = begun(monitor, named=None)
    sent(call, model="the-default")
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "the-default", None)


def test_hit_is_counted_where_its_miss_was(monitor):
    miss = begun(monitor, named=None)
    sent(miss, model="the-default")
    miss.succeeded(ANSWER, 101.0)
    begun(monitor, named=None).succeeded({"a": 1}, 101.0)
    row = only_row(monitor)
    assert (row.model, row.calls, row.cached) == ("the-default", 2, 1)


def test_usual_model_of_answers_is_not_that_of_vectors(monitor):
    call = begun(monitor, named=None)
    sent(call, model="the-default")
    call.succeeded(ANSWER, 101.0)
    begun(monitor, "embed", named=None).succeeded(
        EmbeddingResponse([[1.0]], "vectors", cached=True), 101.0
    )
    assert [row.model for row in monitor.snapshot(200.0).rows] == [
        "the-default",
        "vectors",
    ]


def test_model_of_an_empty_answer_is_known(monitor):
    vectors = EmbeddingResponse([], "vectors", provider="openai")
    begun(monitor, "embed", named=None).succeeded(vectors, 101.0)
    assert labels(monitor) == ("openai", "vectors", None)


def test_model_of_an_error_is_known(monitor):
    error = LLMTimeoutError(provider="openai", model="b-model")
    begun(monitor, named=None).failed(error, 101.0)
    assert labels(monitor) == ("openai", "b-model", None)


def test_model_may_be_unknown(monitor):
    begun(monitor, named=None).failed(ZeroDivisionError(), 101.0)
    assert labels(monitor) == ("groq", "unknown", None)


def test_workflow_is_that_of_the_request(monitor):
    with usage_context(workflow="around"):
        call = begun(monitor, **request(metadata={"workflow": "ranking"}))
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "a-model", "ranking")


def test_workflow_may_be_that_of_the_context(monitor):
    with usage_context(workflow="around"):
        call = begun(monitor, "embed")
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "a-model", "around")


def test_long_labels_are_cut(monitor):
    call = begun(monitor, named="m" * 999, **request(metadata={"workflow": "w" * 999}))
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "m" * LONGEST, "w" * LONGEST)


def test_labels_beyond_the_bound_are_counted_together(monitor):
    for number in range(MOST_ROWS + 50):
        begun(monitor, named=f"m{number}").succeeded(ANSWER, 101.0)
    begun(monitor, named="m7").succeeded(ANSWER, 101.0)
    flying = begun(monitor, named="new")
    snapshot = monitor.snapshot(200.0)
    assert len(snapshot.rows) == MOST_ROWS + 1
    rows = {row.model: row for row in snapshot.rows}
    assert (rows["other"].calls, rows["other"].in_flight) == (50, 1)
    assert (rows["other"].provider, rows["other"].workflow) == ("other", "other")
    assert rows["m7"].calls == 2
    assert snapshot.total.calls == MOST_ROWS + 51
    flying.left(201.0)


def test_classes_of_errors_are_bounded(monitor):
    for number in range(MOST_ERRORS + 3):
        error = type(f"E{number}", (Exception,), {})()
        begun(monitor).failed(error, 101.0)
    errors = only_row(monitor).errors
    assert (len(errors), errors["other"]) == (MOST_ERRORS + 1, 3)


# -- looking --------------------------------------------------------------------------


def test_calls_in_flight_are_seen_where_they_belong(monitor):
    call = begun(monitor, **request(metadata={"workflow": "ranking"}))
    row = only_row(monitor)
    assert (row.workflow, row.in_flight, row.calls) == ("ranking", 1, 0)
    call.succeeded(ANSWER, 101.0)
    row = only_row(monitor)
    assert (row.in_flight, row.calls) == (0, 1)


def test_total_is_that_of_all_rows(monitor):
    begun(monitor, named="b").succeeded(ANSWER, 101.0)
    begun(monitor, named="a").failed(LLMTimeoutError(), 101.0)
    begun(monitor, named="b", now=100.0).succeeded(ANSWER, 103.0)
    snapshot = monitor.snapshot(160.0)
    assert [row.model for row in snapshot.rows] == ["a", "b"]
    total = snapshot.total
    assert (total.provider, total.model, total.workflow) == (None, None, None)
    assert (total.calls, total.errors, total.output_tokens) == (
        3,
        {"LLMTimeoutError": 1},
        40,
    )
    assert (total.latency.count, total.latency.highest) == (2, 3.0)
    assert snapshot.seconds == 60.0


def test_snapshot_is_ready_for_json(monitor):
    begun(monitor).succeeded(ANSWER, 101.0)
    begun(monitor).failed(LLMTimeoutError(), 101.0)
    shown = json.loads(json.dumps(monitor.snapshot(160.0).as_dict()))
    assert shown["total"]["errors"] == {"LLMTimeoutError": 1}
    assert shown["rows"][0]["latency"]["p95"] == 1.0
    assert shown["seconds"] == 60.0


def test_snapshot_does_not_change(monitor):
    begun(monitor).failed(LLMTimeoutError(), 101.0)
    before = monitor.snapshot(200.0)
    begun(monitor).failed(LLMTimeoutError(), 101.0)
    assert before.rows[0].errors == {"LLMTimeoutError": 1}
    assert before.total.calls == 1


def test_reset_begins_anew(monitor):
    begun(monitor).succeeded(ANSWER, 101.0)
    flying = begun(monitor)
    monitor.reset(300.0)
    flying.succeeded(ANSWER, 301.0)
    snapshot = monitor.snapshot(310.0)
    assert (snapshot.total.calls, snapshot.seconds) == (1, 10.0)


def test_counts_of_many_threads_add_up(monitor):
    def work(number):
        call = begun(monitor, named=f"m{number % 7}")
        sent(call, model=f"m{number % 7}")
        call.succeeded(ANSWER, 101.0)
        return monitor.snapshot(200.0).total.calls

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(500)))
    total = monitor.snapshot(200.0).total
    assert (total.calls, total.output_tokens, total.in_flight) == (500, 10_000, 0)


# -- trouble --------------------------------------------------------------------------


class BrokenTrace:
    """Fails whatever it is told."""

    def around(self, block):
        return nullcontext()

    def retried(self, number, last):
        raise OSError("no retries")

    def chunk(self, seconds):
        raise OSError("no chunks")

    def end(self, call, labels):
        raise OSError("no ends")


class BrokenTelemetry:
    def __init__(self, trace=None):
        self.trace = trace

    def begin(self, call, labels):
        if self.trace is None:
            raise OSError("no spans")
        return self.trace


def complaints(caplog):
    return [record for record in caplog.records if record.name == "llm_adapter"]


def test_trace_that_cannot_begin_fails_no_call(caplog):
    monitor = Monitor(100.0, BrokenTelemetry())
    for _ in range(2):
        begun(monitor).succeeded(ANSWER, 101.0)
    assert only_row(monitor).succeeded == 2
    (said,) = complaints(caplog)
    assert "OSError: no spans" in said.getMessage()
    assert said.levelno == logging.WARNING


def test_trace_that_fails_later_fails_no_call(caplog):
    monitor = Monitor(100.0, BrokenTelemetry(BrokenTrace()))
    call = begun(monitor, "stream")
    with call.within():
        sent(call, None, outcome="failed")
        sent(call, number=2)
    call.delivered([TextDelta("Hel")], 100.5)
    call.delivered([TextDelta("lo"), StreamEnd(ANSWER)], 101.0)
    row = only_row(monitor)
    assert (row.succeeded, row.retries, row.in_flight) == (1, 1, 0)
    assert len(complaints(caplog)) == 1


def test_label_that_is_none_fails_no_call(monitor, caplog):
    call = begun(monitor, **request(metadata={"workflow": object()}))
    call.succeeded(ANSWER, 101.0)
    assert labels(monitor) == ("groq", "a-model", None)
    assert len(complaints(caplog)) == 1


def test_each_class_of_trouble_is_told(monitor, caplog):
    for number in range(MOST_ERRORS + 3):
        monitor.tell(type(f"E{number}", (Exception,), {})())
        monitor.tell(ValueError())
    assert len(complaints(caplog)) == MOST_ERRORS


def test_usage_that_is_no_number_fails_no_call(monitor, caplog):
    usage = Usage(output_tokens="many")
    begun(monitor).succeeded(LLMResponse("Hi", usage=usage), 101.0)
    assert monitor.snapshot(200.0).total.in_flight == 0
    assert len(complaints(caplog)) == 1
