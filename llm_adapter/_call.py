"""One call, prepared and concluded: everything about it that needs no I/O."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
from attrs import field, frozen

from ._endpoint import Endpoint, endpoint
from ._identity import Identity
from ._policy import Attempts, RetryPolicy, merge_timeout
from ._replace import replace
from ._secrets import hide, known_secrets
from ._watch import CallWatch, Operation, Priced, Watch
from ._wire.dialect import Dialect
from ._wire.kept import labelled
from .errors import (
    LLMAPIError,
    LLMConnectionError,
    LLMModelNotFoundError,
    LLMServiceError,
)
from .models import LLMRequest, LLMResponse, Timeout
from .pricing import PriceList, cost
from .providers import Defaults, Provider, check_api, choose_dialect, complete
from .settings import Settings

logger = logging.getLogger("llm_adapter")
# Without it Python prints our warnings in programs that have not set up logging.
logger.addHandler(logging.NullHandler())

MAX_REDIRECTS = 5


@frozen(kw_only=True)
class Client:
    """One configured adapter: whom to call, how, with which defaults."""

    provider: Provider
    endpoint: Endpoint
    defaults: Defaults
    timeout: Timeout
    policy: RetryPolicy
    api: str = "auto"
    prices: PriceList | None = None


def client(
    provider: Provider,
    settings: Settings,
    *,
    api_key: str | None,
    base_url: str | None,
    model: str | None,
    timeout: float | Timeout | None,
    max_retries: int | None,
    api: str = "auto",
) -> Client:
    """The client of arguments first, settings second.

    Raises:
        LLMConfigurationError: the key, the base URL, the API or the file of prices is
            not usable.
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range.
    """
    if not isinstance(settings, Settings):
        raise TypeError(f"settings must be Settings, not {type(settings).__name__}")
    named = settings.model if provider.name == _provider_of(settings) else None
    checked = LLMRequest(
        model=named if model is None else model,
        temperature=settings.default_temperature,
        max_tokens=settings.default_max_tokens,
        timeout=timeout,
    )
    retries = settings.max_retries if max_retries is None else max_retries
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"max_retries must be an integer, not {type(retries).__name__}")
    if retries < 0:
        raise ValueError(f"max_retries is {retries}: use a whole number >= 0")
    return Client(
        provider=provider,
        endpoint=endpoint(provider, settings, api_key=api_key, base_url=base_url),
        defaults=Defaults(
            model=checked.model,
            temperature=checked.temperature,
            max_tokens=checked.max_tokens,
        ),
        timeout=merge_timeout(checked.timeout, Timeout(total=settings.timeout_seconds)),
        policy=RetryPolicy(max_retries=retries),
        api=check_api(provider, api),
        prices=PriceList.read(settings.prices_file) if settings.prices_file else None,
    )


def _provider_of(settings: Settings) -> str:
    return settings.provider.partition(":")[0].strip().lower()


@frozen(kw_only=True)
class Call:
    """A request, ready to be sent as often as it takes.

    Args:
        spent: seconds of its time that are over when it begins.
        prices: of the caller's own, by which the answer is paid.
        operation: what it is for those who watch; None when that is nothing.
    """

    provider: str
    model: str
    method: str
    url: str
    timeout: Timeout
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    spent: float = 0.0
    prices: PriceList | None = None
    operation: Operation | None = None

    def watch(self, watch: Watch | None) -> CallWatch | None:
        """Who sees the requests of this call, when it is one that is paid for."""
        if watch is None or self.operation is None:
            return None
        call = watch.call(self.operation, self.provider, self.model)
        return call if self.prices is None else Priced(call, self.prices)

    def context(self, error: LLMServiceError) -> LLMServiceError:
        """The error, told which call it belongs to."""
        error.provider = error.provider or self.provider
        error.model = error.model or self.model or None
        if isinstance(error, LLMModelNotFoundError) and self.warnings:
            error.message = " ".join([error.message, *self.warnings])
        hide(error, self.secrets)
        return error


@frozen(kw_only=True)
class Generation(Call):
    """A call that brings an answer: in which dialect, and for which request.

    Args:
        dialect: that the body is in and the answer will be in.
        request: complete.
        stream: whether its caller reads the answer piece by piece.
    """

    dialect: Dialect
    request: LLMRequest = field(repr=False)
    stream: bool


def prepare(client: Client, request: LLMRequest, *, stream: bool = False) -> Generation:
    """The call for a request.

    Raises:
        ValueError: the request cannot be answered or cannot be encoded.
        LLMUnsupportedFeatureError: the provider cannot do what it asks for.
    """
    request = complete(request, client.provider, client.defaults)
    model = request.model or ""
    traits = client.provider.traits(model)
    dialect = choose_dialect(request, client.provider, traits, client.api)
    known = client.provider.model(model)
    warning = known.warning if known else None
    if warning:
        logger.warning("%s", warning)
    timeout = merge_timeout(request.timeout, client.timeout)
    streams = stream or dialect.must_stream(request)
    return Generation(
        provider=client.provider.name,
        model=model,
        method="POST",
        url=client.endpoint.url(dialect.path),
        timeout=timeout if stream else whole(timeout),
        headers=with_headers(dialect.headers(request), request.extra_headers),
        secrets=known_secrets(client.endpoint.key, request.extra_headers),
        body=as_json(
            lambda: dialect.encode(request, stream=streams, traits=traits),
            **free_values(request),
        ),
        warnings=(warning,) if warning else (),
        prices=client.prices,
        dialect=dialect,
        request=request,
        stream=stream,
        operation="stream" if stream else "generate",
    )


def identity(client: Client, request: LLMRequest) -> Identity:
    """What decides the answer to a request; its model is empty where nobody named one.

    Raises:
        ValueError, LLMConfigurationError, LLMUnsupportedFeatureError: as for prepare.
    """
    request = complete(request, client.provider, client.defaults)
    model = request.model or ""
    traits = client.provider.traits(model)
    dialect = choose_dialect(request, client.provider, traits, client.api)
    return Identity(
        provider=client.provider.name,
        model=model,
        base_url=client.endpoint.base_url,
        api=dialect.name,
        request=request,
        timeout=merge_timeout(request.timeout, client.timeout).total,
        prices=client.prices,
    )


def with_headers(own: Mapping[str, str], extra: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of a dialect under those of the caller, whose case may be another.

    >>> with_headers({"a-version": "1", "b": "2"}, {"A-Version": "3"})
    {'b': '2', 'A-Version': '3'}
    """
    if not extra:
        return own
    # Blanks around a value are none of it, and h11 refuses them.
    extra = {name: value.strip(" ") for name, value in extra.items()}
    names = {name.lower() for name in extra}
    kept = {name: value for name, value in own.items() if name.lower() not in names}
    return {**kept, **extra}


def as_json(encode: Callable[[], Mapping[str, Any]], **free: object) -> bytes:
    """The bytes of the body that `encode` makes.

    Args:
        encode: makes the body.
        free: values of it that the caller may fill with anything.

    Raises:
        ValueError: it cannot be sent as JSON.
        TypeError: it holds a value that JSON does not know.
    """
    try:
        for name, value in free.items():
            if value and _holds_no_number(value):
                raise ValueError(
                    f"{name} holds NaN or an infinity, which JSON does not know"
                )
        return msgspec.json.encode(encode())
    except UnicodeEncodeError as error:
        around = ascii(error.object[max(0, error.start - 20) : error.end + 20])
        raise ValueError(
            "the request holds text that is not valid Unicode (half of a surrogate "
            f"pair) near {around}"
        ) from None
    except RecursionError:
        raise ValueError("the request is nested too deeply, or in a circle") from None
    except TypeError as error:
        raise TypeError(f"the request cannot be sent as JSON: {error}") from None


def free_values(request: LLMRequest) -> dict[str, object]:
    """What of a request may hold any JSON, by the names of its fields."""
    calls = [call for message in request.messages for call in message.tool_calls]
    return {
        "extra_body": request.extra_body,
        "response_format": request.response_format,
        "tools": [tool.parameters for tool in request.tools],
        "messages": [call.arguments for call in calls],
    }


def _holds_no_number(value: object) -> bool:
    """Whether a float in it is not one; msgspec would send null in its place."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_holds_no_number, (*value, *value.values())))
    return isinstance(value, list | tuple) and any(map(_holds_no_number, value))


def whole(timeout: Timeout) -> Timeout:
    """The limits of an answer that comes in one piece: it has no first token."""
    return (
        timeout if timeout.first_token is None else replace(timeout, first_token=None)
    )


def conclude(
    call: Call,
    response: LLMResponse,
    attempts: Attempts,
    *,
    now: float,
    request_id: str | None,
) -> LLMResponse:
    """The response with what only the caller's side knows."""
    model = response.model or call.model
    return replace(
        response,
        request_id=request_id or response.request_id,
        model=model,
        provider=call.provider,
        cost=cost(response.usage, call.provider, model, prices=call.prices),
        generation_time=now - attempts.started,
        attempts=len(attempts.history),
        history=tuple(attempts.history),
        warnings=response.warnings + call.warnings,
        provider_items=labelled(response.provider_items, call.provider),
    )


def redirected(url: str, status_code: int, location: str | None) -> str:
    """Where a redirect leads, when the same call may be sent there.

    Raises:
        LLMAPIError: to another host (the key stays here) or with another method.
    """
    try:
        target = urljoin(url, location or "")
        same_origin = urlsplit(target)[:2] == urlsplit(url)[:2]
    except ValueError:  # the Location is no URL
        target, same_origin = location or "", False
    if location and same_origin and status_code in (307, 308):
        return target
    raise LLMAPIError(
        f"The provider's address redirects to {target!r:.200}, which was not followed: "
        "the key is sent to the configured host only. Correct the base URL.",
        status_code=status_code,
    )


def unreachable(url: str, failure: Exception) -> LLMConnectionError:
    """The error for a connection that failed, with what to do about it."""
    reason = f"{type(failure).__name__}: {failure}".rstrip(": ")
    message = f"The connection to {url} failed ({reason})."
    way_out = _way_out(failure)
    if way_out is None:
        return LLMConnectionError(message)
    return LLMConnectionError(f"{message} {way_out}", retryable=False)


def _way_out(failure: BaseException | None) -> str | None:
    """What helps against a failure of TLS that waiting does not mend."""
    from ssl import SSLCertVerificationError, SSLError

    while failure is not None and not isinstance(failure, SSLError):
        failure = failure.__cause__
    if isinstance(failure, SSLCertVerificationError):
        return (
            "Nobody whom this machine trusts has signed the server's certificate for "
            "this address: when the server is yours, set SSL_CERT_FILE to the "
            "certificate of its authority."
        )
    # What OpenSSL calls bytes that are not TLS depends on its version.
    if getattr(failure, "reason", None) in _NOT_TLS:
        return "The server does not speak TLS there: try http:// in the base URL."
    return None


_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def log_retry(call: Call, error: LLMServiceError, delay: float) -> None:
    """Say what failed and how long we wait; never what was asked or answered."""
    logger.info(
        "%s %s: attempt %d failed (%s, HTTP %s); waiting %.2f s",
        call.provider,
        call.model,
        error.attempts,
        type(error).__name__,
        error.status_code,
        delay,
    )


def log_failure(call: Call, error: LLMServiceError) -> None:
    """Say that a call has failed for good."""
    logger.warning(
        "%s %s: failed after %d attempt%s (%s, HTTP %s)",
        call.provider,
        call.model,
        error.attempts,
        "" if error.attempts == 1 else "s",
        type(error).__name__,
        error.status_code,
    )
