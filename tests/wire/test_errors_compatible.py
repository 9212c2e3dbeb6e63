"""Errors of providers with OpenAI's API, each in the shape in which it sends them.

Bodies as their SDKs, their documentation and their users' issues show them.
"""

from __future__ import annotations

import json

import pytest

from llm_adapter._wire.error_tables import CODES
from llm_adapter._wire.errors import error_from_answer, error_from_value
from llm_adapter.errors import (
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMContentPolicyError,
    LLMContextLengthError,
    LLMModelNotFoundError,
    LLMOverloadedError,
    LLMPermissionError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
)

NOW = 1_795_305_600.0


def refused(status, message="", **fields):
    """The error of an answer with OpenAI's error object."""
    body = json.dumps({"error": {"message": message, **fields}}).encode()
    return error_from_answer(status, {}, body, now=NOW)


CREDITS = (
    "Your team x has either used all available credits or reached its monthly spending "
    "limit. To continue making API requests, please purchase more credits."
)
TOO_LONG = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097."
QUOTA = "You exceeded your current quota, please check your plan and billing details."


def google(code, status, message="no", *details):
    """An error of Gemini's, which is a list."""
    named = {"code": code, "message": message, "status": status}
    return [{"error": {**named, "details": list(details)}}]


def routed(code, message="Provider returned error", **metadata):
    """An error of OpenRouter's, whose code is the status."""
    error = {"code": code, "message": message, "metadata": metadata}
    return {"error": error, "user_id": "u"}


def spent(quota):
    """Google's word for which quota is used up."""
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return {"@type": kind, "violations": [{"quotaMetric": "m", "quotaId": quota}]}


MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"}
BAD_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
}
LIMITED = {**BAD_KEY, "reason": "RATE_LIMIT_EXCEEDED"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        pytest.param(
            422,
            {
                "object": "error",
                "message": {
                    "detail": [{"type": "extra_forbidden", "loc": ["body"], "msg": "m"}]
                },
                "type": "invalid_request_error",
                "code": None,
            },
            LLMBadRequestError,
            "invalid_request_error",
            id="Mistral: unknown field",
        ),
        pytest.param(
            422,
            {"object": "Error", "message": [{"loc": ["body"]}], "code": 3001},
            LLMBadRequestError,
            "3001",
            id="Mistral: code as a number",
        ),
        pytest.param(
            400,
            {"object": "error", "message": "Prompt is too large", "code": "3051"},
            LLMContextLengthError,
            "3051",
            id="Mistral: window",
        ),
        pytest.param(
            400,
            {"object": "error", "message": "Prompt is too large", "code": 3051},
            LLMContextLengthError,
            "3051",
            id="Mistral: window, as a number",
        ),
        pytest.param(
            429,
            {"object": "error", "message": "m", "type": "rate_limited", "code": "1300"},
            LLMRateLimitError,
            "1300",
            id="Mistral: too fast",
        ),
        pytest.param(
            429,
            {"message": "m", "type": "service_tier_capacity_exceeded", "code": "3505"},
            LLMOverloadedError,
            "3505",
            id="Mistral: full",
        ),
        pytest.param(
            401,
            {"detail": "Unauthorized"},
            LLMAuthenticationError,
            None,
            id="Mistral: key",
        ),
        pytest.param(
            402,
            {
                "error": {
                    "message": "Insufficient Balance",
                    "code": "invalid_request_error",
                }
            },
            LLMQuotaExceededError,
            "invalid_request_error",
            id="DeepSeek: balance",
        ),
        pytest.param(
            429,
            {"code": "Some resource has been exhausted", "error": CREDITS},
            LLMQuotaExceededError,
            "Some resource has been exhausted",
            id="xAI: credits",
        ),
        pytest.param(
            400,
            {
                "code": "Client specified an invalid argument",
                "error": "Incorrect API key provided: xa***ab.",
            },
            LLMAuthenticationError,
            "Client specified an invalid argument",
            id="xAI: key",
        ),
        pytest.param(
            400,
            {
                "code": "invalid-argument",
                "error": "Model grok-4.6 does not support parameter stop.",
            },
            LLMBadRequestError,
            "invalid-argument",
            id="xAI: field",
        ),
        pytest.param(
            400,
            {"id": "o", "error": {"message": "m", "code": "model_not_available"}},
            LLMModelNotFoundError,
            "model_not_available",
            id="Together: model",
        ),
        pytest.param(
            422,
            {
                "id": "o",
                "error": {"message": TOO_LONG, "type": "invalid_request_error"},
            },
            LLMContextLengthError,
            "invalid_request_error",
            id="Together: window",
        ),
        pytest.param(
            404,
            {"error": "Model not found, inaccessible, and/or not deployed"},
            LLMModelNotFoundError,
            None,
            id="Fireworks: model",
        ),
        pytest.param(
            400,
            {"message": "m", "param": "validation_error", "code": "wrong_api_format"},
            LLMBadRequestError,
            "wrong_api_format",
            id="Cerebras: field",
        ),
        pytest.param(
            400,
            {"message": "m", "code": "context_length_exceeded"},
            LLMContextLengthError,
            "context_length_exceeded",
            id="Cerebras: window",
        ),
        pytest.param(
            401,
            {"message": "Wrong API Key", "code": "wrong_api_key"},
            LLMAuthenticationError,
            "wrong_api_key",
            id="Cerebras: key",
        ),
        pytest.param(
            400,
            {"error": {"message": "m", "type": "invalid_message", "code": 400}},
            LLMBadRequestError,
            "invalid_message",
            id="Perplexity",
        ),
        pytest.param(
            404,
            {"error": {"code": "DeploymentNotFound", "message": "m"}},
            LLMModelNotFoundError,
            "DeploymentNotFound",
            id="Azure: deployment",
        ),
        pytest.param(
            429,
            google(429, "RESOURCE_EXHAUSTED", QUOTA, spent(MINUTE), WAIT),
            LLMRateLimitError,
            "RESOURCE_EXHAUSTED",
            id="Gemini: a minute's quota",
        ),
        pytest.param(
            429,
            google(429, "RESOURCE_EXHAUSTED", QUOTA, LIMITED, spent(DAY), WAIT),
            LLMQuotaExceededError,
            "RESOURCE_EXHAUSTED",
            id="Gemini: a day's quota",
        ),
        pytest.param(
            400,
            google(400, "INVALID_ARGUMENT", "API key not valid. Please pass one."),
            LLMAuthenticationError,
            "INVALID_ARGUMENT",
            id="Gemini: key, in words",
        ),
        pytest.param(
            400,
            google(400, "INVALID_ARGUMENT", "no", BAD_KEY),
            LLMAuthenticationError,
            "INVALID_ARGUMENT",
            id="Gemini: key",
        ),
        pytest.param(
            400,
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count exceeds the maximum number of tokens allowed 9.",
            ),
            LLMContextLengthError,
            "INVALID_ARGUMENT",
            id="Gemini: window",
        ),
        pytest.param(
            503,
            google(503, "UNAVAILABLE"),
            LLMOverloadedError,
            "UNAVAILABLE",
            id="Gemini: full",
        ),
        pytest.param(
            200,
            routed(502),
            LLMServerError,
            None,
            id="OpenRouter: provider down",
        ),
        pytest.param(
            400,
            routed(400, error_type="context_length_exceeded"),
            LLMContextLengthError,
            "context_length_exceeded",
            id="OpenRouter: window",
        ),
        pytest.param(
            400,
            routed(400, raw='{"error": {"message": "prompt is too long: 9 > 8"}}'),
            LLMContextLengthError,
            None,
            id="OpenRouter: window, in the provider's words",
        ),
        pytest.param(
            429,
            routed(429, error_type="provider_overloaded"),
            LLMOverloadedError,
            "provider_overloaded",
            id="OpenRouter: full",
        ),
        pytest.param(
            403,
            routed(403, "Your input was flagged", reasons=["violence"]),
            LLMContentPolicyError,
            None,
            id="OpenRouter: flagged",
        ),
        pytest.param(
            403,
            routed(403, "Your input was flagged", flagged_input="x"),
            LLMContentPolicyError,
            None,
            id="OpenRouter: flagged, with the input",
        ),
        pytest.param(
            403,
            routed(403, "Key may not do that", reasons=[], flagged_input=""),
            LLMPermissionError,
            None,
            id="OpenRouter: key",
        ),
        pytest.param(
            402,
            routed(402, "Insufficient credits"),
            LLMQuotaExceededError,
            None,
            id="OpenRouter: credits",
        ),
        pytest.param(
            501,
            {"error": {"code": 501, "message": "m", "type": "not_supported_error"}},
            LLMBadRequestError,
            "not_supported_error",
            id="llama.cpp: not built in",
        ),
        pytest.param(
            403,
            {"success": False, "errors": [{"code": 10000, "message": "no"}]},
            LLMPermissionError,
            "10000",
            id="Cloudflare",
        ),
    ],
)
def test_bodies_of_providers_with_openais_api_choose_the_class(
    status, body, kind, code
):
    error = error_from_answer(status, {}, json.dumps(body).encode(), now=NOW)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, LLMAuthenticationError),
        (402, LLMQuotaExceededError),
        (404, LLMModelNotFoundError),
    ],
)
def test_a_status_that_says_it_all_stands_above_the_message(status, kind):
    said = "prompt is too long, spending limit, insufficient credits"
    assert type(refused(status, said)) is kind


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_refused_key_is_told_by_its_words_only_where_the_status_is_vague(status):
    error = refused(status, "Incorrect API key provided")
    assert type(error) is not LLMAuthenticationError


@pytest.mark.parametrize("code", ["RATE_LIMIT_EXCEEDED", "Insufficient_Quota"])
def test_codes_are_known_however_they_are_written(code):
    assert type(refused(400, code=code)) is CODES[code.lower()]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("busy", "Provider returned error: busy"),
        ("<html><b>502</b></html>", "Provider returned error: 502"),
        ("", "Provider returned error"),
        (None, "Provider returned error"),
        ({"a": 1}, "Provider returned error"),
    ],
)
def test_what_the_provider_behind_openrouter_said_is_passed_on(raw, message):
    assert error_from_value(routed(502, raw=raw)).message == message


@pytest.mark.parametrize(
    ("headers", "delay", "message", "seconds"),
    [
        ({}, "46s", "", 46),
        ({}, "1.5s", "Please retry in 46.07s.", 1.5),
        ({}, "soon", "Please retry in 46.07s.", 46.07),
        ({}, 46, "", None),
        ({"retry-after": "7"}, "46s", "", 7),
    ],
)
def test_the_wait_may_stand_among_the_details(headers, delay, message, seconds):
    """As Gemini has it, which sends no header."""
    body = google(429, "RESOURCE_EXHAUSTED", message, {**WAIT, "retryDelay": delay})
    error = error_from_value(body, status_code=429, headers=headers, now=NOW)
    assert error.retry_after == seconds
