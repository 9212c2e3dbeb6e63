from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import llm_adapter
from llm_adapter import _endpoint

HEAVY = {
    "anyio",
    "asyncio",
    "backoff",
    "cattrs",
    "httpcore",
    "httpx",
    "msgspec",
    "opentelemetry",
    "redis",
    "sqlalchemy",
    "trio",
}
DESIGNED = {
    # 3: requests, responses, events
    *("LLMRequest", "LLMResponse", "Message", "Usage", "Attempt", "Timeout"),
    *("Text", "Image", "Document", "Audio", "Part", "Tool", "ToolCall"),
    *("TextDelta", "ReasoningDelta", "ToolCallDelta", "StreamEnd", "StreamEvent"),
    *("FinishReason", "EmbeddingResponse", "ModelName"),
    # 3.3: the port, its adapters and the factory, in both forms
    *("LLMService", "GroqAdapter", "LLMFactory", "MockLLMService", "ResponseStream"),
    *(
        "OpenAIAdapter",
        "AnthropicAdapter",
        "LocalLLMAdapter",
        "OpenAICompatibleAdapter",
    ),
    *("AsyncLLMService", "AsyncGroqAdapter", "AsyncLLMFactory", "AsyncOpenAIAdapter"),
    *("AsyncAnthropicAdapter", "AsyncLocalLLMAdapter"),
    "AsyncOpenAICompatibleAdapter",
    *("AsyncMockLLMService", "AsyncResponseStream"),
    # 3.6, 3.7: memory and workflows; a store serves both forms
    *("CachingLLMService", "AsyncCachingLLMService", "CacheStats", "CacheStore"),
    *("MemoryCache", "SQLiteCache", "RedisCache"),
    *("AsyncMemoryCache", "AsyncSQLiteCache", "AsyncRedisCache"),
    *("ModelConfig", "ModelSelector"),
    *("TrackingLLMService", "AsyncTrackingLLMService", "usage_context", "Budget"),
    *("TokenTracker", "AsyncTokenTracker"),
    *("MonitoringLLMService", "AsyncMonitoringLLMService"),
    *("MonitoringSnapshot", "CallStats", "Distribution"),
    # 3.4, 3.5: settings and errors
    "Settings",
    *("LLMServiceError", "LLMConfigurationError", "LLMUnsupportedFeatureError"),
    *("LLMConnectionError", "LLMTimeoutError", "LLMAPIError"),
    *("LLMAuthenticationError", "LLMPermissionError", "LLMModelNotFoundError"),
    *("LLMBadRequestError", "LLMContextLengthError", "LLMContentPolicyError"),
    *("LLMRateLimitError", "LLMQuotaExceededError", "LLMServerError"),
    *("LLMOverloadedError", "LLMInvalidResponseError"),
    *("LLMStreamInterruptedError", "LLMBudgetExceededError"),
    "__version__",
}
STORES = {"AsyncMemoryCache", "AsyncSQLiteCache", "AsyncRedisCache"}
ALIASES = {"FinishReason", "Part", "StreamEvent", "__version__", *STORES}
FUNCTIONS = {"usage_context"}


def python(code, cwd):
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"PYTHONPATH": str(Path(llm_adapter.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# -- names ----------------------------------------------------------------------------


def test_public_names_are_those_of_the_design():
    assert set(llm_adapter.__all__) == DESIGNED
    assert llm_adapter.__all__ == sorted(llm_adapter.__all__)


@pytest.mark.parametrize("name", llm_adapter.__all__)
def test_every_public_name_is_there(name):
    assert getattr(llm_adapter, name) is not None


@pytest.mark.parametrize("name", sorted(DESIGNED - ALIASES - FUNCTIONS))
def test_every_public_class_says_what_it_is_for_and_bears_its_name(name):
    kind = getattr(llm_adapter, name)
    assert kind.__name__ == name
    assert kind.__module__.startswith("llm_adapter.")
    assert inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].endswith((".", ":"))


def test_every_service_has_its_twin_on_the_other_side():
    for name in llm_adapter.__all__:
        if name.startswith("Async"):
            kind = getattr(llm_adapter, name)
            twin = getattr(llm_adapter, name.removeprefix("Async"))
            assert kind.__module__.replace("_async", "_sync") == twin.__module__


@pytest.mark.parametrize("name", sorted(STORES))
def test_store_serves_both_forms(name):
    plain = getattr(llm_adapter, name.removeprefix("Async"))
    assert getattr(llm_adapter, name) is plain


@pytest.mark.parametrize("name", ["Adapter", "AsyncError", "__path_", "groq"])
def test_unknown_name_is_an_attribute_error(name):
    expected = f"module 'llm_adapter' has no attribute {name!r}"
    with pytest.raises(AttributeError, match=f"^{re.escape(expected)}$"):
        getattr(llm_adapter, name)


def test_dir_lists_every_public_name_before_it_was_used(tmp_path):
    listed = python("import llm_adapter; print(*dir(llm_adapter))", tmp_path)
    assert set(llm_adapter.__all__) <= set(listed)
    assert listed == sorted(listed)


def test_dir_lists_what_is_not_public_too():
    assert {"__doc__", *llm_adapter.__all__} <= set(dir(llm_adapter))


def test_star_brings_every_public_name(tmp_path):
    code = "before = set(globals()); from llm_adapter import *; print(*globals())"
    assert set(llm_adapter.__all__) <= set(python(code, tmp_path))


def test_version_is_the_same_everywhere():
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    assert project["version"] == llm_adapter.__version__ == _endpoint.VERSION


# -- what importing costs -------------------------------------------------------------


def loaded(code, cwd):
    """Top-level modules that a fresh interpreter has after some code."""
    names = python(f"{code}\nimport sys\nprint(*sys.modules)", cwd)
    return {name.partition(".")[0] for name in names}


def test_import_loads_nothing_heavy(tmp_path):
    found = loaded("import llm_adapter", tmp_path)
    assert not found & {*HEAVY, "attr", "attrs", "ssl", "socket", "dotenv"}


def test_values_and_errors_load_nothing_heavy(tmp_path):
    code = "from llm_adapter import LLMRequest, LLMServiceError, Settings"
    assert not loaded(code, tmp_path) & HEAVY


def test_sync_mock_loads_neither_http_nor_an_event_loop(tmp_path):
    code = """
from llm_adapter import LLMFactory
with LLMFactory.create("mock") as llm:
    llm.generate("Hi")
    with llm.stream("Hi") as stream:
        list(stream)
"""
    assert not loaded(code, tmp_path) & (HEAVY - {"msgspec"})


def test_import_opens_no_socket_and_no_dotenv(tmp_path):
    (tmp_path / ".env").write_text("LLM_MODEL=nobody")
    code = """
import sys

def watch(event, arguments):
    opened = event == "open" and str(arguments[0])
    if event.startswith("socket.") or (opened and opened.endswith(".env")):
        seen.append(event)

seen = []
sys.addaudithook(watch)
import llm_adapter
from llm_adapter import LLMFactory, AsyncLLMFactory, GroqAdapter, AsyncGroqAdapter
print(*seen)
open(".env").close()  # the hook does see what it is told to
print(*seen)
"""
    assert python(code, tmp_path) == ["open"]
