from __future__ import annotations

import platform
import re

import attrs
import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import llm_adapter
from llm_adapter import LLMConfigurationError, Settings
from llm_adapter._endpoint import behind_proxy, check_url, endpoint
from llm_adapter.providers import ANTHROPIC, GROQ, LOCAL, OPENAI, PROVIDERS

SECRET = "gsk_hidden91"
OPENROUTER = PROVIDERS["openrouter"]


def groq(*, api_key=SECRET, base_url=None, **settings):
    return endpoint(GROQ, Settings(**settings), api_key=api_key, base_url=base_url)


# -- the key --------------------------------------------------------------------------


def test_key_goes_into_the_authorization_header():
    assert groq().headers["Authorization"] == f"Bearer {SECRET}"


def test_argument_stands_before_the_environment():
    found = groq(api_key="mine", groq_api_key="theirs")
    assert found.headers["Authorization"] == "Bearer mine"


@pytest.mark.parametrize("api_key", [None, ""])
def test_environment_stands_in_for_a_missing_argument(api_key):
    found = groq(api_key=api_key, groq_api_key="theirs")
    assert found.headers["Authorization"] == "Bearer theirs"


@pytest.mark.parametrize("api_key", [None, ""])
def test_missing_key_names_the_variable_to_set(api_key):
    expected = (
        "No API key for groq: set the environment variable GROQ_API_KEY, "
        "or pass api_key=."
    )
    with pytest.raises(
        LLMConfigurationError, match=f"^{re.escape(expected)}"
    ) as caught:
        groq(api_key=api_key, openai_api_key="sk-other")
    assert caught.value.provider == "groq"


@pytest.mark.parametrize(
    "key",
    [
        f"{SECRET}\n",
        f"{SECRET}\r\n",
        f" {SECRET}",
        f"{SECRET} x",
        f'"{SECRET}"',
        f"'{SECRET}'",
        f"{SECRET}é",
        f"{SECRET}\x00",
        f"{SECRET}\u200b",
        f"{SECRET}\udcff",
        "\t",
    ],
)
def test_unusable_key_names_the_variable_and_never_the_key(key):
    for found in ({"api_key": key}, {"api_key": None, "groq_api_key": key}):
        with pytest.raises(
            LLMConfigurationError,
            match=r"^The API key for groq holds a blank, a newline or another character"
            r" .* GROQ_API_KEY for a stray line end or quotation mark",
        ) as caught:
            groq(**found)
        assert SECRET not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("key", [b"gsk", 5, ["gsk"]])
def test_key_of_another_type_is_not_shown_either(key):
    kind = type(key).__name__
    with pytest.raises(TypeError, match=f"^api_key must be a string, not {kind}$"):
        groq(api_key=key)


@given(st.text(max_size=20))
def test_arbitrary_key_is_sent_as_it_is_or_refused_unseen(key):
    key = SECRET + key
    try:
        found = groq(api_key=key)
    except LLMConfigurationError as error:
        assert SECRET not in str(error)
    else:
        headers = httpx.Headers(dict(found.headers))
        assert headers["authorization"] == f"Bearer {key}"


def test_endpoint_does_not_show_its_headers():
    assert SECRET not in repr(groq())


def test_user_agent_names_the_library_and_its_version():
    agent = groq().headers["User-Agent"]
    python = platform.python_version()
    assert agent == f"llm-adapter/{llm_adapter.__version__} python/{python}"


# -- the base URL ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, "https://api.groq.com/openai/v1"),
        ("https://proxy.example", "https://proxy.example/openai/v1"),
        ("https://proxy.example/", "https://proxy.example/openai/v1"),
        ("https://proxy.example/groq", "https://proxy.example/groq"),
        ("https://proxy.example/groq/v2//", "https://proxy.example/groq/v2"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/openai/v1"),
        ("HTTP://LocalHost", "HTTP://LocalHost/openai/v1"),
    ],
)
def test_path_of_the_argument_is_kept_and_a_missing_one_added(base_url, expected):
    assert groq(base_url=base_url).base_url == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        ("https://gateway.example/groq", "https://gateway.example/groq/openai/v1"),
        ("", "https://api.groq.com/openai/v1"),
    ],
)
def test_variable_gets_the_suffix_that_groqs_own_sdk_adds(variable, expected):
    assert groq(groq_base_url=variable).base_url == expected


def test_argument_stands_before_the_variable():
    found = groq(base_url="https://a.example/v1", groq_base_url="https://b.example")
    assert found.base_url == "https://a.example/v1"


def test_paths_are_appended():
    assert groq().url("/models") == "https://api.groq.com/openai/v1/models"


UNUSABLE = [
    "",
    "api.groq.com",
    "//api.groq.com",
    "api.groq.com:443/v1",
    "ftp://api.groq.com",
    "file:///etc/passwd",
    "http://",
    "http:///v1",
    "http://:80",
    "http:/api.groq.com",
    "http://api.groq.com:0",
    "http://api.groq.com:99999",
    "http://api.groq.com:-1",
    "http://api.groq.com:http",
    "http://[::1",
    "http://::1]",
    "http://[::zz]",
    "http://[::1g]",
    "http://[::1]x",
    "http://[v1.x]",
    "http://1.2.3.999",
    "http://api.groq.com /v1",
    " http://api.groq.com",
    "http://api.groq.com\n",
    "http://api.groq\t.com",
    "http://api\\groq.com",
    "http://.",
    "http://a..b",
    "http://.groq.com",
    "http://" + "a" * 64 + ".com",
    "http://%41.com",
    "http://<api>",
    "http://bücher.example",
    "http://api.groq.com/v\u00e9",
    "http://\ud800",
    "http://api.groq.com/" + "a" * 70_000,
]


@pytest.mark.parametrize("url", UNUSABLE, ids=lambda url: ascii(url[:30]))
def test_unusable_url_names_itself_its_source_and_what_is_allowed(url):
    expected = (
        "it must start with http:// or https:// and name a host, all in ASCII, "
        "for example https://api.groq.com/openai/v1."
    )
    with pytest.raises(LLMConfigurationError) as caught:
        groq(base_url=url)
    assert caught.value.message == f"base_url is {url[:200]!r}: {expected}"
    if url:
        with pytest.raises(
            LLMConfigurationError, match=r"^GROQ_BASE_URL is '.*: it must"
        ):
            groq(groq_base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@example.com",
        f"https://{SECRET}@example.com/v1",
        f"ftp://me:{SECRET}@example.com",
        f"https://me:{SECRET}@example.com:99999",
        f"me:{SECRET}@example.com",
        "https://@example.com",
    ],
)
def test_user_name_or_password_in_a_url_is_refused_unseen(url):
    expected = (
        "base_url holds a user name or password: pass them as a header through "
        "http_client= instead."
    )
    with pytest.raises(LLMConfigurationError) as caught:
        groq(base_url=url)
    assert caught.value.message == expected


@pytest.mark.parametrize("rest", [f"?key={SECRET}", f"#{SECRET}", "?", "#", "/?a#b"])
def test_query_and_fragment_are_refused_unseen(rest):
    with pytest.raises(LLMConfigurationError) as caught:
        groq(base_url="https://example.com/v1" + rest)
    shown = "https://example.com/v1" + ("/" if rest.startswith("/") else "")
    assert caught.value.message == (
        f"base_url is '{shown}' with a query or fragment: a base URL has neither."
    )


def test_key_that_was_put_into_the_wrong_variable_is_not_shown():
    with pytest.raises(LLMConfigurationError) as caught:
        groq(groq_base_url=SECRET)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", [b"https://api.groq.com", 5, httpx.URL("https://x")])
def test_url_of_another_type_is_a_type_error(url):
    kind = type(url).__name__
    with pytest.raises(TypeError, match=f"^base_url must be a string, not {kind}$"):
        groq(base_url=url)


hosts = st.text("abcxn-_.:[]%01289/é\\", max_size=20)
urls = (
    st.text(max_size=30)
    | st.builds("http://{}".format, st.text(max_size=20) | hosts)
    | st.builds("https://{}:{}/{}".format, hosts, st.integers(-9, 99999), hosts)
    | st.builds("http://[{}]".format, st.text("0123456789abcdef:.%", max_size=12))
)


@given(urls)
@example("http://xn--")
@example("http://xn--a.example")
@example("http://1.2.3.4")
@example("http://1.2.3")
@example("http://[fe80::1%25eth0]")
@example("http://[::ffff:1.2.3.4]:65535/")
def test_arbitrary_text_is_a_url_that_httpx_takes_or_an_error_of_ours(url):
    try:
        checked = check_url(url, "base_url")
    except LLMConfigurationError as error:
        assert str(error).startswith("base_url ")
    else:
        assert checked == url.rstrip("/")
        taken = httpx.URL(checked + "/models")
        assert taken.scheme in ("http", "https")
        assert taken.raw_host
        assert taken.path.endswith("/models")


# -- proxies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "scheme", "behind"),
    [
        ("HTTPS_PROXY", "https", True),
        ("https_proxy", "https", True),
        ("HTTPS_PROXY", "http", False),
        ("ALL_PROXY", "http", True),
        ("NO_PROXY", "https", False),
    ],
)
def test_proxy_of_the_environment_counts_for_its_scheme(
    monkeypatch, variable, scheme, behind
):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert behind_proxy(scheme) is behind


def test_environment_without_a_proxy_has_none():
    assert not behind_proxy("https")


# -- other providers ------------------------------------------------------------------


def of(provider, *, api_key=None, base_url=None, **settings):
    return endpoint(provider, Settings(**settings), api_key=api_key, base_url=base_url)


def test_a_provider_may_have_a_header_of_its_own_for_the_key():
    headers = of(ANTHROPIC, api_key=SECRET).headers
    assert headers["x-api-key"] == SECRET
    assert "Authorization" not in headers


def test_headers_of_the_provider_go_with_every_request():
    assert of(ANTHROPIC, api_key=SECRET).headers["anthropic-version"] == "2026-10-21"


def test_a_token_stands_in_for_a_missing_key():
    token = {"ANTHROPIC_AUTH_TOKEN": SECRET}
    found = of(ANTHROPIC, others=token)
    assert found.headers["Authorization"] == f"Bearer {SECRET}"
    assert found.key == SECRET
    both = of(ANTHROPIC, others=token, anthropic_api_key="k")
    assert both.headers["x-api-key"] == "k"
    assert "Authorization" not in both.headers


def test_an_unusable_token_names_its_variable():
    with pytest.raises(LLMConfigurationError, match="check ANTHROPIC_AUTH_TOKEN"):
        of(ANTHROPIC, others={"ANTHROPIC_AUTH_TOKEN": "a b"})


def test_a_server_that_needs_no_key_is_sent_no_authorization():
    assert "Authorization" not in of(LOCAL).headers
    assert of(LOCAL).key == ""
    assert of(LOCAL, api_key="k").headers["Authorization"] == "Bearer k"


def test_accounts_are_named_in_headers_where_they_are_set():
    account = {"OPENAI_ORG_ID": "org-1"}
    headers = of(OPENAI, api_key="k", others=account).headers
    assert headers["OpenAI-Organization"] == "org-1"
    assert "OpenAI-Project" not in headers


def test_a_title_may_hold_blanks():
    found = of(OPENROUTER, api_key="k", others={"OPENROUTER_APP_TITLE": "My App"})
    assert found.headers["X-Title"] == "My App"


def test_an_account_that_no_header_takes_is_named():
    with pytest.raises(LLMConfigurationError, match=r"OPENAI_PROJECT_ID is 'a\\nb'"):
        of(OPENAI, api_key="k", others={"OPENAI_PROJECT_ID": "a\nb"})


@pytest.mark.parametrize(
    ("provider", "url", "argument", "variable"),
    [
        (OPENAI, "http://h", "http://h/v1", "http://h/v1"),
        (OPENAI, "http://h/x", "http://h/x", "http://h/x"),
        (LOCAL, "http://h:8080/", "http://h:8080/v1", "http://h:8080/v1"),
        (ANTHROPIC, "http://h", "http://h/v1", "http://h/v1"),
        (ANTHROPIC, "http://h/v1/", "http://h/v1", "http://h/v1"),
        (ANTHROPIC, "http://h/anthropic", *["http://h/anthropic/v1"] * 2),
        (GROQ, "http://h/x", "http://h/x", "http://h/x/openai/v1"),
    ],
)
def test_a_base_url_is_read_as_the_providers_own_sdk_reads_it(
    provider, url, argument, variable
):
    assert of(provider, api_key="k", base_url=url).base_url == argument
    configured = {provider.url_variable.lower(): url}
    assert of(provider, api_key="k", **configured).base_url == variable


def test_a_provider_without_an_address_of_its_own_wants_one():
    provider = attrs.evolve(OPENAI, base_url="", url_variable="ACME_ENDPOINT")
    with pytest.raises(LLMConfigurationError, match="ACME_ENDPOINT, or pass base_url"):
        of(provider, api_key="k")
    found = of(provider, api_key="k", others={"ACME_ENDPOINT": "https://acme.example"})
    assert found.base_url == "https://acme.example/v1"


def test_a_provider_without_a_variable_for_its_address_has_its_own():
    provider = attrs.evolve(OPENAI, url_variable="")
    assert of(provider, api_key="k").base_url == OPENAI.base_url
