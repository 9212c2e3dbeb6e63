"""Configuration picks the provider: names, models, adapters of one's own."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncLLMFactory,
    AsyncLLMService,
    AsyncMockLLMService,
    LLMConfigurationError,
    LLMResponse,
    Settings,
    Timeout,
)
from llm_adapter.testing.emulator import Reply
from tests.concurrency import async_other_form

KEY = "test-key-3f9a"


class AsyncEcho(AsyncLLMService):
    def __init__(self, **options):
        self.options = options

    async def generate(self, request):
        return LLMResponse(request.prompt, "echo-1")

    def get_provider_name(self):
        return "echo"

    def get_available_models(self):
        return ["echo-1"]


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(AsyncLLMFactory, "_registered", {})


@pytest.fixture(autouse=True)
def empty_directory(monkeypatch, tmp_path):
    """Without an `.env` but what a test writes."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- which provider -------------------------------------------------------------------


async def test_groq_is_the_default(monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    async with AsyncLLMFactory.create() as llm:
        assert type(llm) is AsyncGroqAdapter
        assert "api.groq.com" in repr(llm)


async def test_the_environment_names_the_provider(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    async with AsyncLLMFactory.create() as llm:
        assert type(llm) is AsyncMockLLMService
        assert (await llm.generate("Hi")).text == "Mock LLM response"


async def test_a_file_names_the_provider(empty_directory):
    (empty_directory / ".env").write_text("LLM_PROVIDER=mock\n")
    assert type(AsyncLLMFactory.create()) is AsyncMockLLMService


async def test_settings_name_the_provider(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "groq")
    llm = AsyncLLMFactory.create(settings=Settings(provider="mock"))
    assert type(llm) is AsyncMockLLMService


async def test_an_argument_stands_before_the_environment(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "groq")
    assert type(AsyncLLMFactory.create("mock")) is AsyncMockLLMService


@pytest.mark.parametrize("name", ["mock", "MOCK", " Mock "])
async def test_case_and_blanks_of_a_name_do_not_matter(name):
    assert type(AsyncLLMFactory.create(name)) is AsyncMockLLMService


async def test_the_environment_is_the_whole_configuration(monkeypatch, emulator):
    monkeypatch.setenv("LLM_PROVIDER", "groq:openai/gpt-oss-20b")
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    monkeypatch.setenv("GROQ_BASE_URL", emulator.url)
    monkeypatch.setenv("LLM_DEFAULT_TEMPERATURE", "0.7")
    monkeypatch.setenv("LLM_DEFAULT_MAX_TOKENS", "9")
    async with AsyncLLMFactory.create() as llm:
        await llm.generate("Hi")
    (seen,) = emulator.seen
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.path == "/openai/v1/chat/completions"
    assert seen.json["model"] == "openai/gpt-oss-20b"
    assert seen.json["temperature"] == 0.7
    assert seen.json["max_completion_tokens"] == 9


async def test_options_go_to_the_adapter(emulator):
    emulator.always(Reply(status=500))
    base_url = emulator.base_url("groq")
    options = {"api_key": KEY, "base_url": base_url, "max_retries": 0, "timeout": 5}
    async with AsyncLLMFactory.create("groq", **options) as llm:
        with pytest.raises(Exception, match="HTTP 500"):
            await llm.generate("Hi")
    assert emulator.counts.requests == 1


async def test_an_option_that_the_adapter_does_not_know_is_an_error():
    with pytest.raises(TypeError, match="temprature"):
        AsyncLLMFactory.create("groq", api_key=KEY, temprature=0)
    with pytest.raises(TypeError, match="temprature"):
        AsyncLLMFactory.create("mock", temprature=0)


async def test_a_mock_takes_the_place_of_any_adapter(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    llm = AsyncLLMFactory.create(
        api_key=KEY,
        base_url="https://example.org",
        settings=Settings(provider="mock"),
        timeout=Timeout(total=5),
        max_retries=1,
        http_client=None,
    )
    assert (await llm.generate("Hi")).text == "Mock LLM response"


# -- which model ----------------------------------------------------------------------


async def test_a_name_may_hold_a_model(emulator):
    base_url = emulator.base_url("groq")
    name = "groq:openai/gpt-oss-20b"
    async with AsyncLLMFactory.create(name, api_key=KEY, base_url=base_url) as llm:
        await llm.generate("Hi")
    assert emulator.seen[0].json["model"] == "openai/gpt-oss-20b"


async def test_an_argument_stands_before_the_model_in_a_name():
    llm = AsyncLLMFactory.create("mock:a", model="b")
    assert llm.get_available_models() == ["b"]


async def test_an_argument_that_says_nothing_leaves_the_model_of_the_name():
    llm = AsyncLLMFactory.create("mock:a", model=None)
    assert llm.get_available_models() == ["a"]


async def test_the_model_of_a_name_stands_before_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("LLM_MODEL", "openai/gpt-oss-20b")
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    assert "openai/gpt-oss-20b" in repr(AsyncLLMFactory.create())
    llm = AsyncLLMFactory.create("groq:qwen/qwen3.8-27b")
    assert "qwen/qwen3.8-27b" in repr(llm)


# -- what cannot be -------------------------------------------------------------------


async def test_a_missing_key_names_its_variable():
    with pytest.raises(LLMConfigurationError, match="GROQ_API_KEY") as caught:
        AsyncLLMFactory.create("groq")
    assert isinstance(caught.value, ValueError)
    assert caught.value.provider == "groq"


async def test_an_unknown_name_lists_the_known_ones():
    AsyncLLMFactory.register_adapter("echo", AsyncEcho)
    with pytest.raises(LLMConfigurationError, match=r"echo, .* groq") as caught:
        AsyncLLMFactory.create("grok")
    assert "'grok'" in str(caught.value)


@pytest.mark.parametrize("name", ["", "  ", ":model", "groq:", "groq: "])
async def test_half_a_name_is_refused(name):
    with pytest.raises(LLMConfigurationError, match="provider is"):
        AsyncLLMFactory.create(name)


async def test_a_name_is_a_string():
    with pytest.raises(TypeError, match="provider must be a string, not int"):
        AsyncLLMFactory.create(7)


async def test_a_setting_that_cannot_be_read_names_its_variable(monkeypatch):
    monkeypatch.setenv("LLM_MAX_RETRIES", "many")
    with pytest.raises(LLMConfigurationError, match="LLM_MAX_RETRIES is 'many'"):
        AsyncLLMFactory.create("mock")


# -- adapters of one's own ------------------------------------------------------------


async def test_a_registered_adapter_is_created_with_its_options():
    AsyncLLMFactory.register_adapter("Echo", AsyncEcho)
    llm = AsyncLLMFactory.create("echo:echo-2", greeting="hello")
    assert type(llm) is AsyncEcho
    assert llm.options == {"model": "echo-2", "greeting": "hello"}
    assert (await llm.generate("Hi")).text == "Hi"


async def test_a_registered_adapter_may_be_named_by_the_environment(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "echo")
    AsyncLLMFactory.register_adapter("echo", AsyncEcho)
    assert type(AsyncLLMFactory.create()) is AsyncEcho


async def test_a_registered_adapter_may_replace_ours():
    AsyncLLMFactory.register_adapter("groq", AsyncEcho)
    assert type(AsyncLLMFactory.create("groq")) is AsyncEcho


@pytest.mark.parametrize("adapter", [AsyncEcho(), object, "echo", None])
async def test_what_is_no_service_cannot_be_registered(adapter):
    with pytest.raises(TypeError):
        AsyncLLMFactory.register_adapter("echo", adapter)


async def test_each_factory_takes_adapters_of_its_own_form():
    with pytest.raises(TypeError, match="is not a subclass of"):
        AsyncLLMFactory.register_adapter("echo", async_other_form())


@pytest.mark.parametrize("name", ["", " ", "a:b"])
async def test_a_name_that_cannot_be_asked_for_cannot_be_registered(name):
    with pytest.raises(ValueError, match="name is"):
        AsyncLLMFactory.register_adapter(name, AsyncEcho)


async def test_a_name_is_registered_as_a_string():
    with pytest.raises(TypeError, match="name must be a string"):
        AsyncLLMFactory.register_adapter(7, AsyncEcho)


# -- adapters that a package brings ---------------------------------------------------


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Installs a package that offers its contents under the name theirs."""

    def install(value, **contents):
        package = ModuleType("their_package")
        vars(package).update(contents)
        monkeypatch.setitem(sys.modules, "their_package", package)
        information = tmp_path / "their_package-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Name: their-package\nVersion: 1.0\n")
        entry = f"[llm_adapter.adapters]\ntheirs = {value}\n"
        (information / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(tmp_path)

    return install


async def test_a_package_brings_an_adapter(install):
    install("their_package:Adapter", Adapter=AsyncEcho)
    llm = AsyncLLMFactory.create("theirs:m")
    assert type(llm) is AsyncEcho
    assert llm.options == {"model": "m"}


async def test_a_package_brings_an_adapter_of_either_form(install):
    def theirs(base):
        return type("Theirs", (base,), {"__module__": "their_package"})

    own = theirs(AsyncEcho)
    install("their_package", A=theirs(async_other_form()), B=own, C=AsyncMockLLMService)
    assert type(AsyncLLMFactory.create("theirs")) is own


async def test_a_package_that_brings_the_other_form_says_so(install):
    install("their_package:Adapter", Adapter=async_other_form())
    with pytest.raises(LLMConfigurationError, match="other form"):
        AsyncLLMFactory.create("theirs")


async def test_a_package_that_cannot_be_imported_says_so(install):
    install("their_package:Missing")
    with pytest.raises(LLMConfigurationError, match="cannot be loaded") as caught:
        AsyncLLMFactory.create("theirs")
    assert caught.value.provider == "theirs"


async def test_an_unknown_name_lists_what_packages_bring(install):
    install("their_package")
    with pytest.raises(LLMConfigurationError, match=r"groq, .* mock, .* theirs"):
        AsyncLLMFactory.create("grok")


async def test_a_registered_adapter_stands_before_a_packages(install):
    install("their_package:Adapter", Adapter=AsyncMockLLMService)
    AsyncLLMFactory.register_adapter("theirs", AsyncEcho)
    assert type(AsyncLLMFactory.create("theirs")) is AsyncEcho
