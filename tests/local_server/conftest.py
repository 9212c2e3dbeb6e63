"""A real llama.cpp server with a model that says what the tests know.

Nothing here is collected unless LLAMA_SERVER names the program: `tox -e local-server`
builds it. An ordinary run has no such server, and skipped tests would only be noise.
"""

from __future__ import annotations

import os

import pytest

if "LLAMA_SERVER" not in os.environ:
    collect_ignore_glob = ["*"]
else:
    # They need what only that environment has.
    from tests.local_server.model import write_model
    from tests.local_server.server import launched, running


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "bigram.gguf"
    write_model(path)
    return path


@pytest.fixture(scope="session")
def server(model):
    """One for all tests that leave it as it was."""
    with running(model, "-c", "2048") as server:
        yield server


@pytest.fixture(scope="session")
def embedding_server(model):
    with running(model, "-c", "512", "--embeddings", "--pooling", "mean") as server:
        yield server


@pytest.fixture(scope="session")
def guarded_server(model):
    with running(model, "--api-key", "right-key") as server:
        yield server


@pytest.fixture(scope="session")
def crowded_server(model):
    """Two answers at once are too long for what its slots share."""
    with running(model, "-c", "256", "--parallel", "2", "--kv-unified") as server:
        yield server


@pytest.fixture
def loading_server(model):
    with launched(model) as server:
        yield server


@pytest.fixture
def doomed_server(model):
    """One for each test that ends it."""
    with running(model, "-c", "100000") as server:
        yield server
