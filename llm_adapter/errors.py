"""The one error family: whatever goes wrong, callers see a subclass of LLMServiceError.

LLMServiceError
├── LLMConfigurationError (ValueError)      missing key, unknown provider, bad setting
├── LLMUnsupportedFeatureError              provider or model cannot; nothing was sent
├── LLMConnectionError                      no response
│   └── LLMTimeoutError (TimeoutError)
├── LLMAPIError                             the provider answered with an error
│   ├── LLMAuthenticationError
│   ├── LLMPermissionError
│   ├── LLMModelNotFoundError
│   ├── LLMBadRequestError
│   │   └── LLMContextLengthError
│   ├── LLMContentPolicyError
│   ├── LLMRateLimitError
│   │   └── LLMQuotaExceededError           never retried
│   └── LLMServerError
│       └── LLMOverloadedError
├── LLMInvalidResponseError (ValueError)    the answer cannot be read
│   └── LLMStreamInterruptedError           partial: what had arrived
└── LLMBudgetExceededError
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

if TYPE_CHECKING:
    from .models import Attempt, LLMResponse

__all__ = [
    "ErrorDetails",
    "LLMAPIError",
    "LLMAuthenticationError",
    "LLMBadRequestError",
    "LLMBudgetExceededError",
    "LLMConfigurationError",
    "LLMConnectionError",
    "LLMContentPolicyError",
    "LLMContextLengthError",
    "LLMInvalidResponseError",
    "LLMModelNotFoundError",
    "LLMOverloadedError",
    "LLMPermissionError",
    "LLMQuotaExceededError",
    "LLMRateLimitError",
    "LLMServerError",
    "LLMServiceError",
    "LLMStreamInterruptedError",
    "LLMTimeoutError",
    "LLMUnsupportedFeatureError",
]


class ErrorDetails(TypedDict, total=False):
    """The keyword arguments that every error of the family takes."""

    provider: str | None
    model: str | None
    status_code: int | None
    code: str | None
    request_id: str | None
    retry_after: float | None
    attempts: int
    history: tuple[Attempt, ...]
    body: Any
    retryable: bool | None


class LLMServiceError(Exception):
    """Base of the family: catch this to catch everything that a call can raise.

    Args:
        message: what happened, in one sentence; the class has a default.
        provider: name of the provider that was called.
        model: the model that was asked for.
        status_code: HTTP status of the answer, None when there was none.
        code: the provider's own error code.
        request_id: the provider's id of the request, for its support.
        retry_after: seconds to wait that the provider asked for.
        attempts: requests that were sent, retries included.
        history: one Attempt for each of them, with the wait before it.
        body: the provider's answer as decoded, or the start of its text.
        retryable: whether the same call may succeed later; the class has a default.
    """

    summary: ClassVar[str] = "The call failed."
    advice: ClassVar[str] = ""
    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        provider: str | None = None,
        model: str | None = None,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int = 0,
        history: tuple[Attempt, ...] = (),
        body: Any = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message: str = message or self.summary
        self.provider = provider
        self.model = model
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.history = history
        self.body = body
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        """What happened, what to do about it, and where."""
        what, advice = self.message, self._advice()
        if advice and what[-1:].isalnum():
            what += "."  # providers often leave it out
        return " ".join(part for part in (what, advice, self._context()) if part)

    def _advice(self) -> str:
        return self.advice

    def _context(self) -> str:
        facts = (
            " ".join(name for name in (self.provider, self.model) if name),
            self.status_code and f"HTTP {self.status_code}",
            self.code,
            self.request_id and f"request {self.request_id}",
            self.attempts > 1 and f"{self.attempts} attempts",
        )
        known = ", ".join(str(fact) for fact in facts if fact)
        return f"[{known}]" if known else ""


class LLMConfigurationError(LLMServiceError, ValueError):
    """A missing key, an unknown provider or a setting that cannot be read."""

    summary = "The configuration is not usable."


class LLMUnsupportedFeatureError(LLMServiceError):
    """The provider or model cannot do what was asked; nothing was sent.

    Args:
        message: what happened.
        feature: name of the request field or capability.
        details: as for LLMServiceError.
    """

    summary = "This provider or model does not support the requested feature."
    advice = "Leave it out, or choose another model or provider."

    def __init__(
        self,
        message: str = "",
        *,
        feature: str | None = None,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message, **details)
        self.feature = feature


class LLMConnectionError(LLMServiceError):
    """No usable answer arrived: refused, reset, unresolved, or cut off."""

    summary = "The provider could not be reached."
    advice = "Check the network and the base URL."
    retryable = True


class LLMTimeoutError(LLMConnectionError, TimeoutError):
    """The call, or one of its attempts, took longer than it may."""

    summary = "The request timed out."
    advice = "Try again later, or raise the timeout."


class LLMAPIError(LLMServiceError):
    """The provider answered with an error."""

    summary = "The provider answered with an error."


class LLMAuthenticationError(LLMAPIError):
    """The key is missing, wrong or revoked (HTTP 401)."""

    summary = "The provider did not accept the API key."
    advice = "Check the key and that it belongs to this provider."


class LLMPermissionError(LLMAPIError):
    """The key is valid but may not do this (HTTP 403)."""

    summary = "The API key may not do this."
    advice = "Check the key's project, its permissions and your region."


class LLMModelNotFoundError(LLMAPIError):
    """The model does not exist, was retired, or is not open to this key."""

    summary = "The model was not found."
    advice = "list_models() shows what this key can use."


class LLMBadRequestError(LLMAPIError):
    """The provider refused the request itself; sending it again cannot help."""

    summary = "The provider rejected the request."
    advice = "Correct it: the same request cannot pass."


class LLMContextLengthError(LLMBadRequestError):
    """Prompt and answer together do not fit the model's context window."""

    summary = "The request is longer than the model's context window."
    advice = "Shorten the prompt, lower max_tokens or choose a larger model."


class LLMContentPolicyError(LLMAPIError):
    """The provider's content policy blocked the request."""

    summary = "The provider's content policy blocked the request."
    advice = "Change its wording."


class LLMRateLimitError(LLMAPIError):
    """Too many requests or tokens; retry_after holds seconds when known."""

    summary = "Rate limit exceeded."
    retryable = True

    def _advice(self) -> str:
        if self.retry_after is None:
            return "Slow down, or ask the provider for a higher limit."
        return f"Retry after {self.retry_after:g} s."


class LLMQuotaExceededError(LLMRateLimitError):
    """Credit or spending limit is used up; waiting does not help."""

    summary = "The account's quota is used up."
    retryable = False

    def _advice(self) -> str:
        return "Check the plan and billing of the provider's account."


class LLMServerError(LLMAPIError):
    """The provider failed (HTTP 5xx)."""

    summary = "The provider had an internal error."
    advice = "Try again later."
    retryable = True


class LLMOverloadedError(LLMServerError):
    """The provider has no capacity at the moment."""

    summary = "The provider is overloaded."


class LLMInvalidResponseError(LLMServiceError, ValueError):
    """The answer cannot be read.

    Args:
        message: what is wrong with it.
        text: the answer as it came, or its beginning.
        position: index in text where reading failed, in characters.
        failed_generation: what the model wrote, when the provider rejected that.
        details: as for LLMServiceError.
    """

    summary = "The answer cannot be read."

    def __init__(
        self,
        message: str = "",
        *,
        text: str | None = None,
        position: int | None = None,
        failed_generation: str | None = None,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message, **details)
        self.text = text
        self.position = position
        self.failed_generation = failed_generation


class LLMStreamInterruptedError(LLMInvalidResponseError):
    """A stream ended without the provider's terminal marker.

    Args:
        message: what happened.
        partial: the response as far as it had arrived.
        text: the text as far as it had arrived.
        details: as for LLMServiceError.
    """

    summary = "The stream ended before the answer was complete."
    advice = "What had arrived is in .partial."
    retryable = True

    def __init__(
        self,
        message: str = "",
        *,
        partial: LLMResponse | None = None,
        text: str | None = None,
        **details: Unpack[ErrorDetails],
    ) -> None:
        super().__init__(message, text=text, **details)
        self.partial = partial


class LLMBudgetExceededError(LLMServiceError):
    """A spending limit of yours stops the call before it is sent."""

    summary = "The budget for this call is used up."
    advice = "Raise the limit, or wait until it renews."
