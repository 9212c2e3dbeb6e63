"""A service as one workflow uses it, and services for further providers."""

from __future__ import annotations

import pytest
from attrs import define

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncLLMFactory,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncOpenAIAdapter,
    LLMConfigurationError,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    LLMUnsupportedFeatureError,
    ModelConfig,
    ModelSelector,
    Settings,
    Tool,
)
from llm_adapter._concurrency import async_sleep
from llm_adapter._lineups import TASKS
from llm_adapter.testing.emulator import Reply
from tests.concurrency import async_comes_true, async_fan_out, async_other_form

RANKING, PROFILE = "content_ranking", "profile_enhancement"
USUAL = "openai/gpt-oss-20b"


@define
class Point:
    x: int


class AsyncEcho(AsyncLLMService):
    """An adapter of somebody's own."""

    closed = False

    async def generate(self, request):
        return LLMResponse(request.prompt, request.model or "echo-1")

    def get_provider_name(self):
        return "echo"

    def get_available_models(self):
        return ["echo-1"]

    async def close(self):
        self.closed = True


# What all wrappers share has no public name.
AsyncWrappingLLMService = AsyncCachingLLMService.__mro__[1]


class AsyncNoting(AsyncWrappingLLMService):
    """A wrapper whose copies share what they note."""

    def __init__(self, base, noted=None):
        super().__init__(base)
        self.noted = [] if noted is None else noted

    def _around(self, base):
        return AsyncNoting(base, self.noted)

    def _wanted(self, request, overrides):
        wanted = super()._wanted(request, overrides)
        self.noted.append((self.get_provider_name(), wanted.model))
        return wanted


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch, tmp_path):
    monkeypatch.setattr(AsyncLLMFactory, "_registered", {})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(emulator):
    return Settings(
        groq_api_key="any",
        groq_base_url=emulator.base_url("groq"),
        openai_api_key="any",
        openai_base_url=emulator.base_url("openai"),
        anthropic_api_key="any",
        anthropic_base_url=emulator.base_url("anthropic"),
        local_llm_base_url=emulator.base_url("local"),
    )


@pytest.fixture
async def create(settings):
    """Makes services that the end of the test closes."""
    made = []

    def create(*arguments, **options):
        made.append(
            AsyncLLMFactory.create(*arguments, **{"settings": settings, **options})
        )
        return made[-1]

    yield create
    for each in made:
        await each.close()


def asked(llm):
    """What of its last request a workflow decides."""
    call = llm.calls[-1]
    return call.model, call.temperature, call.max_tokens, call.reasoning_effort


CONFIG = ModelConfig("mock", "tiny", 0.9, 77, "Ours", "high")
OURS = ModelSelector({"ours": CONFIG}, environ={}, dotenv=None)


def with_said(workflow=RANKING, **said):
    return ModelSelector({workflow: said}, environ={}, dotenv=None)


# -- what a request is given ----------------------------------------------------------


async def test_a_request_that_says_nothing_is_given_all_that_the_workflow_says():
    llm = AsyncMockLLMService()
    response = await llm.for_workflow("ours", selector=OURS).generate("Hi")
    assert asked(llm) == ("tiny", 0.9, 77, "high")
    assert llm.calls[0].metadata == {"workflow": "ours"}
    assert response.model == "tiny"


async def test_what_a_request_says_itself_counts_more():
    llm = AsyncMockLLMService()
    view = llm.for_workflow("ours", selector=OURS)
    await view.generate(LLMRequest("Hi", max_tokens=5), temperature=0)
    assert asked(llm) == ("tiny", 0, 5, "high")
    await view.generate("Hi", model="m", reasoning_effort="none")
    assert asked(llm) == ("m", 0.9, 77, "none")


async def test_labels_of_a_request_stay():
    llm = AsyncMockLLMService()
    view = llm.for_workflow(RANKING)
    await view.generate("Hi", metadata={"user_id": 7})
    assert llm.calls[-1].metadata == {"workflow": RANKING, "user_id": 7}
    await view.generate("Hi", metadata={"workflow": "mine"})
    assert llm.calls[-1].metadata == {"workflow": "mine"}


async def test_a_request_is_left_as_it_was():
    request = LLMRequest("Hi", metadata={"a": 1})
    await AsyncMockLLMService().for_workflow(RANKING).generate(request)
    assert request == LLMRequest("Hi", metadata={"a": 1})


async def test_every_way_to_ask_is_the_workflows():
    llm = AsyncMockLLMService({"Where": {"x": 1}, "How many": {}})
    view = llm.for_workflow("ours", selector=OURS)
    assert await view.generate_json("Where?") == {"x": 1}
    assert await view.generate_as(Point, "Where?") == Point(1)
    async with view.stream("Where?") as stream:
        assert [text async for text in stream.text()] == ['{"x": ', "1}"]
    assert [call.model for call in llm.calls] == ["tiny"] * 3
    assert await view.count_tokens("How many words?") == 3


async def test_vectors_have_a_model_of_their_own():
    view = AsyncMockLLMService().for_workflow("ours", selector=OURS)
    assert (await view.embed("Hi")).model == "mock-model"
    assert (await view.identify_embeddings()).model == "mock-model"


async def test_caches_are_told_what_the_workflow_asks():
    view = AsyncMockLLMService().for_workflow("ours", selector=OURS)
    known = await view.identify(LLMRequest("Hi"))
    assert (known.model, known.request.max_tokens) == ("tiny", 77)


async def test_a_mock_keeps_its_model_where_no_other_is_named():
    llm = AsyncMockLLMService(model="mine")
    response = await llm.for_workflow(RANKING).generate("Hi")
    assert response.model == "mine"
    assert asked(llm) == (None, 0.3, 2500, None)


async def test_an_unknown_workflow_is_an_error_at_once():
    with pytest.raises(LLMConfigurationError, match="Unknown workflow 'ranking'"):
        AsyncMockLLMService().for_workflow("ranking")


@pytest.mark.parametrize("selector", [ModelSelector, {}, "s"])
async def test_a_selector_is_one(selector):
    with pytest.raises(TypeError, match="selector must be a ModelSelector or None"):
        AsyncMockLLMService().for_workflow(RANKING, selector=selector)


async def test_a_view_is_around_a_service_of_its_form():
    view = AsyncMockLLMService().for_workflow(RANKING)
    with pytest.raises(TypeError, match="base must be a service"):
        type(view)(async_other_form()(), RANKING)


async def test_a_view_of_a_view_is_that_of_the_second_workflow():
    llm = AsyncMockLLMService()
    await llm.for_workflow("ours", selector=OURS).for_workflow(RANKING).generate("Hi")
    assert asked(llm) == (None, 0.3, 2500, None)
    assert llm.calls[-1].metadata == {"workflow": RANKING}
    other = with_said(max_tokens=5)
    view = llm.for_workflow("ours", selector=OURS)
    await view.for_workflow(RANKING, selector=other).generate("Hi")
    assert asked(llm)[2] == 5


async def test_closing_a_view_leaves_the_service_open(create):
    llm = create("groq")
    async with llm.for_workflow(RANKING) as view:
        await view.generate("Hi")
    assert (await llm.generate("Hi")).text


# -- a default never breaks a call ----------------------------------------------------


@pytest.mark.parametrize("provider", ["groq", "openai", "anthropic", "local"])
async def test_the_provider_of_the_service_moves_all_workflows(create, provider):
    llm = create(provider)
    for name in TASKS:
        view = llm.for_workflow(name)
        response = await view.generate("Hi")
        assert response.text
        assert response.provider == view.get_provider_name() == provider
        assert view.config.model in (response.model, None)


@pytest.mark.parametrize("provider", ["groq", "openai", "anthropic", "local"])
async def test_what_is_sent_is_what_the_view_says(create, emulator, provider):
    view = create(provider).for_workflow(PROFILE)
    await view.generate("Hi")
    body, config = emulator.seen[-1].json, view.config
    assert body["model"] == (config.model or "llama3.2:3b")
    assert body.get("temperature") == config.temperature
    sizes = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    assert [body[name] for name in sizes if name in body] == [config.max_tokens]


async def test_defaults_follow_the_model_that_a_request_names(create, emulator):
    view = create("openai").for_workflow(PROFILE)
    await view.generate("Hi", model="gpt-4o")
    assert emulator.seen[-1].json["temperature"] == 0.4
    assert emulator.seen[-1].json["max_completion_tokens"] == 2000


async def test_defaults_follow_the_effort_that_a_request_names(create, emulator):
    view = create("openai").for_workflow(PROFILE)
    await view.generate("Hi", model="gpt-5.4", reasoning_effort="high")
    assert "temperature" not in emulator.seen[-1].json
    assert emulator.seen[-1].json["max_completion_tokens"] == 6000


async def test_a_default_does_not_switch_reasoning_on_and_forbid_a_tool(
    create, emulator
):
    view = create("anthropic", model="claude-haiku-4-5").for_workflow(PROFILE)
    await view.generate("Hi", tools=[Tool("look")], tool_choice="look")
    assert "thinking" not in emulator.seen[-1].json


async def test_what_somebody_has_said_is_sent_whatever_comes_of_it(create, emulator):
    view = create("openai").for_workflow(
        PROFILE, selector=with_said(PROFILE, temperature=0.9)
    )
    with pytest.raises(LLMServiceError):
        await view.generate("Hi")
    assert emulator.seen[-1].json["temperature"] == 0.9


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("groq:qwen/qwen3.8-27b", {}),
        ("groq", {"model": "qwen/qwen3.8-27b"}),
        ("groq", {"settings": None}),
    ],
)
async def test_a_model_that_was_named_for_the_service_stands_before_the_built_in_ones(
    create, settings, monkeypatch, name, options
):
    monkeypatch.setenv("LLM_MODEL", "qwen/qwen3.8-27b")
    monkeypatch.setenv("GROQ_API_KEY", "any")
    view = AsyncNoting(create(name, **options)).for_workflow(RANKING)
    assert view.config.model == "qwen/qwen3.8-27b"


# -- another provider for a workflow --------------------------------------------------


async def test_a_workflow_may_go_to_another_provider(create, emulator):
    llm = create("groq")
    view = llm.for_workflow(RANKING, selector=with_said(provider="anthropic"))
    response = await view.generate("Hi")
    assert (response.provider, response.model) == ("anthropic", "claude-haiku-5-5")
    assert view.get_provider_name() == "anthropic"
    assert "claude-haiku-5-5" in view.get_available_models()
    assert "claude-haiku-5-5" in await view.list_models()
    assert (await view.identify(LLMRequest("Hi"))).provider == "anthropic"
    assert (await llm.generate("Hi")).provider == "groq"


async def test_a_stream_goes_to_the_other_provider_too(create):
    view = create("groq").for_workflow(RANKING, selector=with_said(provider="local"))
    async with view.stream("Hi") as stream:
        assert [text async for text in stream.text()]
    assert stream.response.provider == "local"


async def test_the_environment_alone_sends_a_workflow_elsewhere(
    create, emulator, monkeypatch
):
    monkeypatch.setenv("LLM_MODEL_CONTENT_RANKING", "openai:gpt-4o")
    llm = create("groq")
    assert (await llm.for_workflow(RANKING).generate("Hi")).model == "gpt-4o"
    assert (await llm.for_workflow(PROFILE).generate("Hi")).provider == "groq"


async def test_another_provider_without_a_key_names_the_variable(create):
    llm = create("groq", settings=Settings(groq_api_key="any"))
    view = llm.for_workflow(RANKING, selector=with_said(provider="openai"))
    with pytest.raises(LLMConfigurationError, match="OPENAI_API_KEY"):
        await view.generate("Hi")


async def test_a_mock_stands_in_for_any_provider():
    llm = AsyncMockLLMService()
    view = llm.for_workflow(RANKING, selector=with_said(provider="anthropic"))
    assert (await view.generate("Hi")).provider == "mock"
    assert asked(llm) == ("claude-haiku-5-5", None, 6500, "low")
    assert view.config.provider == "anthropic"


async def test_an_adapter_of_ones_own_says_what_to_do():
    view = AsyncEcho().for_workflow(RANKING, selector=with_said(provider="groq"))
    with pytest.raises(LLMConfigurationError, match="implement for_provider") as caught:
        await view.generate("Hi")
    assert caught.value.provider == "groq"
    assert "Echo asks echo" in str(caught.value)


async def test_an_adapter_of_ones_own_is_itself_of_its_provider():
    llm = AsyncEcho()
    assert llm.for_provider(" Echo") is llm
    view = llm.for_workflow(RANKING, selector=with_said(provider="echo", model="e2"))
    assert (await view.generate("Hi")).model == "e2"


async def test_the_port_has_no_list_of_models_for_a_view_either():
    with pytest.raises(LLMUnsupportedFeatureError):
        await AsyncEcho().for_workflow(RANKING).list_models()


@pytest.mark.parametrize(
    "llm", [AsyncEcho(), AsyncMockLLMService()], ids=["own", "mock"]
)
async def test_a_provider_is_a_name_alone(llm):
    with pytest.raises(TypeError, match="provider must be a string, not int"):
        llm.for_provider(7)
    for name in ("", " ", "groq:m"):
        with pytest.raises(LLMConfigurationError, match="write its name alone"):
            llm.for_provider(name)


# -- the family -----------------------------------------------------------------------


async def test_a_sibling_is_made_once_and_knows_the_family(create):
    llm = create("groq")
    sibling = llm.for_provider("openai")
    assert type(sibling) is AsyncOpenAIAdapter
    assert llm.for_provider("OpenAI ") is sibling
    assert llm.for_provider("groq") is llm
    assert sibling.for_provider("groq") is llm
    assert sibling.for_provider("local") is llm.for_provider("local")


async def test_a_sibling_has_the_settings_of_the_first(create, emulator):
    emulator.always(Reply(status=500))
    llm = create("groq", max_retries=0, timeout=7)
    sibling = llm.for_provider("openai")
    with pytest.raises(LLMServiceError):
        await sibling.generate("Hi")
    assert emulator.counts.requests == 1
    assert (await sibling.identify(LLMRequest("Hi"))).timeout == 7


async def test_siblings_are_closed_with_the_first(create, emulator):
    llm = create("groq")
    for name in ("openai", "local"):
        await llm.for_provider(name).generate("Hi")
    assert emulator.counts.connections_open == 2
    await llm.close()
    assert await async_comes_true(lambda: not emulator.counts.connections_open)


async def test_closing_a_sibling_closes_no_other(create):
    llm = create("groq")
    other = llm.for_provider("local")
    await llm.for_provider("openai").close()
    assert (await llm.generate("Hi")).text
    assert (await other.generate("Hi")).text


async def test_an_adapter_that_was_registered_is_a_sibling_and_closed_with_the_first(
    create,
):
    AsyncLLMFactory.register_adapter("echo", AsyncEcho)
    llm = create("groq", timeout=7)
    sibling = llm.for_provider("echo")
    assert type(sibling) is AsyncEcho
    assert llm.for_provider("echo") is sibling
    await llm.close()
    assert sibling.closed


async def test_a_registered_adapter_that_replaces_ours_is_made_without_options(create):
    llm = create("groq")
    AsyncLLMFactory.register_adapter("openai", AsyncEcho)
    assert type(llm.for_provider("openai")) is AsyncEcho


async def test_a_mock_may_be_a_sibling(create):
    response = await create("groq").for_provider("mock").generate("Hi")
    assert response.provider == "mock"


async def test_a_sibling_of_nobody_lists_the_known_names(create):
    with pytest.raises(LLMConfigurationError, match=r"'grok'.*groq"):
        create("groq").for_provider("grok")


# -- through wrappers -----------------------------------------------------------------


async def test_a_wrapper_goes_along_to_the_other_provider(create):
    wrapper = AsyncNoting(create("groq"))
    view = wrapper.for_workflow(RANKING, selector=with_said(provider="local"))
    response = await view.generate("Hi", model="qwen3:8b")
    assert response.provider == "local"
    assert wrapper.noted == [("local", "qwen3:8b")]


async def test_a_wrapper_of_the_right_provider_is_itself(create):
    wrapper = AsyncNoting(create("groq"))
    assert wrapper.for_provider("groq") is wrapper
    assert wrapper.for_provider("local").get_provider_name() == "local"


async def test_a_wrapper_may_stand_around_a_view(create):
    selector = with_said(provider="local")
    wrapper = AsyncNoting(create("groq").for_workflow(RANKING, selector=selector))
    assert (await wrapper.generate("Hi")).provider == "local"
    assert wrapper.get_provider_name() == "local"
    assert (await wrapper.identify(LLMRequest("Hi"))).provider == "local"


async def test_a_view_for_a_provider_is_still_of_its_workflow(create):
    view = create("groq").for_workflow(RANKING).for_provider("openai")
    assert view.config.model == "gpt-6-luna"
    assert (await view.generate("Hi")).model == "gpt-6-luna"


async def test_a_wrapper_passes_everything_on():
    llm = AsyncMockLLMService({"Where": {"x": 1}})
    wrapper = AsyncNoting(llm)
    assert await wrapper.generate_json("Where?") == {"x": 1}
    assert await wrapper.generate_as(Point, "Where?") == Point(1)
    async with wrapper.stream("Where?") as stream:
        assert [text async for text in stream.text()]
    assert await wrapper.count_tokens("How many?") == 2
    assert (await wrapper.identify_embeddings("m")).model == "m"
    assert await wrapper.list_models() == wrapper.get_available_models()
    await wrapper.close()
    assert len(wrapper.noted) == 4


# -- overrides ------------------------------------------------------------------------


async def test_an_override_counts_for_a_service_that_was_made_before():
    llm = AsyncMockLLMService()
    view = llm.for_workflow(RANKING)
    with ModelSelector.override_for_testing(RANKING, "tiny") as config:
        await view.generate("Hi")
        assert view.config.model == config.model == "tiny"
    await view.generate("Hi")
    assert [call.model for call in llm.calls] == ["tiny", None]


async def test_an_override_may_lead_to_another_provider_and_back(create):
    view = create("groq").for_workflow(RANKING)
    with ModelSelector.override_for_testing(RANKING, "openai:gpt-4o"):
        assert (await view.generate("Hi")).model == "gpt-4o"
    assert (await view.generate("Hi")).model == USUAL


async def test_20_callers_at_once_do_not_see_each_others_overrides():
    llm = AsyncMockLLMService()
    view = llm.for_workflow(RANKING)

    async def run(number):
        with ModelSelector.override_for_testing(RANKING, f"model-{number}"):
            await async_sleep(0.01)
            response = await view.generate("Hi")
        return response.model, view.config.model

    found = await async_fan_out(run, 20)
    assert [inside for inside, _ in found] == [
        f"model-{number}" for number in range(20)
    ]
    assert view.config.model is None
