from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from math import inf

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Attempt,
    LLMInvalidResponseError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    Timeout,
    errors,
)
from llm_adapter._policy import (
    Attempts,
    RetryBudget,
    RetryPolicy,
    Timer,
    merge_timeout,
    process_budget,
    start_timer,
)
from tests.core import values

moments = st.floats(-1e9, 1e9)
NEVER_RETRIED = [
    getattr(errors, name)
    for name in errors.__all__
    if name.endswith("Error") and not getattr(errors, name).retryable
]


# -- back-off -------------------------------------------------------------------------


@pytest.fixture
def longest_jitter(monkeypatch):
    """Each wait is as long as its bound."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def test_bounds_double_up_to_the_longest(longest_jitter):
    bounds = list(islice(RetryPolicy().delays(), 7))
    assert bounds == [0.5, 1, 2, 4, 8, 8, 8]


def test_bounds_never_shrink_and_never_pass_the_longest(longest_jitter):
    @given(st.floats(0.001, 100), st.floats(0.001, 1000))
    def check(base, longest):
        bounds = list(islice(RetryPolicy(base=base, max_delay=longest).delays(), 2000))
        assert bounds == list(accumulate(bounds, max))
        assert bounds[0] == min(base, longest)
        assert bounds[-1] == longest

    check()


def test_jitter_is_full():
    """Anywhere from nothing to the bound: callers that fail together scatter."""
    samples = [list(islice(RetryPolicy().delays(), 5)) for _ in range(400)]
    for bound, waits in zip([0.5, 1, 2, 4, 8], zip(*samples, strict=True), strict=True):
        assert 0 <= min(waits) < bound / 10
        assert bound * 9 / 10 < max(waits) <= bound


# -- the retry budget -----------------------------------------------------------------


def test_storm_stops_when_the_budget_is_used_up():
    budget = RetryBudget()
    sent = sum(budget.withdraw(now=0.0) for _ in range(10_000))
    assert sent == 200


def test_calls_pay_for_half_a_retry_each():
    budget = RetryBudget(per_second=0)
    while budget.withdraw(now=0.0):
        pass
    sent = 0
    for _ in range(100):
        budget.deposit()
        sent += budget.withdraw(now=0.0)
    assert sent == 50


def test_budget_refills_with_time_and_no_further_than_full():
    budget = RetryBudget(capacity=10)
    while budget.withdraw(now=0.0):
        pass
    assert sum(budget.withdraw(now=3.0) for _ in range(100)) == 6
    assert sum(budget.withdraw(now=1e9) for _ in range(100)) == 10


def test_clock_that_jumps_back_gives_no_retry_and_takes_none():
    budget = RetryBudget(capacity=10)
    taken = sum(budget.withdraw(now=100.0) for _ in range(4))
    taken += sum(budget.withdraw(now=now) for now in [-1e6, 100.0] * 50)
    assert taken == 10


@given(
    st.floats(1, 50),
    st.lists(st.none() | moments, max_size=200),
)
def test_budget_never_owes_and_never_gives_more_than_it_got(capacity, steps):
    """A step is a first attempt (None) or a wish to retry at a moment."""
    budget = RetryBudget(capacity=capacity)
    granted = deposits = 0
    earliest = latest = None
    for step in steps:
        if step is None:
            budget.deposit()
            deposits += 1
        else:
            earliest = step if earliest is None else earliest
            latest = step if latest is None else max(latest, step)
            granted += budget.withdraw(step)
        assert 0 <= budget._tokens <= capacity
    passed = 0 if latest is None else latest - earliest
    assert granted <= capacity + 0.5 * deposits + 2 * passed + 1e-6


def test_threads_share_one_budget():
    budget = RetryBudget(capacity=1000, per_second=0)
    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(lambda _: budget.withdraw(0.0), range(8000)))
    assert sum(granted) == 1000


def test_services_of_one_endpoint_share_a_budget():
    assert process_budget("https://a") is process_budget("https://a")
    assert process_budget("https://a") is not process_budget("https://b")


# -- limits ---------------------------------------------------------------------------


def test_nearest_limit_counts():
    assert Timer(total=30, attempt=20, first_token=10).remaining(4) == 6
    assert Timer(total=30, attempt=5, first_token=10).remaining(4) == 1
    assert Timer(total=5, attempt=20).remaining(4) == 1


def test_read_may_take_the_idle_limit_and_connecting_its_own():
    timer = Timer(total=30, connect=3, idle=2)
    assert (timer.until_read(0), timer.until_connected(0)) == (2, 3)
    assert (timer.until_read(29), timer.until_connected(29)) == (1, 1)


timers = st.builds(
    Timer,
    total=moments,
    attempt=moments | st.just(inf),
    first_token=moments | st.just(inf),
    connect=values.seconds,
    idle=values.seconds | st.just(inf),
)


@given(timers, st.lists(moments))
def test_clock_that_jumps_makes_no_wait_negative_or_unbearably_long(timer, clock):
    for now in clock:
        for wait in (
            timer.remaining(now),
            timer.until_read(now),
            timer.until_connected(now),
        ):
            assert 0 <= wait <= 86_400


def test_longest_timeout_is_one_that_operating_systems_take():
    timer = start_timer(Timeout(total=1e300, connect=1e300, idle=1e300), 0.0)
    assert timer.remaining(0) == timer.until_read(0) == timer.until_connected(0)
    assert timer.remaining(0) == 86_400


@pytest.mark.parametrize(
    ("now", "connecting", "limit"),
    [
        (60.0, False, "the timeout of 60 s"),
        (100.0, False, "the timeout of 60 s"),
        (60.0, True, "the timeout of 60 s"),
        (59.999, False, "the timeout of 60 s"),  # loops wake up a tick too early
    ],
)
def test_total_is_named_when_it_was_hit(now, connecting, limit):
    timer = start_timer(Timeout(total=60, idle=2), 0.0)
    assert timer.exceeded(now, Timeout(total=60), connecting=connecting) == limit


@pytest.mark.parametrize(
    ("timeout", "now", "limit"),
    [
        (Timeout(total=60, attempt=1.5), 1.5, "the limit of 1.5 s for one attempt"),
        (Timeout(total=60, attempt=1.5), 99, "the limit of 1.5 s for one attempt"),
        (
            Timeout(total=60, attempt=9, first_token=2),
            2.0,
            "the limit of 2 s for the first token",
        ),
        (
            Timeout(total=60, attempt=2, first_token=9),
            2,
            "the limit of 2 s for one att",
        ),
        (Timeout(total=2, attempt=2, first_token=2), 2, "the timeout of 2 s"),
        (Timeout(idle=3), 60, "the timeout of 60 s"),
    ],
)
def test_nearest_of_the_limits_that_have_passed_is_named(timeout, now, limit):
    attempts = course(timeout=timeout)
    attempts.begin(0.0)
    named = attempts.timer.exceeded(now, timeout, connecting=False)
    assert named.startswith(limit)


@pytest.mark.parametrize(
    ("timeout", "connecting", "limit"),
    [
        (Timeout(connect=3, idle=9), True, "the limit of 3 s for a connection"),
        (Timeout(idle=9), True, "the limit of 10 s for a connection"),
        (Timeout(connect=3, idle=9), False, "the limit of 9 s without a byte"),
        (Timeout(), False, "the time that your HTTP client allows"),
    ],
)
def test_limit_of_one_step_is_named_while_none_of_the_others_has_passed(
    timeout, connecting, limit
):
    timer = start_timer(timeout, 0.0)
    assert timer.exceeded(9.5, timeout, connecting=connecting) == limit


@given(st.none() | values.seconds | values.timeouts, values.timeouts)
def test_limits_of_the_request_stand_before_those_of_the_service(own, default):
    merged = attrs.asdict(merge_timeout(own, default))
    if not isinstance(own, Timeout):
        own = Timeout(total=own)
    wanted = {name: value for name, value in attrs.asdict(own).items() if value}
    assert merged == {**attrs.asdict(default), **wanted}


# -- the course of a call -------------------------------------------------------------


def course(*, timeout=None, budget=None, **policy):
    timeout = timeout or Timeout(total=1e4)
    return Attempts(
        policy=RetryPolicy(**policy),
        budget=budget or RetryBudget(),
        timer=start_timer(timeout, 0.0),
        timeout=timeout,
        started=0.0,
    )


def fail(attempts, error, now=0.0):
    """One attempt that fails: the wait before the next, None for none."""
    attempts.begin(now)
    attempts.failed(error, now)
    return attempts.next_delay(error, now)


def attempts_until_given_up(attempts, make_error):
    sent = 1
    while fail(attempts, make_error()) is not None:
        sent += 1
    return sent


@given(st.integers(0, 30))
def test_retries_are_counted_after_the_first_attempt(max_retries):
    attempts = course(max_retries=max_retries)
    assert attempts_until_given_up(attempts, LLMServerError) == max_retries + 1


def test_three_retries_are_at_most_four_attempts():
    assert attempts_until_given_up(course(), LLMTimeoutError) == 4


@pytest.mark.parametrize("kind", NEVER_RETRIED)
def test_error_that_will_come_again_is_not_retried(kind):
    assert fail(course(), kind()) is None


def test_used_up_quota_is_not_retried_even_when_the_provider_names_a_time():
    assert fail(course(), LLMQuotaExceededError(retry_after=1)) is None


@given(st.floats(0, 60, exclude_min=True))
def test_provider_is_given_the_time_it_asked_for_and_a_tenth_at_most(asked):
    delay = fail(course(), LLMRateLimitError(retry_after=asked))
    assert asked <= delay <= asked * 1.1


@pytest.mark.parametrize("asked", [None, 0, 0.0])
def test_own_back_off_counts_when_the_provider_names_no_time(asked, longest_jitter):
    assert fail(course(), LLMRateLimitError(retry_after=asked)) == 0.5


@given(st.floats(60, 1e300, exclude_min=True))
def test_longer_wait_than_allowed_fails_at_once_and_says_how_long(asked):
    error = LLMRateLimitError(retry_after=asked)
    attempts = course(timeout=Timeout(total=1e9))
    assert fail(attempts, error) is None
    assert (error.retry_after, error.attempts) == (asked, 1)


def test_cap_of_the_wait_can_be_set():
    error = LLMRateLimitError(retry_after=90)
    assert fail(course(max_retry_after=100), error) >= 90
    assert fail(course(max_retry_after=80), error) is None


@given(st.floats(0, 100), st.floats(0.01, 50))
def test_wait_that_would_end_after_the_deadline_fails_at_once(now, asked):
    attempts = course(timeout=Timeout(total=100))
    delay = fail(attempts, LLMRateLimitError(retry_after=asked), now)
    if now + asked >= 100:
        assert delay is None
    else:
        assert delay is None or now + delay < 100


def test_wait_that_does_not_happen_costs_no_budget():
    budget = RetryBudget(capacity=1, per_call=0)
    attempts = course(budget=budget, timeout=Timeout(total=5))
    assert fail(attempts, LLMRateLimitError(retry_after=9)) is None
    assert budget.withdraw(0.0)


def test_nothing_is_retried_while_the_budget_is_empty():
    budget = RetryBudget(capacity=1, per_call=0)
    assert budget.withdraw(0.0)
    assert fail(course(budget=budget), LLMServerError()) is None


def test_call_pays_into_the_budget_once_whatever_its_attempts():
    budget = RetryBudget(per_second=0)
    while budget.withdraw(0.0):
        pass
    attempts = course(budget=budget)
    for _ in range(3):
        attempts.begin(0.0)
        attempts.failed(LLMServerError(), 0.0)
    assert budget._tokens == 0.5


def unreadable():
    return LLMInvalidResponseError(retryable=True)


def test_unreadable_answer_is_asked_for_once_more():
    """It was paid for each time."""
    assert attempts_until_given_up(course(max_retries=9), unreadable) == 2


def test_unreadable_answer_is_not_asked_for_again_without_retries():
    assert attempts_until_given_up(course(max_retries=0), unreadable) == 1


def test_unreadable_answer_after_other_failures_is_asked_for_once_more():
    attempts = course(max_retries=9)
    assert fail(attempts, LLMServerError()) is not None
    assert fail(attempts, LLMServerError()) is not None
    assert fail(attempts, unreadable()) is not None
    assert fail(attempts, LLMServerError()) is not None
    assert fail(attempts, unreadable()) is None


def test_stream_that_broke_off_is_retried_like_a_lost_connection():
    assert attempts_until_given_up(course(), LLMStreamInterruptedError) == 4


def test_every_attempt_is_noted_with_its_wait_and_what_came_of_it(longest_jitter):
    attempts = course()
    attempts.begin(10.0)
    first = LLMServerError(status_code=503)
    attempts.failed(first, 12.0)
    assert attempts.next_delay(first, 12.0) == 0.5
    attempts.begin(12.5)
    second = LLMRateLimitError(status_code=429, retry_after=10)
    attempts.failed(second, 13.0)
    assert attempts.next_delay(second, 13.0) == 11
    attempts.begin(24.0)
    attempts.succeeded(25.5, 200)
    assert attempts.history == [
        Attempt(number=1, duration=2.0, error="LLMServerError", status_code=503),
        Attempt(
            number=2,
            delay=0.5,
            duration=0.5,
            error="LLMRateLimitError",
            status_code=429,
        ),
        Attempt(number=3, delay=11.0, duration=1.5, status_code=200),
    ]
    assert first.history == tuple(attempts.history[:1])
    assert (second.attempts, second.history) == (2, tuple(attempts.history[:2]))


def test_each_attempt_has_its_own_limits_within_the_total():
    attempts = course(timeout=Timeout(total=10, attempt=4, first_token=3))
    attempts.begin(0.0)
    assert attempts.timer.remaining(0.0) == 3
    attempts.timer.first_token = inf  # the first delta has come
    assert attempts.timer.remaining(0.0) == 4
    attempts.begin(5.0)
    assert attempts.timer.remaining(5.0) == 3
    attempts.begin(9.0)
    assert attempts.timer.remaining(9.0) == 1


def test_attempt_without_limits_of_its_own_has_the_total():
    attempts = course(timeout=Timeout(total=10))
    attempts.begin(4.0)
    assert attempts.timer.remaining(4.0) == 6


kinds = st.sampled_from(
    [LLMServerError, LLMTimeoutError, LLMRateLimitError, LLMStreamInterruptedError]
)
failures = st.builds(
    lambda kind, asked: kind(retry_after=asked), kinds, st.none() | st.floats(0, 100)
)


@given(st.integers(0, 5), st.floats(0.1, 60), st.lists(failures, max_size=12))
def test_no_course_of_failures_passes_the_deadline_or_the_retries(
    max_retries, total, errors
):
    attempts = course(max_retries=max_retries, timeout=Timeout(total=total))
    now = 0.0
    for error in errors:
        delay = fail(attempts, error, now)
        if delay is None:
            break
        now += delay
    assert now < total
    assert len(attempts.history) <= max_retries + 1


# -- connections that were closed while idle ------------------------------------------


def stale(attempts, now=0.0):
    """The wait after an attempt on a connection that the server had closed."""
    attempts.begin(now)
    attempts.timer.stale = True
    error = errors.LLMConnectionError()
    attempts.failed(error, now)
    return attempts.next_delay(error, now)


def test_stale_connection_is_replaced_at_once_and_takes_no_retry():
    attempts = course(max_retries=0)
    assert stale(attempts) == 0
    assert fail(attempts, LLMServerError()) is None


def test_stale_connections_are_replaced_so_often_and_then_count_as_failures():
    attempts = course(max_retries=0)
    assert [stale(attempts) for _ in range(4)] == [0, 0, 0, None]


def test_stale_connection_does_not_take_a_later_retry():
    attempts = course(max_retries=2)
    assert stale(attempts) == 0
    assert attempts_until_given_up(attempts, LLMServerError) == 3


def test_stale_connection_after_the_deadline_is_a_failure():
    assert stale(course(timeout=Timeout(total=5)), now=6.0) is None
