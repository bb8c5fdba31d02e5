"""Flattening in a process of its own, so that a long first load uses a second core.

One interpreter computes in one thread at a time, and flattening takes a third of its time. The
helper gets payloads through a pipe and answers in their order with Arrow's stream format, which is
read without a copy. It ends when its input does, however the parent died, and whatever happens to
it costs only time: the parent has the payloads and flattens them itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import accumulate
from typing import IO
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.flatten.table import flatten
from unpod_sync.jsontext import decode
from unpod_sync.memory import keep_memory
from unpod_sync.model import Flat, Record, Reject

READY = b"ready"
LENGTH = struct.Struct("<q")
PIPE_BYTES = 1 << 20  # what an unprivileged process may have on Linux; small pieces cost a switch each

BUSY = 5  # requests not collected yet: so much is enough, the one who would hand over more has time itself
AHEAD = 3  # requests of a thousand tasks, 6 MB each, that the helper has read and not begun

Head = tuple[str, str | None, str | None]  # id, space token, agent handle
Request = tuple[str, list[Head], list[bytes]]  # kind, heads, payloads


def usable_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class FlattenProcess:
    """A helper process. `submit` and `Ticket.result` may be called from two threads, in one order."""

    def __init__(self, zone: ZoneInfo) -> None:
        """Starts the process; it takes half a second until it `is_ready`."""
        self.zone = zone
        self.is_ready = False
        self._is_lost = False
        self._sent = self._collected = 0  # each counted by one thread alone
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603  ourselves
                [sys.executable, "-m", __name__, zone.key],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=PIPE_BYTES,
                pipesize=PIPE_BYTES,
            )
            threading.Thread(target=self._await_ready, name="unpod-sync-helper", daemon=True).start()

    @property
    def is_free(self) -> bool:
        """Whether handing records over is better than flattening them oneself."""
        return self.is_ready and self._sent - self._collected < BUSY

    def submit(self, kind: str, records: Sequence[Record]) -> Ticket:
        """Hands records over; blocks while the helper has as much as it reads ahead."""
        heads = [(record.id, record.space_token, record.agent_handle) for record in records]
        payloads = [record.payload for record in records]
        is_sent = False
        if self.is_ready:
            try:
                self._send(kind, heads, payloads)
                is_sent = True
                self._sent += 1
            except (OSError, ValueError):
                self.is_ready = False
            except BaseException:
                self.is_ready = False  # half a request is in the pipe: nothing can follow it
                raise
        return Ticket(self, (kind, heads, payloads), is_sent=is_sent)

    def _send(self, kind: str, heads: list[Head], payloads: list[bytes]) -> None:
        assert self._process is not None and self._process.stdin is not None
        pipe = self._process.stdin
        _send(pipe, pickle.dumps((kind, heads, list(map(len, payloads)))))
        pipe.writelines(payloads)
        pipe.flush()

    def receive(self) -> Flat:
        """The next answer. Raises OSError when the helper has gone."""
        if self._is_lost or self._process is None or self._process.stdout is None:
            raise OSError("the helper has gone")
        self._collected += 1
        try:
            return _unpack(_receive(self._process.stdout))
        except (OSError, EOFError, ValueError, pa.ArrowException) as error:
            self.is_ready, self._is_lost = False, True  # what follows would answer something else
            raise OSError("the helper has gone") from error

    def close(self) -> None:
        """Ends the process; what it still has is dropped."""
        process, self._process, self.is_ready = self._process, None, False
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()
        # Its memory takes 40 ms to be given back: nobody waits for that.
        threading.Thread(target=process.wait, name="unpod-sync-helper-end", daemon=True).start()

    def _await_ready(self) -> None:
        process = self._process
        if process is not None and process.stdout is not None:
            with contextlib.suppress(OSError, ValueError):
                self.is_ready = process.stdout.read(len(READY)) == READY


class Ticket:
    """Records under way in a `FlattenProcess`."""

    def __init__(self, helper: FlattenProcess, request: Request, *, is_sent: bool) -> None:
        """`is_sent`: the helper has them; otherwise they are flattened where the result is asked for."""
        self._helper = helper
        self._request = request
        self._is_sent = is_sent

    def result(self) -> Flat:
        """What flattening gave. Ask for the results in the order of the submissions."""
        if self._is_sent:
            with contextlib.suppress(OSError):
                return self._helper.receive()
        return _flatten(self._request, self._helper.zone)


def _flatten(request: Request, zone: ZoneInfo) -> Flat:
    kind, heads, payloads = request
    records = [
        Record(kind, id_, space, agent, decode(payload), b"", "")
        for (id_, space, agent), payload in zip(heads, payloads, strict=True)
    ]
    return flatten(kind, records, zone)


def _send(pipe: IO[bytes], message: bytes | pa.Buffer) -> None:
    pipe.write(LENGTH.pack(len(message)))
    pipe.write(message)


def _receive(pipe: IO[bytes]) -> bytes:
    (length,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    read = pipe.read(length)
    if len(read) < length:
        raise EOFError
    return read


def _pack(flat: Flat) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    head = pickle.dumps((flat.messages is not None, [dataclasses.astuple(one) for one in flat.rejects]))
    _send(sink, head)
    for table in (flat.rows, flat.messages):
        if table is not None:
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
    return sink.getvalue()


def _unpack(packed: bytes) -> Flat:
    source = pa.BufferReader(packed)
    has_messages, rejects = pickle.loads(_receive(source))  # noqa: S301  our own child wrote it
    rows = pa.ipc.open_stream(source).read_all()
    messages = pa.ipc.open_stream(source).read_all() if has_messages else None
    return Flat(rows, messages, [Reject(*fields) for fields in rejects])


def serve(zone: ZoneInfo, source: IO[bytes], target: IO[bytes]) -> None:
    """The helper: flattens what comes until the input ends, and answers in the same order.

    Reading and answering have threads of their own. Answers wait in memory and not in the pipe: a
    helper that waited to be read would read no more, and its parent would wait for it for ever.
    """
    requests: queue.Queue[Request | None] = queue.Queue(AHEAD)
    answers: queue.SimpleQueue[pa.Buffer | None] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                kind, heads, lengths = pickle.loads(_receive(source))  # noqa: S301  our parent wrote it
                payloads = _exactly(source, sum(lengths))
                ends = list(accumulate(lengths))
                cuts = zip([0, *ends], ends, strict=False)
                requests.put((kind, heads, [payloads[start:end] for start, end in cuts]))
        requests.put(None)

    def answer() -> None:
        with contextlib.suppress(OSError):
            while (packed := answers.get()) is not None:
                _send(target, packed)
                target.flush()

    threads = [threading.Thread(target=work, daemon=True) for work in (read, answer)]
    for thread in threads:
        thread.start()
    while (request := requests.get()) is not None:
        answers.put(_pack(_flatten(request, zone)))
    answers.put(None)
    threads[1].join()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    gc.disable()  # decoded JSON has no cycles
    keep_memory()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    with open(0, "rb", buffering=PIPE_BYTES, closefd=False) as source:
        serve(ZoneInfo(sys.argv[1]), source, sys.stdout.buffer)
