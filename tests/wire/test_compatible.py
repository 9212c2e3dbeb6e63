"""Ten providers with OpenAI's API: what each is sent, and how its answers are read."""

from __future__ import annotations

import json
import pickle
import re

import msgspec
import pytest

from llm_adapter import (
    LLMConfigurationError,
    LLMOverloadedError,
    LLMRequest,
    LLMUnsupportedFeatureError,
    Message,
    Settings,
    Tool,
    Usage,
)
from llm_adapter._endpoint import endpoint
from llm_adapter.models import Audio, Document, Image, ToolCall
from llm_adapter.providers import OPENAI, Defaults, choose_dialect, complete
from llm_adapter.providers.compatible import COMPATIBLE
from tests.wire.chat import Read, body
from tests.wire.pieces import byte_by_byte
from tests.wire.recorded import RECORDED, STYLES

BY_NAME = {provider.name: provider for provider in COMPATIBLE}
DIALECTS = {name: provider.dialects[0] for name, provider in BY_NAME.items()}
TOOL = Tool("f")
TOOL_F = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

each_provider = pytest.mark.parametrize("provider", COMPATIBLE, ids=BY_NAME)


def sent(name, prompt="Hi", *, model="", **fields):
    """The body that a provider is sent, with what the request left open."""
    provider = BY_NAME[name]
    request = LLMRequest(prompt, **fields)
    whole = complete(request, provider, Defaults(model=model or default_model(name)))
    traits = provider.traits(whole.model)
    dialect = choose_dialect(whole, provider, traits)
    written = msgspec.json.encode(dialect.encode(whole, stream=False, traits=traits))
    return json.loads(written)


def default_model(name):
    return BY_NAME[name].default_model or "gpt-4.1"


def refused(name, **fields):
    """The feature that a provider's error names, before anything is sent."""
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        sent(name, **fields)
    assert caught.value.provider == name
    return caught.value.feature


def fields_of(body):
    return set(body) - {"model", "messages"}


# -- the catalogue --------------------------------------------------------------------


def test_names_are_unique_and_new():
    assert len(BY_NAME) == len(COMPATIBLE) == 10
    assert "openai" not in BY_NAME


@each_provider
def test_the_default_model_is_one_that_is_offered(provider):
    if provider.name == "azure":
        assert provider.default_model is None
    else:
        known = provider.model(provider.default_model)
        assert known.retired is None
        assert known.context_window > 100_000


@each_provider
def test_retired_models_name_one_that_is_offered(provider):
    for model in provider.models:
        if model.retired is not None:
            assert provider.model(model.replacement).retired is None
    assert len({model.id for model in provider.models}) == len(provider.models)


@each_provider
def test_patterns_of_families_can_be_read(provider):
    for pattern, _ in provider.families:
        re.compile(pattern)


@pytest.mark.parametrize(
    ("name", "model", "encoding", "dimensions"),
    [
        ("mistral", "mistral-embed", "float", False),
        ("together", "BAAI/bge-base-en-v1.5", "float", False),
        ("fireworks", "accounts/fireworks/models/qwen3-embedding-8b", "float", True),
        ("openrouter", "openai/text-embedding-3-small", "float", True),
        ("azure", None, "base64", True),
        ("gemini", "gemini-embedding-001", "float", True),
    ],
)
def test_some_make_embeddings(name, model, encoding, dimensions):
    made = BY_NAME[name].embeddings
    assert (made.model, made.encoding, made.dimensions) == (model, encoding, dimensions)
    assert model is None or BY_NAME[name].model(model) is not None


@pytest.mark.parametrize("name", ["deepseek", "xai", "cerebras", "perplexity"])
def test_others_make_none_that_could_be_read(name):
    assert BY_NAME[name].embeddings is None


@each_provider
def test_data_can_be_pickled(provider):
    assert pickle.loads(pickle.dumps(provider)) == provider


# -- the endpoint ---------------------------------------------------------------------


@each_provider
def test_its_variables_are_read_from_the_environment(provider):
    named = (provider.key_variable, provider.url_variable, provider.token_variable)
    for variable in filter(None, (*named, *provider.header_variables.values())):
        settings = Settings.from_env({variable: "value"}, dotenv=None)
        assert settings.variable(variable) == "value"


def address(name, **variables):
    settings = Settings(others=variables)
    return endpoint(BY_NAME[name], settings, api_key="k", base_url=None).base_url


@each_provider
def test_the_address_is_the_providers_own_and_needs_a_key(provider):
    if provider.base_url:
        assert address(provider.name) == provider.base_url
        assert provider.base_url.endswith(provider.base_path)
    with pytest.raises(LLMConfigurationError, match=provider.key_variable):
        endpoint(provider, Settings(), api_key=None, base_url="https://a.example")


@pytest.mark.parametrize(
    ("name", "variable", "value", "url"),
    [
        (
            "together",
            "TOGETHER_BASE_URL",
            "https://a.example/together",
            "https://a.example/together/v1",
        ),
        (
            "fireworks",
            "FIREWORKS_BASE_URL",
            "https://a.example/fireworks",
            "https://a.example/fireworks/inference/v1",
        ),
        (
            "cerebras",
            "CEREBRAS_BASE_URL",
            "https://a.example/cerebras/",
            "https://a.example/cerebras/v1",
        ),
        (
            "perplexity",
            "PERPLEXITY_BASE_URL",
            "https://p.example",
            "https://p.example",
        ),
        (
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            "https://me.openai.azure.com/",
            "https://me.openai.azure.com/openai/v1",
        ),
        (
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            "https://me.openai.azure.com/openai/v1/",
            "https://me.openai.azure.com/openai/v1",
        ),
        (
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            "https://me.services.ai.azure.com/api/projects/p",
            "https://me.services.ai.azure.com/api/projects/p/openai/v1",
        ),
    ],
)
def test_an_address_from_the_environment_gets_the_path_of_the_api(
    name, variable, value, url
):
    assert address(name, **{variable: value}) == url


def test_azure_has_no_address_of_its_own():
    with pytest.raises(LLMConfigurationError, match="AZURE_OPENAI_ENDPOINT"):
        address("azure")


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"AZURE_OPENAI_API_KEY": "k"}, ("api-key", "k")),
        ({"AZURE_OPENAI_AD_TOKEN": "t"}, ("Authorization", "Bearer t")),
        (
            {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_AD_TOKEN": "t"},
            ("api-key", "k"),
        ),
    ],
)
def test_azure_takes_a_key_or_a_token(variables, header):
    settings = Settings(others=variables)
    url = "https://me.openai.azure.com"
    made = endpoint(BY_NAME["azure"], settings, api_key=None, base_url=url)
    credentials = {"api-key", "Authorization"} & made.headers.keys()
    assert [(name, made.headers[name]) for name in credentials] == [header]


def test_openrouter_is_told_which_application_calls():
    told = {"OPENROUTER_APP_URL": "https://a.example", "OPENROUTER_APP_TITLE": "App"}
    made = endpoint(
        BY_NAME["openrouter"], Settings(others=told), api_key="k", base_url=None
    )
    assert made.headers["HTTP-Referer"] == "https://a.example"
    assert made.headers["X-Title"] == "App"


# -- what is sent ---------------------------------------------------------------------

CAPS = {
    "xai": "max_completion_tokens",
    "cerebras": "max_completion_tokens",
    "azure": "max_completion_tokens",
}


@each_provider
def test_what_the_caller_says_is_sent_under_the_providers_names(provider):
    name = provider.name
    body = sent(name, temperature=0, max_tokens=7, top_p=0.5)
    assert body["temperature"] == 0
    assert body["top_p"] == 0.5
    assert body[CAPS.get(name, "max_tokens")] == 7
    extra = {"provider"} if name == "openrouter" else set()
    assert fields_of(body) - extra == {
        "temperature",
        "top_p",
        CAPS.get(name, "max_tokens"),
    }


@pytest.mark.parametrize(
    ("name", "model", "defaults"),
    [
        ("mistral", "", {"temperature": 0.3, "max_tokens": 2000}),
        ("mistral", "mistral-large-4", {"temperature": 0.3}),
        ("mistral", "magistral-medium-latest", {"temperature": 0.3}),
        ("mistral", "codestral-latest", {"temperature": 0.3, "max_tokens": 2000}),
        ("deepseek", "", {}),
        ("xai", "", {"temperature": 0.3}),
        ("xai", "grok-4.20-0309-reasoning", {"temperature": 0.3}),
        (
            "xai",
            "grok-4-1-fast-non-reasoning",
            {"temperature": 0.3, "max_completion_tokens": 2000},
        ),
        ("together", "", {"temperature": 0.3}),
        ("together", "someone/new", {"temperature": 0.3}),
        ("fireworks", "", {"temperature": 0.3}),
        ("openrouter", "", {}),
        ("openrouter", "anthropic/claude-sonnet-5-5", {}),
        ("cerebras", "", {"temperature": 0.3}),
        ("perplexity", "", {"temperature": 0.3, "max_tokens": 2000}),
        ("perplexity", "sonar-reasoning-pro", {"temperature": 0.3}),
        ("azure", "gpt-4.1", {"temperature": 0.3, "max_completion_tokens": 2000}),
        ("azure", "gpt-6-luna", {}),
        ("azure", "our-deployment", {}),
        ("gemini", "", {}),
        ("gemini", "gemini-4-argon", {"temperature": 0.3}),
        ("gemini", "models/gemini-2.5-flash", {"temperature": 0.3}),
    ],
)
def test_a_default_is_sent_only_where_it_breaks_nothing(name, model, defaults):
    body = sent(name, model=model)
    assert {field: body[field] for field in fields_of(body)} == defaults


@pytest.mark.parametrize(
    ("name", "model", "effort", "fields"),
    [
        ("mistral", "", "high", {"reasoning_effort": "high"}),
        ("mistral", "", "none", {"reasoning_effort": "none"}),
        ("deepseek", "", "low", {"reasoning_effort": "low"}),
        ("deepseek", "", "none", {"thinking": {"type": "disabled"}}),
        ("xai", "grok-4.3", "none", {"reasoning_effort": "none"}),
        ("xai", "grok-latest", "high", {"reasoning_effort": "high"}),
        ("xai", "grok-4.7", "xhigh", {"reasoning_effort": "xhigh"}),
        ("together", "", "low", {"reasoning_effort": "low"}),
        ("together", "zai-org/GLM-5.3", "none", {"reasoning": {"enabled": False}}),
        ("fireworks", "", "none", {"reasoning_effort": "none"}),
        ("openrouter", "", "low", {"reasoning": {"effort": "low"}}),
        ("cerebras", "qwen-3.8-27b", "none", {"reasoning_effort": "none"}),
        ("cerebras", "zai-glm-5.3", "max", {"reasoning_effort": "max"}),
        ("perplexity", "sonar-deep-research", "minimal", None),
        ("azure", "gpt-6-luna", "none", {"reasoning_effort": "none"}),
        ("gemini", "", "low", {"reasoning_effort": "low"}),
        ("gemini", "gemini-3.6-flash", "minimal", None),
        ("gemini", "gemini-2.5-flash", "none", {"reasoning_effort": "none"}),
    ],
)
def test_an_effort_is_sent_in_the_providers_way(name, model, effort, fields):
    body = sent(name, model=model, reasoning_effort=effort)
    for field in ("reasoning_effort", "reasoning", "thinking"):
        expected = {"reasoning_effort": effort} if fields is None else fields
        assert body.get(field) == expected.get(field)


@pytest.mark.parametrize(
    ("name", "fields", "feature"),
    [
        ("mistral", {"reasoning_effort": "low"}, "reasoning_effort"),
        (
            "mistral",
            {"model": "mistral-large-4", "reasoning_effort": "none"},
            "reasoning_effort",
        ),
        ("deepseek", {"seed": 1}, "seed"),
        ("deepseek", {"parallel_tool_calls": False}, "parallel_tool_calls"),
        ("deepseek", {"reasoning_effort": "medium"}, "reasoning_effort"),
        (
            "deepseek",
            {"tools": [TOOL], "tool_choice": "f", "reasoning_effort": "high"},
            "tool_choice",
        ),
        ("xai", {"stop_sequences": ["x"]}, "stop_sequences"),
        ("xai", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("xai", {"model": "grok-4.20", "reasoning_effort": "low"}, "reasoning_effort"),
        (
            "together",
            {
                "model": "deepseek-ai/DeepSeek-V4-Pro",
                "tools": [TOOL],
                "tool_choice": "f",
            },
            "tool_choice",
        ),
        ("together", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("cerebras", {"reasoning_effort": "none"}, "reasoning_effort"),
        (
            "cerebras",
            {
                "messages": [
                    Message(
                        "tool", [Image("https://a.example/b.png")], tool_call_id="a"
                    )
                ]
            },
            "messages",
        ),
        ("perplexity", {"seed": 1}, "seed"),
        ("perplexity", {"stop_sequences": ["x"]}, "stop_sequences"),
        ("perplexity", {"tools": [TOOL]}, "tools"),
        ("gemini", {"seed": 1}, "seed"),
        ("gemini", {"reasoning_effort": "none"}, "reasoning_effort"),
        (
            "gemini",
            {"prompt": "", "messages": [Message("assistant", "So:")]},
            "messages",
        ),
    ],
)
def test_what_a_provider_cannot_do_is_named_before_anything_is_sent(
    name, fields, feature
):
    assert refused(name, **fields) == feature


PICTURE = Image("https://a.example/b.png")
PAPER = Document(data=b"a", media_type="application/pdf")
SOUND = Audio(data=b"a", media_type="audio/wav")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("mistral", {Image, Document}),
        ("deepseek", {Image}),
        ("xai", {Image}),
        ("together", {Image}),
        ("fireworks", {Image}),
        ("openrouter", {Image, Document, Audio}),
        ("cerebras", {Image}),
        ("perplexity", {Image}),
        ("azure", {Image}),
        ("gemini", {Image, Audio}),
    ],
)
def test_parts_that_a_provider_takes_are_sent_and_others_named(name, kinds):
    for part in (PICTURE, PAPER, SOUND):
        if type(part) in kinds:
            assert len(sent(name, [part])["messages"][0]["content"]) == 1
        else:
            assert refused(name, prompt=[part]) == type(part).__name__


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("mistral", None),
        ("deepseek", "reasoning_content"),
        ("xai", None),
        ("together", "reasoning_content"),
        ("fireworks", "reasoning_content"),
        ("openrouter", "reasoning"),
        ("cerebras", "reasoning"),
        ("perplexity", None),
        ("azure", None),
        ("gemini", None),
    ],
)
def test_earlier_reasoning_goes_back_where_the_provider_takes_it(name, field):
    message = Message("assistant", "Hi", reasoning="Hm")
    turn = sent(name, messages=[message])["messages"][0]
    known = {"role": "assistant", "content": "Hi"}
    assert turn == (known if field is None else {**known, field: "Hm"})


@pytest.mark.parametrize(
    ("name", "limit"),
    [("fireworks", 4), ("cerebras", 4), ("azure", 4), ("gemini", None)],
)
def test_some_take_four_stop_sequences(name, limit):
    assert len(sent(name, stop_sequences=list("abcd"))["stop"]) == 4
    if limit is None:
        assert len(sent(name, stop_sequences=list("abcde"))["stop"]) == 5
    else:
        assert refused(name, stop_sequences=list("abcde")) == "stop_sequences"


@each_provider
def test_tools_that_nobody_gave_are_not_sent(provider):
    assert "tools" not in sent(provider.name, tools=[])


@pytest.mark.parametrize(
    ("choice", "word"),
    [("required", "any"), ("auto", "auto"), ("f", TOOL_F)],
)
def test_mistral_has_its_own_word_for_a_call_that_must_come(choice, word):
    body = sent("mistral", tools=[TOOL], tool_choice=choice)
    assert body["tool_choice"] == word


def test_mistral_is_shown_no_tools_that_it_must_not_call():
    body = sent(
        "mistral", tools=[TOOL], tool_choice="none", parallel_tool_calls=False, seed=5
    )
    assert fields_of(body) == {"temperature", "max_tokens", "random_seed"}
    assert body["random_seed"] == 5


def test_elsewhere_tools_may_be_shown_that_must_not_be_called():
    body = sent("xai", tools=[TOOL], tool_choice="none")
    assert (len(body["tools"]), body["tool_choice"]) == (1, "none")


def test_deepseek_stops_thinking_where_a_tool_is_forced():
    body = sent("deepseek", tools=[TOOL], tool_choice="f")
    assert body["thinking"] == {"type": "disabled"}
    assert body["tool_choice"] == TOOL_F


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deepseek", "json_object"),
        ("mistral", "json_schema"),
        ("gemini", "json_schema"),
    ],
)
def test_a_schema_is_sent_where_the_provider_has_one(name, kind):
    body = sent(name, response_format=SCHEMA)
    assert body["response_format"]["type"] == kind
    assert ("properties" in str(body["messages"])) is (kind == "json_object")


def test_perplexity_is_asked_for_json_in_words():
    body = sent("perplexity", response_format={"type": "json_object"})
    assert "response_format" not in body
    assert "JSON" in body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("fields", "is_required"),
    [
        ({}, False),
        ({"temperature": 0}, True),
        ({"max_tokens": 7}, True),
        ({"tools": [TOOL]}, True),
        ({"reasoning_effort": "low"}, True),
        ({"response_format": SCHEMA}, True),
        ({"extra_body": {"top_k": 5}}, True),
        ({"metadata": {"user_id": 5}, "timeout": 5}, False),
    ],
)
def test_openrouter_may_pass_over_nothing_that_the_caller_said(fields, is_required):
    required = {"require_parameters": True} if is_required else None
    assert sent("openrouter", **fields).get("provider") == required


@pytest.mark.parametrize(
    ("preferences", "told"),
    [
        ({"order": ["a"]}, {"require_parameters": True, "order": ["a"]}),
        ({"require_parameters": False}, {"require_parameters": False}),
        (None, {"require_parameters": True}),
        ("a", "a"),
    ],
)
def test_preferences_of_the_caller_for_openrouter_are_kept(preferences, told):
    body = sent("openrouter", temperature=0, extra_body={"provider": preferences})
    assert body["provider"] == told


def test_openrouter_takes_a_document_by_its_address():
    body = sent("openrouter", [Document("https://a.example/b.pdf")])
    (part,) = body["messages"][0]["content"]
    assert part["file"] == {"file_data": "https://a.example/b.pdf"}


CALLED = Message("assistant", tool_calls=[ToolCall("call_1", "f")])
RESULT = Message("tool", "42", tool_call_id="call_1")


def test_mistral_wants_short_ids_and_a_word_before_the_user_speaks_again():
    call, result, word, prompt = sent("mistral", messages=[CALLED, RESULT])["messages"]
    id_ = call["tool_calls"][0]["id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", id_)
    assert result["tool_call_id"] == id_
    assert (word["role"], prompt["content"]) == ("assistant", "Hi")


@pytest.mark.parametrize(
    ("document", "url"),
    [
        (PAPER, "data:application/pdf;base64,YQ=="),
        (Document("https://a.example/b.pdf"), "https://a.example/b.pdf"),
    ],
)
def test_mistral_has_its_own_part_for_documents(document, url):
    (part,) = sent("mistral", [document])["messages"][0]["content"]
    assert part == {"type": "document_url", "document_url": url}


def test_deepseek_wants_reasoning_with_every_call_if_only_an_empty_one():
    turns = sent("deepseek", messages=[CALLED, RESULT], tools=[TOOL])["messages"]
    assert turns[0]["reasoning_content"] == ""


def test_perplexity_wants_user_and_assistant_to_take_turns():
    turns = sent("perplexity", messages=[Message("user", "a")])["messages"]
    assert turns == [{"role": "user", "content": "a\n\nHi"}]


def test_gemini_is_told_that_calls_of_another_model_have_no_signature():
    turns = sent("gemini", messages=[CALLED, RESULT])["messages"]
    signature = turns[0]["tool_calls"][0]["extra_content"]["google"]
    assert signature == {"thought_signature": "skip_thought_signature_validator"}


@each_provider
def test_only_some_have_to_be_asked_for_the_usage_of_a_stream(provider):
    dialect = provider.dialects[0]
    body = dialect.encode(LLMRequest("Hi", model="m"), stream=True)
    always = provider.name in ("mistral", "openrouter", "perplexity")
    assert ("stream_options" in body) is not always


@each_provider
def test_a_request_has_no_headers_of_its_own_and_needs_no_stream(provider):
    dialect, request = provider.dialects[0], LLMRequest("Hi")
    assert dialect.headers(request) == {}
    assert not dialect.must_stream(request)


# -- Azure ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "fields", "api"),
    [
        ("our-deployment", {}, "chat"),
        ("our-deployment", {"tools": [TOOL], "seed": 1}, "chat"),
        ("gpt-4.1", {"tools": [TOOL]}, "chat"),
        ("gpt-6-luna", {"tools": [TOOL]}, "responses"),
        ("gpt-5.5-pro", {}, "responses"),
    ],
)
def test_azures_deployments_are_taken_for_the_models_that_they_are_named_after(
    model, fields, api
):
    provider = BY_NAME["azure"]
    request = complete(LLMRequest("Hi", model=model, **fields), provider, Defaults())
    assert choose_dialect(request, provider, provider.traits(model)).name == api


def test_azure_has_no_model_that_nobody_named():
    with pytest.raises(LLMConfigurationError, match="No model for azure"):
        complete(LLMRequest("Hi"), BY_NAME["azure"], Defaults())


def test_azures_families_are_openais_except_for_what_is_unknown():
    assert BY_NAME["azure"].families[:-1] == OPENAI.families[:-1]


# -- recorded streams -----------------------------------------------------------------

STREAMS = {
    name: provider
    for name in RECORDED
    if (provider := name.partition("_")[0]) in BY_NAME and name != "openrouter_error"
}
each_stream = pytest.mark.parametrize(("name", "provider"), STREAMS.items())


def read(name):
    return Read(RECORDED[name], dialect=DIALECTS[name.partition("_")[0]])


@each_stream
def test_every_cut_into_two_pieces_gives_the_same(name, provider):
    recorded, dialect = RECORDED[name], DIALECTS[provider]
    whole = Read(recorded, dialect=dialect)
    assert whole.complete
    for position in range(len(recorded) + 1):
        pieces = recorded[:position], recorded[position:]
        assert Read(*pieces, dialect=dialect) == whole, position


@each_stream
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_byte_by_byte_gives_the_same(name, provider, style):
    styled = style(RECORDED[name])
    cut = Read(*byte_by_byte(styled), dialect=DIALECTS[provider])
    assert cut == read(name)


@each_stream
def test_the_deltas_together_are_the_response(name, provider):
    found = read(name)
    assert found.text() == found.response.text
    assert found.reasoning() == (found.response.reasoning or "")
    assert found.calls() == {
        place: [call.id, call.name, call.raw_arguments]
        for place, call in enumerate(found.response.tool_calls)
    }


@each_stream
def test_the_answer_goes_back_with_the_conversation(name, provider):
    found = read(name).response
    messages = [Message("user", "Hi"), found.message]
    messages += [
        Message("tool", "42", tool_call_id=call.id) for call in found.tool_calls
    ]
    request = LLMRequest("So?", model="m", messages=messages)
    body = DIALECTS[provider].encode(request, stream=False)
    turn = body["messages"][1]
    assert turn["role"] == "assistant"
    assert found.text in json.dumps(turn, ensure_ascii=False)


def test_mistral_thinks_in_parts_of_the_content():
    found = read("mistral_thinking")
    response = found.response
    assert response.reasoning == "Le mot « été » a trois lettres."
    assert response.text == "Trois lettres 🙂."
    assert response.finish_reason == "tool_calls"
    assert response.usage == Usage(
        input_tokens=21, output_tokens=42, cached_input_tokens=16, total_tokens=63
    )
    (turn,) = DIALECTS["mistral"].encode(
        LLMRequest("", messages=[response.message]), stream=False
    )["messages"]
    assert turn["content"] == [
        {
            "type": "thinking",
            "thinking": [{"type": "text", "text": "Le mot « été » a trois lettres."}],
        },
        {"type": "text", "text": "Trois lettres 🙂."},
    ]
    assert turn["tool_calls"][0]["id"] == "yWpd3aZ1Q"


def test_deepseek_wants_its_reasoning_back():
    response = read("deepseek_tools").response
    assert response.reasoning == "问天气。 Call the tool."
    assert response.tool_calls == (
        ToolCall("call_00_Zk3", "get_weather", {"city": "Köln"}, '{"city": "Köln"}'),
    )
    assert response.usage.cached_input_tokens == 128
    (turn,) = sent("deepseek", "", messages=[response.message], tools=[TOOL])[
        "messages"
    ]
    assert turn["reasoning_content"] == response.reasoning


def test_xai_counts_reasoning_beside_the_answer():
    response = read("xai_reasoning").response
    assert (response.reasoning, response.text) == ("Think — twice.", "Oui 🚀")
    assert response.usage == Usage(
        input_tokens=12,
        output_tokens=209,
        cached_input_tokens=4,
        reasoning_tokens=200,
        total_tokens=221,
    )


def test_together_ends_with_a_word_of_its_own():
    response = read("together_eos").response
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "eos")
    assert (response.reasoning, response.text) == ("Hm — ", "Ja 🙂")


def test_openrouters_details_go_back_whole():
    response = read("openrouter_details").response
    assert (response.reasoning, response.text) == ("Zwei und zwei.", "Vier 👌")
    assert response.usage.reasoning_tokens == 31
    (turn,) = DIALECTS["openrouter"].encode(
        LLMRequest("", messages=[response.message]), stream=False
    )["messages"]
    assert turn == {
        "role": "assistant",
        "content": "Vier 👌",
        "reasoning_details": [
            {
                "type": "reasoning.text",
                "text": "Zwei und zwei.",
                "signature": "ErUB",
                "format": "anthropic-claude-v1",
                "index": 0,
            },
            {
                "type": "reasoning.encrypted",
                "data": "gAAA",
                "id": "rs_1",
                "format": "openai-responses-v1",
                "index": 0,
            },
        ],
    }


def test_openrouter_gives_up_in_the_middle_and_says_what_was_used():
    found = read("openrouter_error")
    assert type(found.error) is LLMOverloadedError
    assert found.error.message == "Provider returned error: engine is full"
    assert (found.error.code, found.error.status_code) == ("provider_overloaded", 502)
    assert (found.text(), found.complete) == ("Hälft", False)
    assert found.response.usage.total_tokens == 53


def test_cerebras_takes_reasoning_back_under_its_name():
    response = read("cerebras_tools").response
    assert response.usage.reasoning_tokens == 12
    (turn,) = sent("cerebras", "", messages=[response.message])["messages"]
    assert turn["reasoning"] == "Need weather."


def test_perplexity_says_the_whole_again_with_every_delta():
    response = read("perplexity_cumulative").response
    assert (response.reasoning, response.text) == (
        "Searched Köln.",
        "Köln; 1 Mio. 🏙",
    )
    assert response.usage == Usage(
        input_tokens=7, output_tokens=29, reasoning_tokens=20, total_tokens=36
    )


def test_azures_filters_say_nothing():
    response = read("azure_filters").response
    assert (response.text, response.model) == ("Grüße 👋", "gpt-6-luna")
    assert (response.id, response.tokens_used) == ("chatcmpl-8", 13)


def test_gemini_wants_the_signature_of_its_calls_back():
    response = read("gemini_tools").response
    assert response.finish_reason == "tool_calls"
    assert [call.arguments["city"] for call in response.tool_calls] == ["Köln", "Bonn"]
    assert response.usage == Usage(
        input_tokens=50, output_tokens=56, reasoning_tokens=25, total_tokens=106
    )
    turn = sent("gemini", "So?", messages=[response.message])["messages"][0]
    assert [call.get("extra_content") for call in turn["tool_calls"]] == [
        {"google": {"thought_signature": "EpwCCp+ö"}},
        None,
    ]


# -- whole answers --------------------------------------------------------------------


@each_provider
def test_some_leave_the_reasoning_of_a_model_in_its_text(provider):
    response = provider.dialects[0].decode(body({"content": "<think>Hm</think>\n4"}))
    leaves = ("together", "fireworks", "cerebras", "perplexity")
    split = ("Hm", "4") if provider.name in leaves else (None, "<think>Hm</think>\n4")
    assert (response.reasoning, response.text) == split


def test_a_whole_answer_of_openrouter_goes_back_as_it_came():
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 0}] * 2
    message = {"content": "Hi", "reasoning": "Hm", "reasoning_details": details}
    response = DIALECTS["openrouter"].decode(body(message))
    assert response.reasoning == "Hm"
    request = LLMRequest("", messages=[response.message])
    (turn,) = DIALECTS["openrouter"].encode(request, stream=False)["messages"]
    assert turn == {
        "role": "assistant",
        "content": "Hi",
        "reasoning_details": details,
    }


def test_a_conversation_moves_from_each_provider_to_each_other():
    for name in STREAMS:
        for provider, dialect in DIALECTS.items():
            messages = [Message("user", "Hi"), read(name).response.message]
            request = LLMRequest("So?", model="m", messages=messages)
            (_, turn, _) = dialect.encode(request, stream=False)["messages"]
            foreign = {"reasoning_details", "extra_content", "thinking"}
            if provider != name.partition("_")[0]:
                assert not foreign & set(turn), (name, provider)
                assert "signature" not in str(turn) or provider == "gemini"
