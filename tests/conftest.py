"""What every test stands on: both event loops, and an environment that says nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "llm_adapter",
    # Times say nothing on a busy machine.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("llm_adapter")

_OURS = re.compile(
    r"LLM_.*|.*_API_KEY|.*_BASE_URL|.*_PROXY|SSL_CERT_(FILE|DIR)", re.IGNORECASE
)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture(scope="session", autouse=True)
def silent_environment(tmp_path_factory):
    """No setting, key or proxy of whoever runs the tests, and no `.env` of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if _OURS.fullmatch(name)]:
            patch.delenv(name)
        if Path(".env").exists():
            patch.chdir(tmp_path_factory.mktemp("without_dotenv"))
        yield
