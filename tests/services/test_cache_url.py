"""A store from one line of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_adapter.caches import MemoryCache, RedisCache, SQLiteCache, cache_from_url
from llm_adapter.errors import LLMConfigurationError


def test_memory_is_a_memory_cache():
    cache = cache_from_url("memory://")
    assert isinstance(cache, MemoryCache)
    assert (cache.max_entries, cache.max_bytes) == (10_000, 64 * 1024 * 1024)


def test_memory_takes_its_limits():
    cache = cache_from_url("memory://?max_entries=5&max_bytes=100")
    assert (cache.max_entries, cache.max_bytes) == (5, 100)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/cache/answers.db", "/var/cache/answers.db"),
        ("sqlite:///answers.db", Path.cwd() / "answers.db"),
        ("sqlite:///folder/answers.db", Path.cwd() / "folder" / "answers.db"),
        ("sqlite:///~/answers.db", Path.home() / "answers.db"),
        ("sqlite:////tmp/my%20answers%3F.db", "/tmp/my answers?.db"),
        ("SQLITE:////tmp/answers.db", "/tmp/answers.db"),
    ],
)
def test_sqlite_is_a_file(url, path, monkeypatch):
    cache = cache_from_url(url)
    assert isinstance(cache, SQLiteCache)
    assert str(cache.path).endswith(str(path).removeprefix(str(Path.cwd())))
    assert cache.path.is_absolute()


@pytest.mark.parametrize(
    "url", ["redis://localhost:6379/0", "rediss://localhost", "unix:///tmp/redis.sock"]
)
def test_redis_is_a_redis_cache(url):
    cache = cache_from_url(url)
    assert isinstance(cache, RedisCache)
    assert repr(cache) == f"RedisCache({url!r})"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory:",
        "answers.db",
        "memcached://localhost",
        "postgresql://localhost/answers",
        "memory://localhost",
        "memory:///path",
        "memory://#part",
        "memory://?max_entries",
        "memory://?max_entries=",
        "memory://?max_entries=0",
        "memory://?max_entries=many",
        "memory://?max_entries=1&max_entries=2",
        "memory://?entries=5",
        "sqlite://",
        "sqlite:///",
        "sqlite://answers.db",
        "sqlite:///:memory:",
        "sqlite:///answers.db?timeout=1",
        "sqlite:///answers.db#part",
        "sqlite:///~nobody-of-that-name/answers.db",
        "sqlite://[/answers.db",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(url):
    with pytest.raises(LLMConfigurationError) as caught:
        cache_from_url(url)
    assert f"The cache's URL is {url!r}: write memory://" in str(caught.value)
    assert "sqlite:////absolute/path.db" in str(caught.value)


def test_password_is_not_shown():
    with pytest.raises(LLMConfigurationError) as caught:
        cache_from_url("postgresql://me:secret@localhost/answers")
    assert "'postgresql://***@localhost/answers'" in str(caught.value)


def test_long_url_is_cut():
    with pytest.raises(LLMConfigurationError) as caught:
        cache_from_url("x" * 10_000)
    assert len(str(caught.value)) < 400


def test_url_that_is_no_string_is_refused():
    with pytest.raises(TypeError, match="url must be a string, not NoneType"):
        cache_from_url(None)
