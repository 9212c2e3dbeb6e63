"""The caching service on real stores: across processes, and on their bad days."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from contextlib import ExitStack

import anyio
import pytest

from llm_adapter import CachingLLMService, GroqAdapter, MockLLMService
from llm_adapter.testing.emulator import Emulator, Reply, faults

EACH = 5
CALLS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import anyio
from llm_adapter import *

base_url, cache, how = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()

def told(answers):
    print(json.dumps([[a.text, a.cached, str(a.cost)] for a in answers]))

async def main():
    answers = []
    async def call():
        answers.append(await llm.generate("Hi", timeout=60))
    base = AsyncGroqAdapter("test-key", base_url=base_url)
    kept = store(AsyncRedisCache, AsyncSQLiteCache)
    async with AsyncCachingLLMService(base, kept) as llm:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(call)
    told(answers)

def store(redis, sqlite):
    # Patient: this is about processes, not about a busy machine.
    if cache.startswith("redis"):
        return redis(cache, timeout=10)
    return sqlite(cache.removeprefix("sqlite:///"), timeout=10)

if how == "threads":
    base = GroqAdapter("test-key", base_url=base_url)
    with CachingLLMService(base, store(RedisCache, SQLiteCache)) as llm:
        with ThreadPoolExecutor(5) as threads:
            told(list(threads.map(lambda _: llm.generate("Hi", timeout=60), range(5))))
else:
    anyio.run(main, backend=how)
"""


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    """Where processes meet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'answers.db'}"
    return request.getfixturevalue("redis_server").url


def processes(count, *arguments):
    """What so many programs print that begin their calls at the same time."""
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", CALLS, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(count)
        ]
        for each in crowd:
            assert each.stdout.readline() == "ready\n"
        for each in crowd:
            each.stdin.write("go\n")
            each.stdin.flush()
        return [
            answer for each in crowd for answer in json.loads(each.communicate()[0])
        ]


@pytest.mark.parametrize("how", ["threads", "asyncio", "trio"])
def test_twenty_calls_of_four_processes_are_one_request(emulator, url, how):
    emulator.script(Reply(text="Once.") | faults.slow_first_byte(0.5))
    answers = processes(4, emulator.base_url("groq"), url, how)
    assert emulator.counts.requests == 1
    assert [text for text, _, _ in answers] == ["Once."] * 4 * EACH
    paid = [cost for _, cached, cost in answers if not cached]
    assert len(paid) == 1
    assert {cost for _, cached, cost in answers if cached} == {"0"}


@pytest.fixture
def connect(emulator):
    opened = []

    def connect(**options):
        base = GroqAdapter("key", base_url=emulator.base_url("groq"), **options)
        opened.append(base)
        return base

    yield connect
    for each in opened:
        each.close()


def test_answer_survives_a_restart_of_the_program(connect, tmp_path, emulator):
    url = f"sqlite:///{tmp_path / 'answers.db'}"
    for _ in range(2):
        with CachingLLMService(connect(), url) as llm:
            answer = llm.generate("Hi")
    assert answer.cached
    assert emulator.counts.requests == 1


def test_redis_that_dies_and_comes_back_fails_no_call(
    connect, make_redis, redis_server
):
    llm = CachingLLMService(connect(), make_redis(timeout=1))
    assert not llm.generate("Hi").cached
    assert llm.generate("Hi").cached
    redis_server.stop()
    for number in range(5):
        assert llm.generate(f"While it is gone {number}").text
    assert llm.stats().failures
    redis_server.start()
    end = time.monotonic() + 20  # it may have been left alone for a while
    while not llm.generate("Hi").cached:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_redis_that_dies_in_mid_call_fails_no_call(
    emulator, connect, make_redis, redis_server
):
    def answer(request):
        redis_server.stop()
        return "Hello"

    llm = CachingLLMService(MockLLMService({"Hi": answer}), make_redis(timeout=1))
    assert llm.generate("Hi").text == "Hello"
    assert llm.stats().not_kept == 1


def test_redis_that_says_nothing_holds_calls_up_once_and_not_for_long(
    connect, make_redis, redis_server
):
    llm = CachingLLMService(connect(), make_redis(timeout=0.2))
    llm.generate("Hi")
    redis_server.pause()
    begun = time.monotonic()
    for _ in range(10):
        assert llm.generate("Hi").text
    assert time.monotonic() - begun < 5, "not ten times the time of the store"
    assert llm.stats().failures == 1


def test_file_that_is_no_database_fails_no_call(connect, make_sqlite, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ana, " * 500)
    llm = CachingLLMService(connect(), make_sqlite(path))
    assert llm.generate("Hi").text
    assert llm.stats().failures
    assert path.read_text().startswith("Dear Ana, ")


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
@pytest.mark.parametrize("form", ["sync", "asyncio", "trio"])
def test_example_moves_from_store_to_store_by_one_setting(
    kind, form, emulator, monkeypatch, tmp_path, request
):
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'answers.db'}"}
    if kind == "redis":
        urls["redis"] = request.getfixturevalue("redis_server").url
    monkeypatch.setenv("LLM_CACHE_URL", urls[kind])
    monkeypatch.setenv("GROQ_API_KEY", "any")
    monkeypatch.setenv("GROQ_BASE_URL", emulator.base_url("groq"))
    if form == "sync":
        assert importlib.import_module("examples._sync.caching").main()
    else:
        main = importlib.import_module("examples._async.caching").main
        assert anyio.run(main, backend=form)
    assert emulator.counts.requests == 2
