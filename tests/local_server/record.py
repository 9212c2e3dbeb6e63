"""Records what a llama.cpp server really sends, for the tests of the decoders.

Run as `python -m tests.local_server.record` where LLAMA_SERVER names the program. It
writes one file for each situation into tests/wire/transcripts_llama_cpp: `.json` for a
whole body, `.sse` for a stream, bytes as they came. `situations.json` beside them says
what was asked, and the status and headers of the answer.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.local_server import situations as asked
from tests.local_server.model import write_model
from tests.local_server.server import LlamaServer, launched, running
from tests.local_server.situations import Situation, streamed

_FOLDER = Path(__file__).parents[1] / "wire" / "transcripts_llama_cpp"


class Recorder:
    """Writes answers into the folder, and notes what was asked."""

    def __init__(self, models: Path) -> None:
        self._notes: dict[str, Mapping[str, Any]] = {}
        # A router tells its paths. They are the only bytes that are not as they came.
        self._paths = {
            os.environ["LLAMA_SERVER"].encode(): b"/opt/llama-server",
            str(models).encode(): b"/srv/models",
        }
        _FOLDER.mkdir(exist_ok=True)

    def record(self, server: LlamaServer, *situations: Situation) -> None:
        for situation in situations:
            self.keep(situation, ask(server, situation))

    def keep(self, situation: Situation, response: httpx.Response) -> None:
        streams = response.headers["content-type"] == "text/event-stream"
        name = f"{situation.name}.{'sse' if streams else 'json'}"
        (_FOLDER / name).write_bytes(self._without_paths(response.content))
        self._notes[name] = {
            "path": situation.path,
            "request": situation.readable(),
            "status": response.status_code,
            "headers": dict(response.headers),
        }
        print(f"{response.status_code} {name}")

    def _without_paths(self, content: bytes) -> bytes:
        for path, name in self._paths.items():
            content = content.replace(path, name)
        return content

    def close(self) -> None:
        notes = json.dumps(self._notes, indent=1, ensure_ascii=False)
        (_FOLDER / "situations.json").write_text(notes + "\n")


def ask(server: LlamaServer, situation: Situation) -> httpx.Response:
    """One request on a connection of its own."""
    url = server.url + situation.path
    headers = dict(situation.headers)
    if situation.body is None:
        return httpx.get(url, headers=headers)
    return httpx.post(url, content=situation.content(), headers=headers, timeout=60)


def _record_answers(recorder: Recorder, model: Path) -> None:
    with running(model, "-c", "2048") as server:
        recorder.record(server, *asked.ANSWERS, *asked.REFUSED, *asked.ONCE)
        recorder.record(server, *map(streamed, (*asked.ANSWERS, *asked.STREAMS)))


def _record_pings(recorder: Recorder, model: Path) -> None:
    with running(model, "-c", "60000", "--parallel", "1") as server:
        recorder.record(server, asked.PINGED)


def _record_errors_in_streams(recorder: Recorder, model: Path) -> None:
    """Two answers that share a context too small for both."""
    for situation in asked.BROKEN_OFF:
        with running(model, "-c", "256", "--parallel", "2", "--kv-unified") as server:
            other = threading.Thread(target=ask, args=(server, situation))
            other.start()
            recorder.record(server, situation)
            other.join()


def _record_loading(recorder: Recorder, model: Path) -> None:
    """The few milliseconds between listening and being ready."""
    for _ in range(100):
        with launched(model) as server:
            for response in _attempts(server, asked.LOADING):
                if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    recorder.keep(asked.LOADING, response)
                    return


def _attempts(server: LlamaServer, situation: Situation) -> Iterator[httpx.Response]:
    while True:
        with suppress(httpx.TransportError):
            response = ask(server, situation)
            yield response
            if response.is_success:
                return


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        model = models / "bigram.gguf"
        write_model(model)
        recorder = Recorder(models)
        _record_answers(recorder, model)
        with running(model, "-c", "512", "--embeddings", "--pooling", "mean") as server:
            recorder.record(server, *asked.EMBEDDED)
        with running(None, "--models-dir", str(models), "-c", "2048") as server:
            recorder.record(server, *asked.ROUTED)
        with running(model, "--api-key", "right") as server:
            recorder.record(server, *asked.KEYS)
        _record_errors_in_streams(recorder, model)
        _record_pings(recorder, model)
        _record_loading(recorder, model)
    recorder.close()


if __name__ == "__main__":
    main()
