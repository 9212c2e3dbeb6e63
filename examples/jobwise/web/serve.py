"""Serves JobWise on this machine, until Ctrl-C.

python -m examples.jobwise.web.serve fastapi                 against the emulator
python -m examples.jobwise.web.serve django --live openai    with OPENAI_API_KEY
python -m examples.jobwise.web.serve django --try            asks each endpoint once
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from llm_adapter import LLMConfigurationError, Settings
from llm_adapter.testing.emulator import Emulator, Seen

from ..live import KEYS, live_provider, reach_loopback_directly
from ..scenario import reply_to
from .trial import HEADERS, tried

SERVERS = {
    "fastapi": (
        *("uvicorn", "--fd", "{}", "--log-level", "warning"),
        "examples.jobwise.web.fastapi_app:app",
    ),
    "django": (
        *("gunicorn", "--bind", "fd://{}", "--log-level", "warning"),
        *("--threads", "8", "examples.jobwise.web.django_site.wsgi"),
    ),
}
"""Modules that serve, with their arguments; {} is a socket that listens already."""

PORT = 8000
PATIENCE = 60.0
"""Seconds for a start, and for an answer."""
END = 10.0
"""Seconds for answers that are on their way, when the server is to end."""

TRY = """\
Try:
  curl {url}/style/extract -H 'X-User-Id: mira' -H 'Content-Type: application/json' \\
    -d '{{"resume": "- Built a bridge.\\n- Slept."}}'
  curl {url}/content/rank -H 'X-User-Id: mira' -H 'Content-Type: application/json' \\
    -d '{{"resume": "- Built a bridge.\\n- Slept.", "job": "We build bridges."}}'
  curl {url}/usage -H 'X-User-Id: mira'
Ctrl-C ends it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, or try; 0 when all was right, 1 when something was not, 3 for no key."""
    options = _parser().parse_args(arguments)
    provider = _emulated() if options.live is None else _live(options.live)
    try:
        with provider as (said, place), _served(options, place) as (server, url):
            print(f"JobWise on {options.framework}, {said}: {url}", flush=True)
            if options.tried:
                return _try(url)
            print(TRY.format(url=url), flush=True)
            server.wait()
    except LLMConfigurationError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 3
    except (OSError, httpx.HTTPError) as error:
        print(f"Error: JobWise cannot be served: {error}", file=sys.stderr)
        print("Look above, or choose another --port.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    print("Error: the server has ended.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/jobwise", description="JobWise as a web application."
    )
    parser.add_argument("framework", choices=SERVERS)
    parser.add_argument(
        "--live",
        nargs="?",
        const="",
        metavar="PROVIDER",
        help=f"ask a provider itself, with your key: {', '.join(KEYS)}; "
        "LLM_PROVIDER when none is named, else groq",
    )
    parser.add_argument(
        "--port", type=int, help=f"{PORT} by default, and any free one with --try"
    )
    parser.add_argument(
        "--try", action="store_true", dest="tried", help="ask each endpoint once"
    )
    return parser


def _as_ctrl_c(*_: Any) -> None:
    raise KeyboardInterrupt


def _try(url: str) -> int:
    with httpx.Client(
        base_url=url, headers=HEADERS, timeout=PATIENCE, trust_env=False
    ) as client:
        return int(not tried(client, print))


# -- the provider ---------------------------------------------------------------------


@contextmanager
def _emulated() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An emulator, and how a server is started that knows nothing else."""
    reach_loopback_directly()

    def prepare(seen: Seen) -> None:
        emulator.script(reply_to(seen))

    with Emulator(on_request=prepare) as emulator, TemporaryDirectory() as directory:
        own = ("LLM_", "GROQ_", "OPENAI_", "ANTHROPIC_", "LOCAL_LLM_")
        known = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        environment = {
            **known,
            "LLM_PROVIDER": "groq",
            "GROQ_API_KEY": "demo-key",
            "GROQ_BASE_URL": emulator.base_url("groq"),
            "LLM_LEDGER_URL": f"sqlite:///{directory}/ledger.db",
            # Where gunicorn puts a socket of its own.
            "XDG_RUNTIME_DIR": directory,
        }
        # Where no .env is.
        yield "groq emulated", {"env": environment, "cwd": directory}


@contextmanager
def _live(named: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The provider itself, as it is set.

    Raises:
        LLMConfigurationError: no key, or a setting that cannot be used.
    """
    settings = Settings.from_env()
    provider = live_provider(named, settings)
    environment = {**os.environ, "LLM_PROVIDER": named or settings.provider}
    yield f"{provider} itself", {"env": environment, "cwd": None}


# -- the server -----------------------------------------------------------------------


@contextmanager
def _served(
    options: argparse.Namespace, place: Mapping[str, Any]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that answers, and its address.

    Raises:
        OSError: the port cannot be had.
        httpx.HTTPError: it has ended, or does not answer.
    """
    usual = 0 if options.tried else PORT
    port = usual if options.port is None else options.port
    with socket.create_server(("127.0.0.1", port)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = _started(SERVERS[options.framework], listener.fileno(), place)
    try:
        # The server alone has the socket now: when it dies, this fails at once.
        httpx.get(f"{url}/usage", headers=HEADERS, timeout=PATIENCE, trust_env=False)
        yield server, url
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(END)
        server.kill()


def _started(
    command: Sequence[str], listener: int, place: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    environment = {
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(),
        **place["env"],
        # It finds what we have found, wherever it starts.
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    return subprocess.Popen(
        [sys.executable, "-m", *(word.format(listener) for word in command)],
        env=environment,
        cwd=place["cwd"],
        pass_fds=[listener],
        # Ctrl-C is for us, who then end it.
        start_new_session=True,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    sys.exit(main())
