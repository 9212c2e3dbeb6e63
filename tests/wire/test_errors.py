"""Errors of providers: which class, whether to retry, how long to wait, what stays."""

from __future__ import annotations

import json
import pickle
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import errors
from llm_adapter._wire.error_bodies import read_error
from llm_adapter._wire.error_tables import CODES, VAGUE_CODES
from llm_adapter._wire.errors import (
    describes_error,
    error_from_answer,
    error_from_value,
    hide_secrets,
)
from llm_adapter.errors import (
    LLMAPIError,
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMConnectionError,
    LLMContentPolicyError,
    LLMContextLengthError,
    LLMInvalidResponseError,
    LLMModelNotFoundError,
    LLMOverloadedError,
    LLMPermissionError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMTimeoutError,
)

NOW = 1_795_305_600.0
RETRIED_4XX = {408, 409, 424, 429, 498, 499}

RATE_LIMIT = (
    "Rate limit reached for model `openai/gpt-oss-20b` in organization `o_1` on tokens "
    "per minute (TPM): Limit 15000, Used 11972, Requested 4351. Please try again in "
    "5.289s."
)
TOO_LARGE = (
    "Request too large for model `openai/gpt-oss-20b` in organization `o_1` on tokens "
    "per minute (TPM): Limit 6000, Requested 12328, please reduce your message size."
)


def answer(status, body=b"", **headers):
    """The error of an answer; `retry_after=1` is the header retry-after."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_answer(status, names, body, now=NOW)


def refused(status, message="", *, headers=None, **fields):
    """The error of an answer with OpenAI's error object."""
    body = json.dumps({"error": {"message": message, **fields}}).encode()
    return error_from_answer(status, headers or {}, body, now=NOW)


# -- the tables of wire-protocols.md 3.5 and 7.3 --------------------------------------


@pytest.mark.parametrize(
    ("status", "fields", "kind", "retryable"),
    [
        (
            400,
            {
                "code": "model_not_found",
                "message": "The requested model 'x' does not exist.",
            },
            LLMModelNotFoundError,
            False,
        ),
        (400, {"code": "context_length_exceeded"}, LLMContextLengthError, False),
        (
            400,
            {
                "code": "context_length_exceeded",
                "message": "Please reduce the length of the messages or completion.",
            },
            LLMContextLengthError,
            False,
        ),
        (400, {"code": "invalid_value"}, LLMBadRequestError, False),
        (400, {"code": "unsupported_value"}, LLMBadRequestError, False),
        (400, {"code": "unsupported_parameter"}, LLMBadRequestError, False),
        (400, {"code": "decimal_below_min_value"}, LLMBadRequestError, False),
        (400, {"code": None}, LLMBadRequestError, False),
        (400, {"code": "string_above_max_length"}, LLMBadRequestError, False),
        (400, {"code": "unsupported_file"}, LLMBadRequestError, False),
        (400, {"code": "invalid_prompt"}, LLMContentPolicyError, False),
        (400, {"code": "content_policy_violation"}, LLMContentPolicyError, False),
        (400, {"code": "bio_policy"}, LLMContentPolicyError, False),
        (400, {"code": "cyber_policy"}, LLMContentPolicyError, False),
        (400, {"code": "misalignment_policy_violation"}, LLMContentPolicyError, False),
        (
            400,
            {"code": "content_filter", "innererror": {"content_filter_result": {}}},
            LLMContentPolicyError,
            False,
        ),
        (400, {"code": "json_validate_failed"}, LLMInvalidResponseError, True),
        (400, {"code": "tool_use_failed"}, LLMInvalidResponseError, True),
        (400, {"code": "model_decommissioned"}, LLMModelNotFoundError, False),
        (
            400,
            {"schema_code": "minItems", "schema_kind": "keyword", "schema_path": "/a"},
            LLMBadRequestError,
            False,
        ),
        (401, {"code": "invalid_api_key"}, LLMAuthenticationError, False),
        (401, {"code": None}, LLMAuthenticationError, False),
        (402, {}, LLMQuotaExceededError, False),
        (
            403,
            {"code": "unsupported_country_region_territory"},
            LLMPermissionError,
            False,
        ),
        (404, {"code": "model_not_found"}, LLMModelNotFoundError, False),
        (404, {"code": "unknown_url"}, LLMBadRequestError, False),
        (408, {}, LLMTimeoutError, True),
        (409, {}, LLMServerError, True),
        (413, {}, LLMBadRequestError, False),
        (413, {"code": "request_too_large"}, LLMBadRequestError, False),
        (413, {"code": "context_length_exceeded"}, LLMContextLengthError, False),
        (
            413,
            {"message": TOO_LARGE, "type": "tokens", "code": "rate_limit_exceeded"},
            LLMBadRequestError,
            False,
        ),
        (422, {}, LLMBadRequestError, False),
        (424, {}, LLMServerError, True),
        (429, {"code": "insufficient_quota"}, LLMQuotaExceededError, False),
        (429, {"type": "insufficient_quota"}, LLMQuotaExceededError, False),
        (429, {"code": "credit_balance_exhausted"}, LLMQuotaExceededError, False),
        (
            429,
            {"code": "organization_spend_limit_exceeded"},
            LLMQuotaExceededError,
            False,
        ),
        (429, {"code": "project_spend_limit_exceeded"}, LLMQuotaExceededError, False),
        (
            429,
            {"code": "organization_usage_limit_exceeded"},
            LLMQuotaExceededError,
            False,
        ),
        (
            429,
            {"message": "You have reached your spend limit."},
            LLMQuotaExceededError,
            False,
        ),
        (
            429,
            {"message": RATE_LIMIT, "type": "tokens", "code": "rate_limit_exceeded"},
            LLMRateLimitError,
            True,
        ),
        (
            429,
            {"type": "requests", "code": "rate_limit_exceeded"},
            LLMRateLimitError,
            True,
        ),
        (
            429,
            {"message": TOO_LARGE, "type": "tokens", "code": "rate_limit_exceeded"},
            LLMBadRequestError,
            False,
        ),
        (
            429,
            {"message": "Limit 30000, Requested 34472.", "code": "rate_limit_exceeded"},
            LLMBadRequestError,
            False,
        ),
        (
            429,
            {"type": "rate_limit_error", "code": "slow_down"},
            LLMRateLimitError,
            True,
        ),
        (429, {"code": "slow_down"}, LLMRateLimitError, True),
        (498, {"code": "capacity_exceeded"}, LLMOverloadedError, True),
        (498, {}, LLMOverloadedError, True),
        (499, {}, LLMConnectionError, True),
        (500, {"type": "server_error"}, LLMServerError, True),
        (502, {"type": "server_error"}, LLMServerError, True),
        (
            503,
            {"type": "service_unavailable_error", "code": "server_is_overloaded"},
            LLMOverloadedError,
            True,
        ),
        (503, {"type": "server_error", "code": "slow_down"}, LLMOverloadedError, True),
        (503, {}, LLMOverloadedError, True),
        (400, {"code": "cmek_key_unavailable"}, LLMOverloadedError, True),
        (504, {"type": "server_error"}, LLMTimeoutError, True),
        (520, {}, LLMServerError, True),
        (524, {}, LLMTimeoutError, True),
        (529, {"type": "overloaded_error"}, LLMOverloadedError, True),
        (530, {}, LLMServerError, True),
    ],
)
def test_status_code_and_message_choose_the_class(status, fields, kind, retryable):
    error = refused(status, **{"type": "invalid_request_error", **fields})
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status_code == status
    assert error.code == (fields.get("code") or fields.get("type", error.code))


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 128000 tokens.",
        "prompt is too long: 213021 tokens > 200000 maximum",
        "the request exceeds the available context size, try increasing it",
        "Context size has been exceeded.",
        "Please reduce the length of the messages or completion.",
        "The prompt is longer than the model's context length.",
        "input length and `max_tokens` exceed context limit",
        "This model's maximum prompt length is 8192",
        "input exceeds the model's maximum context length",
    ],
)
def test_a_message_tells_that_the_context_is_too_long_where_no_code_does(message):
    error = refused(400, message, type="invalid_request_error")
    assert type(error) is LLMContextLengthError


@pytest.mark.parametrize(
    "message",
    [
        "Your credit balance is too low to access the Anthropic API.",
        "You have reached the spend limit you set.",
    ],
)
def test_a_message_tells_that_the_money_is_spent_where_no_code_does(message):
    assert type(refused(400, message)) is LLMQuotaExceededError


def test_a_code_stands_above_the_message_and_the_type():
    error = refused(
        429, "maximum context length", code="insufficient_quota", type="server_error"
    )
    assert type(error) is LLMQuotaExceededError


def test_anthropics_detail_stands_above_the_code():
    error = refused(
        429,
        type="rate_limit_error",
        details={"error_code": "enforced_spend_limit_reached"},
    )
    assert type(error) is LLMQuotaExceededError
    assert error.code == "enforced_spend_limit_reached"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("field", ["code", "type"])
def test_every_code_decides_whatever_the_status_is(code, field):
    for status in (200, 400, 500):
        assert type(refused(status, **{field: code})) is CODES[code]


@pytest.mark.parametrize("code", VAGUE_CODES)
def test_a_vague_code_decides_only_inside_a_200(code):
    assert type(refused(200, type=code)) is VAGUE_CODES[code]
    assert type(refused(401, type=code)) is LLMAuthenticationError


def test_an_error_inside_a_200_that_says_nothing_else_is_an_api_error():
    error = refused(200, "oops")
    assert type(error) is LLMAPIError
    assert not error.retryable


@pytest.mark.parametrize("field", ["code", "status_code"])
def test_an_error_inside_a_200_may_bring_its_own_status(field):
    error = refused(200, **{field: 503})
    assert type(error) is LLMOverloadedError
    assert error.status_code == 503


@pytest.mark.parametrize(
    ("code", "kind"), [(400, LLMBadRequestError), (599, LLMServerError)]
)
def test_every_status_of_an_error_is_taken_for_one(code, kind):
    assert type(refused(200, code=code)) is kind


@pytest.mark.parametrize("code", [503, "503"])
def test_a_status_for_a_code_may_be_written_as_text(code):
    """As Azure writes it."""
    assert type(refused(200, code=code)) is LLMOverloadedError


def test_a_status_may_stand_beside_the_error():
    """As Cerebras sends it in streams."""
    value = {"error": {"message": "busy"}, "status_code": 503}
    assert type(error_from_value(value, status_code=200)) is LLMOverloadedError


@pytest.mark.parametrize(
    "status", [42, 200, 600, True, "50", "5030", "5o3", "²²²", 503.0, 10**30]
)
def test_what_is_no_status_of_an_error_is_not_taken_for_one(status):
    assert type(refused(200, code=status)) is LLMAPIError


def test_the_answers_own_status_stands_above_one_in_the_body():
    assert refused(401, code=500).status_code == 401


@given(st.integers(100, 599), st.sampled_from([b"", b"{}", b"<html>", b"oops"]))
def test_every_status_gives_a_class_and_what_the_caller_did_is_not_retried(
    status, body
):
    error = answer(status, body)
    assert isinstance(error, LLMServiceError)
    assert error.status_code == status
    if status < 400:
        assert not error.retryable
    elif status < 500:
        assert error.retryable is (status in RETRIED_4XX)
    else:
        assert error.retryable


# -- retry signals --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": f"{NOW + 30:.0f}"}, 30.0),
        ({"retry-after": f"{NOW - 30:.0f}"}, 0.0),
        ({"retry-after": "soon"}, 5.289),
        ({"retry-after": "inf"}, 5.289),
        ({}, 5.289),
    ],
)
def test_the_wait_comes_from_the_headers_and_otherwise_from_the_message(
    headers, seconds
):
    error = refused(429, RATE_LIMIT, code="rate_limit_exceeded", headers=headers)
    assert error.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize("status", [408, 429, 498, 500, 503])
def test_errors_that_pass_name_their_wait(status):
    assert answer(status, retry_after="7").retry_after == 7


@pytest.mark.parametrize("status", [400, 401, 404, 413])
def test_errors_that_do_not_pass_name_no_wait(status):
    assert answer(status, retry_after="7").retry_after is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_provider_may_forbid_a_retry(status):
    assert not answer(status, x_should_retry="false").retryable


@pytest.mark.parametrize("status", [400, 401, 404])
def test_the_provider_may_ask_for_a_retry(status):
    assert answer(status, x_should_retry="true").retryable


@pytest.mark.parametrize("wish", ["", "yes", "True"])
def test_another_wish_changes_nothing(wish):
    assert answer(500, x_should_retry=wish).retryable
    assert not answer(400, x_should_retry=wish).retryable


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (402, {}),
        (413, {}),
        (413, {"code": "rate_limit_exceeded"}),
        (413, {"code": "json_validate_failed"}),
        (429, {"code": "insufficient_quota"}),
        (429, {"code": "rate_limit_exceeded", "message": TOO_LARGE}),
    ],
)
def test_what_cannot_pass_is_not_retried_even_on_the_providers_wish(status, fields):
    assert not refused(status, **fields, headers={"x-should-retry": "true"}).retryable


# -- what is kept ---------------------------------------------------------------------


@pytest.mark.parametrize("code", ["json_validate_failed", "tool_use_failed"])
@pytest.mark.parametrize("failed", ['{"name": "X"', ""])
def test_the_generation_that_was_rejected_is_kept(code, failed):
    error = refused(400, "no", code=code, failed_generation=failed)
    assert error.failed_generation == error.text == failed


@pytest.mark.parametrize("failed", [None, 5, {}])
def test_a_generation_that_is_no_text_is_none(failed):
    error = refused(400, code="json_validate_failed", failed_generation=failed)
    assert error.failed_generation is None


def test_the_decoded_body_is_kept():
    assert refused(400, "no", param="x").body == {
        "error": {"message": "no", "param": "x"}
    }


def test_of_an_unreadable_body_the_beginning_is_kept():
    error = answer(502, b"<html>" + b"x" * 100_000)
    assert error.body.startswith("<html>xx")
    assert len(error.body) == 20_000


def test_a_long_message_is_cut():
    assert len(refused(400, "x" * 100_000).message) == 2000


def test_errors_can_be_pickled():
    error = refused(429, RATE_LIMIT, code="rate_limit_exceeded")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.body) == (type(error), str(error), error.body)


# -- bodies of every shape ------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        pytest.param({"error": {"message": "m", "code": "c"}}, "m", "c", id="OpenAI"),
        pytest.param({"error": {"message": "m", "type": "t"}}, "m", "t", id="type"),
        pytest.param(
            {"error": {"message": "m", "code": 418}}, "m", None, id="int code"
        ),
        pytest.param(
            {"type": "error", "error": {"type": "t", "message": "m"}},
            "m",
            "t",
            id="Anthropic",
        ),
        pytest.param({"error": "m"}, "m", None, id="error is text"),
        pytest.param({"error": "m", "code": "c"}, "m", "c", id="error is text, code"),
        pytest.param({"error": True, "message": "m"}, "m", None, id="error is a flag"),
        pytest.param({"error": {}, "message": "m"}, "m", None, id="error is empty"),
        pytest.param({"error": [], "message": "m"}, "m", None, id="error is a list"),
        pytest.param({"error": [{"message": "m"}]}, "m", None, id="list of errors"),
        pytest.param({"errors": [{"message": "m"}]}, "m", None, id="errors"),
        pytest.param({"errors": ["m"]}, "m", None, id="errors as text"),
        pytest.param({"error": {"code": 99, "message": "m"}}, "m", "99", id="number"),
        pytest.param({"error": {"code": 100, "message": "m"}}, "m", None, id="status"),
        pytest.param(
            {"error": {"code": 600, "message": "m"}}, "m", "600", id="no status"
        ),
        pytest.param({"message": "m"}, "m", None, id="message alone"),
        pytest.param(
            {"object": "error", "message": "m", "type": "t", "code": 400},
            "m",
            "t",
            id="older vLLM",
        ),
        pytest.param({"detail": "m"}, "m", None, id="FastAPI"),
        pytest.param({"error_description": "m"}, "m", None, id="OAuth"),
        pytest.param({"title": "m", "status": 418}, "m", None, id="RFC 9457"),
        pytest.param([{"error": {"message": "m"}}], "m", None, id="list of one"),
        pytest.param("m", "m", None, id="text"),
        pytest.param({"error": {"message": None}}, "", None, id="no message"),
        pytest.param({"error": {"message": {"a": 1}}}, "", None, id="message no text"),
        pytest.param({"detail": {"a": 1}}, "", None, id="detail no text"),
        pytest.param({"detail": {}, "title": "m"}, "m", None, id="detail empty"),
        pytest.param({"error": {"code": ""}}, "", None, id="empty code"),
        pytest.param({"error": {"details": "x"}}, "", None, id="details no mapping"),
        pytest.param([], "", None, id="empty list"),
        pytest.param({}, "", None, id="empty object"),
        pytest.param(None, "", None, id="null"),
        pytest.param(5, "", None, id="number"),
    ],
)
def test_message_and_code_are_found_in_bodies_of_every_shape(body, message, code):
    error = answer(418, json.dumps(body).encode())
    assert error.message == (message or "The provider answered HTTP 418.")
    assert error.code == code


def test_a_validation_error_of_fastapi_names_its_places():
    detail = [
        {"loc": ["body", "messages", 0, "role"], "msg": "field required", "type": "x"},
        {"loc": "body", "msg": "too long"},
        {"loc": None, "msg": None},
        {"loc": [None, {}], "msg": 5},
        "odd",
    ]
    error = answer(422, json.dumps({"detail": detail}).encode())
    assert error.message == (
        "body.messages.0.role: field required; body: too long; : invalid; : invalid; "
        ": invalid"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, LLMPermissionError),
        (502, LLMServerError),
        (503, LLMOverloadedError),
        (504, LLMTimeoutError),
        (522, LLMServerError),
        (524, LLMTimeoutError),
    ],
)
def test_of_a_web_page_the_status_counts_and_its_words_are_the_message(status, kind):
    page = b"<!doctype html><style>h1 {}</style><h1>Bad</h1>\n  gateway <script>x"
    error = answer(status, page)
    assert type(error) is kind
    assert error.message == "Bad gateway"


def test_a_web_page_within_json_is_shown_without_its_tags():
    page = "<html><h1>502</h1></html>"
    assert refused(502, page).message == "502"
    assert answer(502, json.dumps({"error": page}).encode()).message == "502"


@pytest.mark.parametrize("body", [b"", b"  ", b"null", b"{}"])
def test_of_an_empty_body_the_status_counts(body):
    error = answer(503, body)
    assert type(error) is LLMOverloadedError
    assert error.message == "The provider answered HTTP 503."


@pytest.mark.parametrize("body", [b'{"error": {"message": "cut of', b"no \xff JSON"])
def test_of_an_unreadable_body_the_text_is_the_message(body):
    assert answer(500, body).message == body.decode("utf-8", "replace")


def test_an_error_without_a_status_says_what_its_class_says():
    error = error_from_value({})
    assert type(error) is LLMAPIError
    assert error.message == LLMAPIError.summary
    assert error.status_code is None


@pytest.mark.parametrize(
    ("value", "is_error"),
    [
        ({"error": {"message": "m"}}, True),
        ({"error": "m"}, True),
        ({"detail": [1]}, True),
        ({"object": "error"}, True),
        ({"type": "error"}, True),
        ([{"error": "m"}], True),
        ({"errors": [{"message": "m"}]}, True),
        ({"errors": [], "result": 1}, False),
        ({"error": None, "detail": ""}, False),
        ({"object": "list", "type": "x"}, False),
        ([], False),
        ("error", False),
        (None, False),
    ],
)
def test_an_error_is_told_from_an_answer(value, is_error):
    assert describes_error(value) is is_error


def test_every_class_of_the_tables_belongs_to_the_family():
    assert {*CODES.values(), *VAGUE_CODES.values()} <= {
        getattr(errors, name) for name in errors.__all__ if name.startswith("LLM")
    }


# -- secrets --------------------------------------------------------------------------

SECRETS = [
    "sk-proj-Ab12Cd34Ef56Gh78",
    "sk-ant-api03-Ab12_Cd34-Ef56",
    "sk-****************wxyz",
    "gsk_Ab12Cd34Ef56Gh78Ij90",
    "xai-Ab12Cd34Ef56Gh78",
]
WORDS = [
    "missing properties: 'key_points', 'sk_1'",
    "use a Bearer token",
    "a task-oriented disk_usage",
    "key-value pairs, pk_field",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "key {}.", '"{}"', "({})", "Bearer {}"])
def test_keys_in_messages_are_hidden(secret, frame):
    assert secret[-6:] not in hide_secrets(frame.format(secret))


@pytest.mark.parametrize("word", ["Bearer", "bearer"])
def test_any_bearer_token_is_hidden(word):
    said = f"Authorization: {word} own.secret/1234+5=, rejected"
    assert hide_secrets(said) == f"Authorization: {word} *** rejected"


@pytest.mark.parametrize("words", WORDS)
def test_words_that_only_look_alike_are_not_hidden(words):
    assert hide_secrets(words) == words


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Incorrect API key: KEY.", "code": "invalid_api_key"}}',
        '{"error": "Incorrect API key: KEY"}',
        '{"detail": ["KEY"], "headers": {"Authorization": "Bearer KEY"}}',
        "<html>Incorrect API key: KEY</html>",
        "Incorrect API key: KEY",
    ],
)
def test_keys_in_a_body_reach_no_part_of_the_error(secret, body):
    error = answer(401, body.replace("KEY", secret).encode())
    assert type(error) is LLMAuthenticationError
    assert secret.encode() not in pickle.dumps(error)
    assert secret not in repr(vars(error))


def test_a_body_without_keys_is_kept_as_it_is():
    body = {"error": {"message": "no", "n": 10**30, "x": [1.5, None, True]}}
    assert error_from_value(body).body is body


def test_read_error_takes_the_first_item_of_a_list_only():
    assert read_error([{"message": "a"}, {"message": "b"}]).message == "a"
