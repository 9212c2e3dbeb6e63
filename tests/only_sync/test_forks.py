"""A process that forks: parent and child each have their own connections."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from tests.processes import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

FORK = """
    import os, sys, traceback, warnings
    from llm_adapter import GroqAdapter

    def in_child(act):
        # The exit code of a child that does `act` and nothing else.
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    # Python warns of forks in a process that has threads.
    warnings.simplefilter("ignore", DeprecationWarning)
    llm = GroqAdapter("test-key", base_url=sys.argv[1], timeout=10)
"""


def test_a_child_opens_connections_of_its_own(emulator):
    run_program(
        FORK
        + """
    llm.generate("Parent")
    for number in range(3):
        assert in_child(lambda: llm.generate(f"Child {number}")) == 0
        llm.generate("Parent again")
    llm.close()
    """,
        emulator.base_url("groq"),
    )
    asked = {}
    for seen in emulator.seen:
        asked.setdefault(seen.json["messages"][0]["content"], []).append(
            seen.connection
        )
    assert asked["Parent again"] == asked["Parent"] * 3
    children = [asked[f"Child {number}"][0] for number in range(3)]
    assert len({*children, *asked["Parent"]}) == 4
    assert emulator.wait_for(lambda now: now.connections_open == 0)


def test_a_child_that_closes_the_service_leaves_the_parents_connection_alone(emulator):
    run_program(
        FORK
        + """
    llm.generate("Parent")
    assert in_child(llm.close) == 0
    llm.generate("Parent")
    def use_and_close():
        llm.generate("Child")
        llm.close()
    assert in_child(use_and_close) == 0
    llm.generate("Parent")
    llm.close()
    """,
        emulator.base_url("groq"),
    )
    assert emulator.counts.connections_opened == 2
    assert emulator.wait_for(lambda now: now.connections_open == 0)


def test_a_stream_of_the_parent_survives_a_child(emulator):
    run_program(
        FORK
        + """
    with llm.stream("Parent") as stream:
        next(stream)
        assert in_child(lambda: llm.generate("Child")) == 0
        assert in_child(stream.close) == 0
        rest = "".join(stream.text())
    assert stream.response.text.endswith(rest)
    llm.close()
    """,
        emulator.base_url("groq"),
    )


def test_a_process_may_fork_while_its_threads_call(emulator):
    run_program(
        FORK
        + """
    import threading
    # A fork while another thread imports deadlocks in Python itself: import first.
    llm.generate("Parent")
    stop = threading.Event()
    failed = []
    def calls():
        while not stop.is_set():
            try:
                llm.generate("Thread")
            except BaseException as error:
                failed.append(error)
    threads = [threading.Thread(target=calls) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        assert in_child(lambda: llm.generate("Child")) == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed
    llm.close()
    """,
        emulator.base_url("groq"),
    )
    assert emulator.wait_for(lambda now: now.connections_open == 0)


def test_connections_of_a_parent_are_let_go(emulator, connect, monkeypatch):
    llm = connect()
    llm.generate("Parent")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    llm.generate("Child")
    gc.collect()
    assert emulator.counts.connections_opened == 2
    assert emulator.wait_for(lambda now: now.connections_open == 1)


def test_multiprocessing_workers_share_a_service(emulator):
    run_program(
        """
    import multiprocessing, sys, warnings
    from llm_adapter import GroqAdapter

    warnings.simplefilter("ignore", DeprecationWarning)
    llm = GroqAdapter("test-key", base_url=sys.argv[1], timeout=10)
    def call(number):
        return llm.generate("Worker").text
    llm.generate("Parent")
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(call, range(20)))) == 1
    llm.generate("Parent")
    llm.close()
    """,
        emulator.base_url("groq"),
    )
    assert emulator.counts.requests == 22
