"""Where and as whom to call: base URL, key and headers, checked once."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn
from urllib.parse import urlsplit

from attrs import field, frozen

from ._wire.errors import hide_secrets
from .errors import LLMConfigurationError
from .providers import Provider
from .settings import Settings, shown_url

VERSION = "0.1.0"
_USER_AGENT = f"llm-adapter/{VERSION} python/{platform.python_version()}"
_KEY = re.compile(r"[!#-&(-~]+")  # visible ASCII without quotation marks
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_PORT = re.compile(r":[0-9]*\Z")
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")


@frozen(kw_only=True)
class Endpoint:
    """One provider's API as one caller sees it."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    key: str = field(default="", repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an endpoint holds a key, so it is not pickled")

    def url(self, path: str) -> str:
        """The address of a path below the base URL."""
        return self.base_url + path


def endpoint(
    provider: Provider,
    settings: Settings,
    *,
    api_key: str | None,
    base_url: str | None,
) -> Endpoint:
    """The endpoint from arguments first, settings second, the provider's own last.

    Raises:
        LLMConfigurationError: key missing or unusable, base URL not a URL.
        TypeError: api_key or base_url is not a string.
    """
    key, carries_it = _credentials(provider, settings, api_key)
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        **provider.headers,
        **_account(provider, settings),
        **carries_it,
    }
    return Endpoint(
        base_url=_base_url(provider, settings, base_url), headers=headers, key=key
    )


def _account(provider: Provider, settings: Settings) -> dict[str, str]:
    """Headers that name an account of the caller's."""
    named = {
        header: settings.variable(variable)
        for header, variable in provider.header_variables.items()
    }
    found = {header: value for header, value in named.items() if value}
    for header, value in found.items():
        if not (value.isascii() and value.isprintable()):
            variable = provider.header_variables[header]
            raise LLMConfigurationError(
                f"{variable} is {value!r:.80}: it holds a character that no HTTP "
                "header takes.",
                provider=provider.name,
            )
    return found


def _credentials(
    provider: Provider, settings: Settings, given: str | None
) -> tuple[str, Mapping[str, str]]:
    """The key or token, and the headers that carry it."""
    if given is not None and not isinstance(given, str):
        raise TypeError(f"api_key must be a string, not {type(given).__name__}")
    key = given or settings.variable(provider.key_variable)
    if key:
        _check_key(key, provider, provider.key_variable)
        return key, provider.authorization(key)
    variable = provider.token_variable
    token = settings.variable(variable) if variable is not None else None
    if variable is not None and token:
        _check_key(token, provider, variable)
        return token, {"Authorization": f"Bearer {token}"}
    if provider.key_required:
        raise LLMConfigurationError(
            f"No API key for {provider.name}: set the environment variable "
            f"{provider.key_variable}, or pass api_key=.",
            provider=provider.name,
        )
    return "", {}


def _check_key(key: str, provider: Provider, variable: str) -> None:
    if not _KEY.fullmatch(key):
        # The key itself stays out of the message.
        raise LLMConfigurationError(
            f"The API key for {provider.name} holds a blank, a newline or another "
            f"character that no key has: check {variable} for a stray "
            "line end or quotation mark.",
            provider=provider.name,
        )


def _base_url(provider: Provider, settings: Settings, given: str | None) -> str:
    if given is not None:
        if not isinstance(given, str):
            raise TypeError(f"base_url must be a string, not {type(given).__name__}")
        always = provider.appends_path == "always"
        return _with_path(check_url(given, "base_url"), provider, always)
    variable = provider.url_variable
    configured = settings.variable(variable) if variable else None
    if configured:
        always = provider.appends_path != "bare"
        return _with_path(check_url(configured, variable), provider, always)
    if provider.base_url:
        return provider.base_url
    raise LLMConfigurationError(
        f"No address for {provider.name}: set the environment variable {variable}, or "
        "pass base_url=.",
        provider=provider.name,
    )


def _with_path(url: str, provider: Provider, always: bool) -> str:
    """The URL with the path of the API, where it has none, or always lacks it."""
    has_it = url.endswith(provider.base_path) if always else bool(urlsplit(url).path)
    return url if has_it else url + provider.base_path


def behind_proxy(scheme: str) -> bool:
    """Whether the environment names a proxy for addresses of a scheme."""
    from urllib.request import getproxies

    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all"))


def check_url(url: str, name: str) -> str:
    """The URL without a slash at its end.

    Args:
        url: to be checked.
        name: of the argument or variable, for the message.

    Raises:
        LLMConfigurationError: no scheme, no host, or a part that does not belong.
    """
    if "@" in url:  # before any message that shows the URL
        raise LLMConfigurationError(
            f"{name} holds a user name or password: pass them as a header through "
            "http_client= instead."
        )
    if not _names_a_host(url):
        raise LLMConfigurationError(
            f"{name} is {_shown(url)}: it must start with http:// or https:// and name "
            "a host, all in ASCII, for example https://api.groq.com/openai/v1."
        )
    if "?" in url or "#" in url:
        raise LLMConfigurationError(
            f"{name} is {_shown(url)} with a query or fragment: a base URL has neither."
        )
    return url.rstrip("/")


def _names_a_host(url: str) -> bool:
    if not (url.isascii() and url.isprintable()) or " " in url or len(url) > 2000:
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and _is_host(parts.netloc)
            and parts.port != 0
        )
    except ValueError:  # a port beyond 65535, half an IP address
        return False


def _is_host(netloc: str) -> bool:
    host = _PORT.sub("", netloc)
    if host.startswith("[") and host.endswith("]"):
        return bool(IPv6Address(host[1:-1]))
    if _NUMBERS.fullmatch(host):
        return bool(IPv4Address(host))
    return _HOST.fullmatch(host) is not None


def _shown(url: str) -> str:
    # Without what may be secret: a query, or a key in the wrong variable.
    return hide_secrets(shown_url(url[:200]))
