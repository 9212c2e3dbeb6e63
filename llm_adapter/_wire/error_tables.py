"""What providers' words for errors mean: codes, statuses and phrases as data.

Sources: reference/wire-protocols.md section 7, and of the compatible providers their
own documentation and issue trackers as of 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from .. import errors as e

ErrorClass: TypeAlias = type[e.LLMServiceError]

CODES: Mapping[str, ErrorClass] = {
    "invalid_api_key": e.LLMAuthenticationError,
    "authentication_error": e.LLMAuthenticationError,
    "api_key_invalid": e.LLMAuthenticationError,  # Gemini, beside a 400
    "wrong_api_key": e.LLMAuthenticationError,  # Cerebras
    "permission_error": e.LLMPermissionError,
    "organization_on_hold": e.LLMPermissionError,
    "model_not_found": e.LLMModelNotFoundError,
    "model_decommissioned": e.LLMModelNotFoundError,
    "model_not_available": e.LLMModelNotFoundError,  # Together, beside a 400
    "dedicated_endpoint_not_running": e.LLMModelNotFoundError,
    "deploymentnotfound": e.LLMModelNotFoundError,  # Azure
    "model_terms_required": e.LLMPermissionError,
    "context_length_exceeded": e.LLMContextLengthError,
    "exceed_context_size_error": e.LLMContextLengthError,
    "3051": e.LLMContextLengthError,  # Mistral
    "content_policy_violation": e.LLMContentPolicyError,
    "content_filter": e.LLMContentPolicyError,
    "invalid_prompt": e.LLMContentPolicyError,
    "bio_policy": e.LLMContentPolicyError,
    "cyber_policy": e.LLMContentPolicyError,
    "misalignment_policy_violation": e.LLMContentPolicyError,
    "insufficient_quota": e.LLMQuotaExceededError,
    "credit_balance_exhausted": e.LLMQuotaExceededError,
    "organization_spend_limit_exceeded": e.LLMQuotaExceededError,
    "project_spend_limit_exceeded": e.LLMQuotaExceededError,
    "organization_usage_limit_exceeded": e.LLMQuotaExceededError,
    "enforced_spend_limit_reached": e.LLMQuotaExceededError,
    "contract_spend_limit_reached": e.LLMQuotaExceededError,
    "linked_organization_spend_limit_reached": e.LLMQuotaExceededError,
    "billing_error": e.LLMQuotaExceededError,
    "payment_required": e.LLMQuotaExceededError,  # OpenRouter
    "rate_limit_exceeded": e.LLMRateLimitError,
    "rate_limit_error": e.LLMRateLimitError,
    "rate_limited": e.LLMRateLimitError,  # Mistral
    "ramp_limit_exceeded": e.LLMRateLimitError,
    "capacity_exceeded": e.LLMOverloadedError,
    "service_tier_capacity_exceeded": e.LLMOverloadedError,  # Mistral, also at 429
    "3505": e.LLMOverloadedError,
    "overloaded_error": e.LLMOverloadedError,
    "provider_overloaded": e.LLMOverloadedError,
    "server_is_overloaded": e.LLMOverloadedError,
    "service_unavailable_error": e.LLMOverloadedError,
    "unavailable_error": e.LLMOverloadedError,
    "registration_pending": e.LLMOverloadedError,
    "timeout_error": e.LLMTimeoutError,
    "request_too_large": e.LLMBadRequestError,
    "unknown_url": e.LLMBadRequestError,
    "not_supported_error": e.LLMBadRequestError,  # llama.cpp, beside a 501
    "json_validate_failed": e.LLMInvalidResponseError,
    "tool_use_failed": e.LLMInvalidResponseError,
}
"""Codes and types that decide whatever the status is, in lower case."""

VAGUE_CODES: Mapping[str, ErrorClass] = {
    "invalid_request_error": e.LLMBadRequestError,
    "invalid_request": e.LLMBadRequestError,
    "invalid_argument": e.LLMBadRequestError,
    "failed_precondition": e.LLMBadRequestError,
    "not_found_error": e.LLMModelNotFoundError,
    "not_found": e.LLMModelNotFoundError,
    "authentication": e.LLMAuthenticationError,
    "unauthenticated": e.LLMAuthenticationError,
    "permission_denied": e.LLMPermissionError,
    "requests": e.LLMRateLimitError,
    "tokens": e.LLMRateLimitError,
    "slow_down": e.LLMRateLimitError,
    "resource_exhausted": e.LLMRateLimitError,
    "unavailable": e.LLMOverloadedError,
    "provider_unavailable": e.LLMOverloadedError,
    "server_error": e.LLMServerError,
    "internal_server_error": e.LLMServerError,
    "internal": e.LLMServerError,
    "server": e.LLMServerError,
    "api_error": e.LLMServerError,
    "vector_store_timeout": e.LLMServerError,
    "timeout": e.LLMTimeoutError,
    "deadline_exceeded": e.LLMTimeoutError,
    "data_residency_mismatch": e.LLMBadRequestError,
}
"""Codes and types that decide where the status says nothing: inside a 200."""

STATUSES: Mapping[int, ErrorClass] = {
    400: e.LLMBadRequestError,
    401: e.LLMAuthenticationError,
    402: e.LLMQuotaExceededError,
    403: e.LLMPermissionError,
    404: e.LLMModelNotFoundError,
    405: e.LLMBadRequestError,
    408: e.LLMTimeoutError,
    409: e.LLMServerError,
    413: e.LLMBadRequestError,
    415: e.LLMBadRequestError,
    422: e.LLMBadRequestError,
    424: e.LLMServerError,
    429: e.LLMRateLimitError,
    498: e.LLMOverloadedError,
    499: e.LLMConnectionError,
    503: e.LLMOverloadedError,
    504: e.LLMTimeoutError,
    524: e.LLMTimeoutError,
    529: e.LLMOverloadedError,
}

PLAIN_STATUSES = frozenset({401, 402, 404})
"""Statuses that say all there is to say: of these no message is asked."""

PHRASES: tuple[tuple[ErrorClass, re.Pattern[str]], ...] = (
    (
        e.LLMContextLengthError,
        re.compile(
            r"maximum context length"
            r"|context_length_exceeded"
            r"|prompt is too long"
            r"|exceeds the available context size"
            r"|context size has been exceeded"
            r"|exceed_context_size_error"
            r"|reduce the length of the messages"
            r"|longer than the model's context length"
            r"|exceed context limit"
            r"|maximum prompt length is"
            r"|cannot be greater than max_model_len"
            r"|`inputs` tokens \+ `max_new_tokens` must be"
            r"|input token count .{0,80}exceeds the maximum"
            r"|input length .{0,80}exceeds the maximum allowed",
            re.DOTALL,
        ),
    ),
    (
        e.LLMQuotaExceededError,
        re.compile(
            r"credit balance is too low"
            r"|spend limit"
            r"|spending limit"
            r"|specified api usage limits"
            r"|all available credits"
            r"|insufficient balance"
            r"|insufficient credits"
        ),
    ),
)
"""What messages say in lower case where no code does; the first that fits counts."""

KEY_REFUSED = re.compile(r"incorrect api key provided|api key not valid")
"""Said beside a 400 by xAI and by Gemini."""
