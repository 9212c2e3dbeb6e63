from __future__ import annotations

import json
import logging
import re
import ssl
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMConfigurationError,
    LLMModelNotFoundError,
    LLMRateLimitError,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    Settings,
    Timeout,
    Usage,
)
from llm_adapter._call import (
    Call,
    client,
    conclude,
    log_failure,
    log_retry,
    prepare,
    redirected,
    unreachable,
)
from llm_adapter._other_calls import models_call
from llm_adapter._policy import Attempts, RetryBudget, RetryPolicy, start_timer
from llm_adapter.providers import GROQ
from tests.core import values

SECRET = "gsk_hidden91"
BASE = "https://api.groq.com/openai/v1"
RETIRED = "llama-3.3-70b-versatile"


def groq(*, settings=None, api_key=SECRET, **arguments):
    given = dict.fromkeys(("base_url", "model", "timeout", "max_retries"))
    return client(
        GROQ, settings or Settings(), api_key=api_key, **{**given, **arguments}
    )


def sent(request, **arguments):
    return json.loads(prepare(groq(**arguments), request).body)


# -- the client -----------------------------------------------------------------------


def test_client_says_what_the_settings_say():
    settings = Settings(
        model="m",
        groq_api_key="theirs",
        default_temperature=0.9,
        default_max_tokens=50,
        max_retries=1,
        timeout_seconds=7,
    )
    made = groq(settings=settings, api_key=None)
    assert made.endpoint.headers["Authorization"] == "Bearer theirs"
    assert made.defaults.model == "m"
    assert (made.defaults.temperature, made.defaults.max_tokens) == (0.9, 50)
    assert made.policy == RetryPolicy(max_retries=1)
    assert made.timeout == Timeout(total=7)


def test_arguments_stand_before_settings():
    settings = Settings(model="m", max_retries=1, timeout_seconds=7)
    made = groq(settings=settings, model="n", timeout=Timeout(idle=2), max_retries=0)
    assert made.defaults.model == "n"
    assert made.policy == RetryPolicy(max_retries=0)
    assert made.timeout == Timeout(total=7, idle=2)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("groq", "m"),
        ("Groq", "m"),
        (" groq ", "m"),
        ("groq:other", "m"),
        ("openai", None),
        ("mock", None),
    ],
)
def test_configured_model_counts_for_the_configured_provider(provider, model):
    settings = Settings(provider=provider, model="m")
    assert groq(settings=settings).defaults.model == model


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"settings": {"LLM_MODEL": "m"}},
            TypeError,
            "settings must be Settings, not dict",
        ),
        (
            {"max_retries": "3"},
            TypeError,
            "max_retries must be an integer, not str",
        ),
        (
            {"max_retries": True},
            TypeError,
            "max_retries must be an integer, not bool",
        ),
        (
            {"max_retries": -1},
            ValueError,
            "max_retries is -1: use a whole number >= 0",
        ),
        ({"model": 5}, TypeError, "model must be a string or None, not int (5)"),
        ({"model": ""}, ValueError, "model is '': a model name is printable text, "),
        (
            {"timeout": 0},
            ValueError,
            "timeout is 0: use a finite number of seconds > 0",
        ),
        (
            {"settings": Settings(model="a\n")},
            ValueError,
            "model is 'a\\n': a model name is printable text, ",
        ),
        (
            {"settings": Settings(default_temperature=-1)},
            ValueError,
            "temperature is -1: use a finite number >= 0",
        ),
        (
            {"settings": Settings(default_max_tokens=0.5)},
            TypeError,
            "max_tokens must be an integer or None, not float (0.5)",
        ),
        (
            {"settings": Settings(timeout_seconds=-1)},
            ValueError,
            "total is -1: use a finite number of seconds > 0",
        ),
        ({"base_url": "localhost"}, LLMConfigurationError, "base_url is 'localhost'"),
    ],
)
def test_unusable_argument_says_why_when_the_adapter_is_made(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        groq(**arguments)


def test_client_and_call_show_no_key_header_or_prompt():
    made = groq()
    request = LLMRequest(SECRET, extra_headers={"X-Key": SECRET})
    assert SECRET not in repr(made) + repr(prepare(made, request))


# -- the call -------------------------------------------------------------------------


def test_call_is_what_is_sent():
    call = prepare(groq(), LLMRequest("Hi", model="m", extra_headers={"X-A": "b"}))
    assert (call.provider, call.model) == ("groq", "m")
    assert (call.method, call.url) == ("POST", f"{BASE}/chat/completions")
    assert call.headers == {"X-A": "b"}
    assert call.warnings == ()
    assert json.loads(call.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.3,
        "max_completion_tokens": 2000,
    }


def test_stream_asks_for_one():
    assert json.loads(prepare(groq(), LLMRequest("Hi"), stream=True).body)["stream"]
    assert "stream" not in sent(LLMRequest("Hi"))


def test_retired_model_is_warned_of_and_asked_for(caplog):
    with caplog.at_level(logging.WARNING, "llm_adapter"):
        call = prepare(groq(), LLMRequest("Hi", model=RETIRED))
    assert json.loads(call.body)["model"] == RETIRED
    assert call.warnings == tuple(caplog.messages)
    assert "was retired in 2026-08-16" in call.warnings[0]


@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "somebody/new"])
def test_other_models_are_not_warned_of(model, caplog):
    assert prepare(groq(), LLMRequest("Hi", model=model)).warnings == ()
    assert caplog.messages == []


def test_limits_of_the_request_stand_before_those_of_the_client():
    made = groq(timeout=Timeout(total=30, idle=5))
    call = prepare(made, LLMRequest("Hi", timeout=Timeout(total=9, connect=1)))
    assert call.timeout == Timeout(total=9, connect=1, idle=5)


def test_limit_for_the_first_token_is_one_of_streams():
    """A whole answer comes in one piece: its first token is its last."""
    limits = Timeout(total=30, first_token=2)
    made = groq(timeout=limits)
    assert prepare(made, LLMRequest("Hi"), stream=True).timeout == limits
    assert prepare(made, LLMRequest("Hi")).timeout == Timeout(total=30)
    assert models_call(made).timeout == Timeout(total=30)


def test_list_of_models_is_asked_for_without_a_body():
    call = models_call(groq())
    assert (call.method, call.url, call.body) == ("GET", f"{BASE}/models", b"")


def circle():
    body = {}
    body["again"] = body
    return body


def deep():
    body = []
    for _ in range(100_000):
        body = [body]
    return {"deep": body}


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"prompt": "a" * 99 + "\ud83d" + "b" * 99},
            ValueError,
            "the request holds text that is not valid Unicode (half of a surrogate "
            f"pair) near '{'a' * 20}\\ud83d{'b' * 20}'",
        ),
        (
            {"prompt": "Hi", "system_message": "\udfff"},
            ValueError,
            "the request holds text that is not valid Unicode (half of a surrogate "
            "pair) near '\\udfff'",
        ),
        (
            {"prompt": "Hi", "extra_body": circle()},
            ValueError,
            "the request is nested too deeply, or in a circle",
        ),
        (
            {"prompt": "Hi", "extra_body": {"x": object()}},
            TypeError,
            "the request cannot be sent as JSON: Encoding objects of type object is",
        ),
        *(
            (
                {"prompt": "Hi", "extra_body": {"a": [{"b": (1.5, number)}]}},
                ValueError,
                "extra_body holds NaN or an infinity, which JSON does not know",
            )
            for number in (float("nan"), float("inf"), float("-inf"))
        ),
        ({"prompt": ""}, ValueError, "the prompt is empty: "),
    ],
)
def test_request_that_cannot_be_sent_says_why(fields, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        prepare(groq(), LLMRequest(**fields))


def test_request_that_is_nested_too_deeply_says_so():
    request = LLMRequest("Hi", extra_body=deep())
    with pytest.raises(ValueError, match="nested too deeply"):
        prepare(groq(), request)
    for body in (request.extra_body, request.extra_body["deep"]):
        while body:  # letting go of it all at once is more than Python can do
            body = body.pop("deep") if isinstance(body, dict) else body.pop()


@values.few
@given(values.requests, st.booleans())
def test_any_request_becomes_json_or_an_error_that_says_why(request, stream):
    try:
        call = prepare(groq(), request, stream=stream)
    except (TypeError, ValueError, LLMServiceError):
        return
    body = json.loads(call.body)
    assert body["messages"] or request.extra_body
    for name, value in request.extra_body.items():
        if name != "stream":
            assert body[name] == value


def test_error_is_told_which_call_it_belongs_to():
    call = prepare(groq(), LLMRequest("Hi", model="m"))
    error = call.context(LLMServiceError())
    assert (error.provider, error.model) == ("groq", "m")


def test_missing_model_that_was_retired_names_its_replacement():
    call = prepare(groq(), LLMRequest("Hello", model=RETIRED))
    error = call.context(LLMModelNotFoundError("No such model."))
    assert "use openai/gpt-oss-120b instead" in error.message


def test_other_error_of_a_retired_model_says_nothing_of_that():
    call = prepare(groq(), LLMRequest("Hi", model=RETIRED))
    assert call.context(LLMServiceError("No.")).message == "No."


def test_error_that_quotes_the_key_of_the_call_is_told_to_hide_it():
    headers = {"X-Api-Key": "another-key"}
    call = prepare(groq(), LLMRequest("Hi", extra_headers=headers))
    error = call.context(LLMServiceError(f"Not {SECRET}, not another-key."))
    assert error.message == "Not ***, not ***."
    error = models_call(groq()).context(LLMServiceError(f"Not {SECRET}."))
    assert error.message == "Not ***."


def test_error_that_knows_better_is_not_told():
    call = prepare(groq(), LLMRequest("Hi", model="m"))
    error = call.context(LLMServiceError(provider="other", model="n"))
    assert (error.provider, error.model) == ("other", "n")
    assert models_call(groq()).context(LLMServiceError()).model is None


# -- the end of a call ----------------------------------------------------------------


def concluded(response, *, request_id=None, warnings=()):
    attempts = Attempts(
        policy=RetryPolicy(),
        budget=RetryBudget(),
        timer=start_timer(Timeout(), 10.0),
        timeout=Timeout(),
        started=10.0,
    )
    for status_code in (503, 200):
        attempts.begin(11.0)
        attempts.succeeded(12.0, status_code)
    call = Call(
        provider="groq",
        model="openai/gpt-oss-20b",
        method="POST",
        url=BASE,
        timeout=Timeout(),
        warnings=warnings,
    )
    return conclude(call, response, attempts, now=12.5, request_id=request_id)


def test_response_is_told_what_it_took():
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    found = concluded(LLMResponse("Hi", usage=usage))
    assert (found.text, found.provider) == ("Hi", "groq")
    assert found.generation_time == 2.5
    assert found.attempts == len(found.history) == 2
    assert found.cost == Decimal("0.075")


@pytest.mark.parametrize(
    ("named", "model", "cost"),
    [("", "openai/gpt-oss-20b", Decimal("0.075")), ("other", "other", None)],
)
def test_model_that_answered_is_the_one_that_is_paid(named, model, cost):
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    found = concluded(LLMResponse("Hi", named, usage=usage))
    assert (found.model, found.cost) == (model, cost)


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [("h", "b", "h"), (None, "b", "b"), ("h", None, "h"), (None, None, None)],
)
def test_request_id_of_the_header_stands_before_that_of_the_body(
    header, body, expected
):
    response = LLMResponse("Hi", request_id=body)
    assert concluded(response, request_id=header).request_id == expected


def test_warnings_of_call_and_response_are_kept():
    found = concluded(LLMResponse("Hi", warnings=("a",)), warnings=("b",))
    assert found.warnings == ("a", "b")


# -- redirects ------------------------------------------------------------------------


@pytest.mark.parametrize("status_code", [307, 308])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v2/models", "https://api.groq.com/v2/models"),
        ("chat", f"{BASE}/chat"),
        ("https://api.groq.com/elsewhere", "https://api.groq.com/elsewhere"),
        ("?a=b", f"{BASE}/models?a=b"),
    ],
)
def test_redirect_within_the_host_is_followed(status_code, location, target):
    assert redirected(f"{BASE}/models", status_code, location) == target


@pytest.mark.parametrize(
    ("status_code", "location"),
    [
        (307, "https://evil.example/v1"),
        (308, "http://api.groq.com/openai/v1"),
        (307, "https://api.groq.com:8443/v1"),
        (307, "https://api.groq.com@evil.example/"),
        (307, "//evil.example"),
        (307, None),
        (307, ""),
        (301, "/v2"),
        (302, "/v2"),
        (303, "/v2"),
        (304, "/v2"),
        (307, "http://[::1"),
        (307, "https://[evil]/"),
    ],
)
def test_redirect_that_would_take_the_key_elsewhere_is_not_followed(
    status_code, location
):
    with pytest.raises(
        LLMAPIError, match=r"was not followed: the key is .* Correct the base URL\."
    ) as caught:
        redirected(f"{BASE}/models", status_code, location)
    assert caught.value.status_code == status_code
    assert not caught.value.retryable


@given(st.text("/:@[]\\.?#\thpsapigroq.com%20é", max_size=30) | st.text(max_size=20))
def test_arbitrary_location_leads_to_the_same_host_or_nowhere(location):
    try:
        target = redirected(f"{BASE}/models", 307, location)
        found = httpx.URL(target)
    except (LLMAPIError, httpx.InvalidURL):  # httpx refuses before anything is sent
        return
    assert (found.scheme, found.netloc) == ("https", b"api.groq.com")


# -- failures of the connection -------------------------------------------------------


def test_failed_connection_is_retryable_and_names_its_reason():
    error = unreachable(BASE, httpx.ReadError("reset"))
    assert error.message == f"The connection to {BASE} failed (ReadError: reset)."
    assert error.retryable


def test_failure_without_words_is_named_by_its_class():
    assert "failed (ReadError)." in str(unreachable(BASE, httpx.ReadError("")))


def handshake_with_plain_text():
    """What OpenSSL says of a server that does not speak TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        tls.do_handshake()
    return caught.value


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (ssl.SSLCertVerificationError("self-signed"), "set SSL_CERT_FILE"),
        (handshake_with_plain_text(), "try http:// in the base URL"),
    ],
)
def test_tls_that_cannot_work_says_what_helps_and_is_not_retried(cause, advice):
    between = OSError("between")
    between.__cause__ = cause
    failure = httpx.ConnectError("TLS")
    failure.__cause__ = between
    error = unreachable(BASE, failure)
    assert advice in error.message
    assert not error.retryable


def test_other_failure_of_tls_is_retried():
    failure = httpx.ConnectError("TLS")
    failure.__cause__ = ssl.SSLError(1, "unexpected eof")
    assert unreachable(BASE, failure).retryable


# -- the log --------------------------------------------------------------------------


def test_program_without_logging_prints_nothing_of_ours():
    """Python would print our warnings itself."""
    logger = logging.getLogger("llm_adapter")
    assert any(isinstance(each, logging.NullHandler) for each in logger.handlers)


@pytest.fixture
def failed_call():
    request = LLMRequest(f"prompt {SECRET}", extra_headers={"X-Key": SECRET})
    error = LLMRateLimitError(
        f"answer {SECRET}", status_code=429, body=SECRET, attempts=2
    )
    return prepare(groq(), request), error


def test_retry_is_logged_without_key_prompt_or_answer(caplog, failed_call):
    with caplog.at_level(logging.INFO, "llm_adapter"):
        log_retry(*failed_call, 1.239)
    assert caplog.messages == [
        "groq openai/gpt-oss-120b: attempt 2 failed (LLMRateLimitError, HTTP 429); "
        "waiting 1.24 s"
    ]


def test_final_failure_is_logged_without_key_prompt_or_answer(caplog, failed_call):
    with caplog.at_level(logging.WARNING, "llm_adapter"):
        log_failure(*failed_call)
    assert caplog.messages == [
        "groq openai/gpt-oss-120b: "
        "failed after 2 attempts (LLMRateLimitError, HTTP 429)"
    ]


def test_retries_are_no_warning(caplog, failed_call):
    with caplog.at_level(logging.WARNING, "llm_adapter"):
        log_retry(*failed_call, 1.0)
    assert caplog.messages == []
