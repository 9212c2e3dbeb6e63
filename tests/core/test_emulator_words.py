"""The same fault in the words of each provider, on each of its endpoints."""

from __future__ import annotations

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

HEADERS = {"authorization": "Bearer k", "anthropic-version": "2026-10-21"}
HELLO = [{"role": "user", "content": "Hello"}]
CHAT = {"messages": HELLO}
ASKED = {
    "groq": (
        "groq",
        "/chat/completions",
        {"model": "openai/gpt-oss-20b", **CHAT},
    ),
    "chat": ("openai", "/chat/completions", {"model": "gpt-4o", **CHAT}),
    "responses": ("openai", "/responses", {"model": "gpt-4o", "input": "Hello"}),
    "anthropic": (
        "anthropic",
        "/messages",
        {"model": "claude-opus-4-8", "max_tokens": 9, **CHAT},
    ),
    "local": ("local", "/chat/completions", {"model": "llama3.2:3b", **CHAT}),
}


@pytest.fixture(scope="module")
def running():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client():
    with httpx.Client(headers=HEADERS, timeout=5) as opened:
        yield opened


@pytest.fixture
def strike(running, client):
    """Meets a fault, by provider or API; the whole response."""

    def strike(name, fault, **fields):
        provider, path, payload = ASKED[name]
        running.reset()
        running.script(fault)
        url = running.base_url(provider) + path
        return client.post(url, json={**payload, **fields})

    return strike


def gist(response):
    """Status, type and code of an error; Anthropic's code is a detail."""
    error = response.json()["error"]
    details = error.get("details", {}).get("error_code")
    return response.status_code, error["type"], error.get("code", details)


BAD = "invalid_request_error"
EVERYWHERE = [
    (
        faults.rate_limited("2"),
        {
            "groq": (429, "tokens", "rate_limit_exceeded"),
            "chat": (429, "tokens", "rate_limit_exceeded"),
            "responses": (429, "tokens", "rate_limit_exceeded"),
            "anthropic": (429, "rate_limit_error", None),
            "local": (429, "api_error", None),
        },
    ),
    (
        faults.quota_exhausted(),
        {
            "groq": (429, "insufficient_quota", "insufficient_quota"),
            "chat": (429, "insufficient_quota", "insufficient_quota"),
            "responses": (429, "insufficient_quota", "insufficient_quota"),
            "anthropic": (429, "rate_limit_error", "enforced_spend_limit_reached"),
            "local": (429, "api_error", None),
        },
    ),
    (
        faults.request_too_large(),
        {
            "groq": (413, "tokens", "rate_limit_exceeded"),
            "chat": (429, "tokens", "rate_limit_exceeded"),
            "responses": (429, "tokens", "rate_limit_exceeded"),
            "anthropic": (413, "request_too_large", None),
            "local": (413, "api_error", None),
        },
    ),
    (
        faults.context_length_exceeded(),
        {
            "groq": (400, BAD, "context_length_exceeded"),
            "chat": (400, BAD, "context_length_exceeded"),
            "responses": (400, BAD, "context_length_exceeded"),
            "anthropic": (400, BAD, None),
            "local": (400, BAD, None),
        },
    ),
    (
        faults.model_not_found("m"),
        {
            "groq": (404, BAD, "model_not_found"),
            "chat": (404, BAD, "model_not_found"),
            "responses": (400, BAD, "model_not_found"),
            "anthropic": (404, "not_found_error", None),
            "local": (404, "not_found_error", None),
        },
    ),
    (
        faults.invalid_api_key(),
        {
            "groq": (401, BAD, "invalid_api_key"),
            "chat": (401, BAD, "invalid_api_key"),
            "responses": (401, BAD, "invalid_api_key"),
            "anthropic": (401, "authentication_error", None),
            "local": (401, "api_error", None),
        },
    ),
    (
        faults.overloaded(),
        {
            "groq": (503, "service_unavailable_error", "server_is_overloaded"),
            "chat": (503, "service_unavailable_error", "server_is_overloaded"),
            "responses": (503, "service_unavailable_error", "server_is_overloaded"),
            "anthropic": (529, "overloaded_error", None),
            "local": (503, "api_error", None),
        },
    ),
    (
        faults.server_error(502),
        {
            "groq": (502, "server_error", None),
            "chat": (502, "server_error", None),
            "responses": (502, "server_error", None),
            "anthropic": (502, "api_error", None),
            "local": (502, "api_error", None),
        },
    ),
    (
        faults.status(403, "No entry."),
        {
            "groq": (403, BAD, None),
            "chat": (403, BAD, None),
            "responses": (403, BAD, None),
            "anthropic": (403, "permission_error", None),
            "local": (403, "api_error", None),
        },
    ),
    (
        Reply(status=500),
        {
            "groq": (500, "server_error", None),
            "chat": (500, "server_error", None),
            "responses": (500, "server_error", None),
            "anthropic": (500, "api_error", None),
            "local": (500, "api_error", None),
        },
    ),
    (
        faults.error_object(),
        {
            "groq": (200, "service_unavailable_error", "server_is_overloaded"),
            "chat": (200, "service_unavailable_error", "server_is_overloaded"),
            "responses": (200, "service_unavailable_error", "server_is_overloaded"),
            "anthropic": (200, "overloaded_error", None),
            "local": (200, "api_error", None),
        },
    ),
    (
        faults.stream_error(),
        {
            "groq": (200, BAD, "tool_use_failed"),
            "chat": (200, "server_error", None),
            "responses": (200, "server_error", None),
            "anthropic": (200, "overloaded_error", None),
            "local": (200, "api_error", None),
        },
    ),
    (
        faults.error_lost(),
        {
            "groq": (200, "service_unavailable_error", "server_is_overloaded"),
            "chat": (200, "server_error", None),
            "responses": (200, "server_error", None),
            "anthropic": (200, "overloaded_error", None),
            "local": (200, "api_error", None),
        },
    ),
    (
        faults.capacity_exceeded(),
        dict.fromkeys(ASKED, (498, BAD, "capacity_exceeded")),
    ),
]


@pytest.mark.parametrize(
    ("name", "fault", "expected"),
    [
        (name, fault, expected)
        for fault, words in EVERYWHERE
        for name, expected in words.items()
    ],
)
def test_fault_has_the_providers_status_type_and_code(strike, name, fault, expected):
    response = strike(name, fault)
    assert gist(response) == expected
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("name", ASKED)
def test_rate_limit_says_when_to_come_back_everywhere(strike, name):
    response = strike(name, faults.rate_limited("2"))
    assert response.headers["retry-after"] == "2"
    assert "retry-after" not in strike(name, faults.rate_limited()).headers


@pytest.mark.parametrize("name", ["groq", "chat", "responses", "anthropic"])
def test_rate_limit_may_say_it_in_the_message_alone(strike, name):
    fault = faults.rate_limited(in_message="7.66s", type_="requests")
    message = strike(name, fault).json()["error"]["message"]
    assert "try again in 7.66s." in message
    assert "requests" in message


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("groq", "reduce the length of the messages"),
        ("chat", "maximum context length is 128000 tokens"),
        ("responses", "exceeds the context window of this model"),
        ("anthropic", "prompt is too long: 213021 tokens > 200000 maximum"),
        ("local", "request (5827 tokens) exceeds the available context size"),
    ],
)
def test_context_length_is_told_in_the_providers_words(strike, name, told):
    message = strike(name, faults.context_length_exceeded()).json()["error"]["message"]
    assert told in message


@pytest.mark.parametrize("name", ASKED)
def test_model_that_is_not_found_is_named(strike, name):
    fault = faults.model_not_found("gone-1")
    assert "gone-1" in strike(name, fault).json()["error"]["message"]


@pytest.mark.parametrize("name", ASKED)
def test_any_status_keeps_its_message_type_code_and_extras(strike, name):
    fault = faults.status(418, "short", code_="c", type_="t", hint="h")
    response = strike(name, fault)
    assert gist(response) == (418, "t", "c")
    error = response.json()["error"]
    assert (error["message"], error["hint"]) == ("short", "h")


@pytest.mark.parametrize("name", ASKED)
def test_changed_status_wins_over_the_providers_own(strike, name):
    assert strike(name, faults.overloaded() | Reply(status=500)).status_code == 500


@pytest.mark.parametrize("name", ASKED)
def test_error_object_that_is_given_is_sent_as_it_is(strike, name):
    error = {"type": "odd", "message": "m"}
    assert strike(name, Reply(status=400, error=error)).json()["error"] == error


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("named", [True, False])
def test_stream_error_that_is_given_is_sent_as_it_is(strike, name, named):
    fault = faults.stream_error({"odd": 1}, named=named)
    assert strike(name, fault).json() == {"odd": 1}
    streamed = strike(name, fault, stream=True).text
    assert streamed.endswith(f'{"event: error" * named}\ndata: {{"odd":1}}\n\n')


@pytest.mark.parametrize(
    ("name", "status"),
    [("groq", 400), ("chat", 400), ("responses", 400), ("anthropic", 200)],
)
def test_content_policy_is_an_error_but_to_anthropic(strike, name, status):
    response = strike(name, faults.content_policy())
    assert response.status_code == status
    if status == 400:
        assert response.json()["error"]["code"] == "content_policy_violation"
    else:
        assert response.json()["stop_reason"] == "refusal"


def test_content_policy_of_a_local_server_is_what_its_model_says(strike):
    message = strike("local", faults.content_policy()).json()["choices"][0]["message"]
    assert "rejected" in message["content"]


def test_refusal_is_plain_text_where_there_is_no_form_for_it(strike):
    for name in ("groq", "local"):
        message = strike(name, faults.refusal("No.")).json()["choices"][0]["message"]
        assert message["content"] == "No."


@pytest.mark.parametrize("name", ["groq", "chat", "anthropic", "local"])
def test_failed_response_is_an_error_elsewhere(strike, name):
    response = strike(name, faults.response_failed(message="Gone."))
    assert response.json()["error"]["message"] == "Gone."


def test_groq_loses_no_error_but_may_end_its_stream(strike):
    text = strike("groq", faults.error_lost(after=1), stream=True).text
    assert "[DONE]" not in text
    assert text.count("data: ") == 2


def test_raw_bodies_have_the_providers_header_fields(strike):
    assert strike("anthropic", faults.html(502)).headers["request-id"]
    assert strike("chat", faults.empty_body()).headers["x-request-id"]
