"""How programs of these tests fork."""

from __future__ import annotations

FORK = """
    import os, signal, sys, threading, traceback, warnings
    from llm_adapter.caches import *

    def in_child(act):
        # The exit code of a child that does `act` and nothing else.
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        status = 1
        try:
            signal.alarm(20)
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    # Python warns of forks in a process that has threads.
    warnings.simplefilter("ignore", DeprecationWarning)
"""
