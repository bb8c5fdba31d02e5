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
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import IO
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.model import Flat, Record, Reject
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.memory import keep_memory

READY = b"ready"
LENGTH = struct.Struct("<q")
PIPE_BYTES = 1 << 20  # what an unprivileged process may have on Linux; small pieces cost a switch each

# Requests of a thousand tasks, 6 MB each:
MOST_SENT = 2  # what the helper works on, and what it begins at once after that
MOST_WAITING = 2  # so much is enough: the one who would hand over more has time itself

PATIENCE = 60.0  # seconds for what takes a fifth of one: then the helper is stopped, or worse

Head = tuple[str, str | None, str | None]  # id, space token, agent handle
Request = tuple[str, list[Head], list[bytes]]  # kind, heads, payloads


def usable_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class FlattenProcess:
    """A helper process, with a thread that hands it records and one that takes its answers."""

    def __init__(self, zone: ZoneInfo) -> None:
        """Starts the process; it takes half a second until it `is_ready`."""
        self.zone = zone
        self.is_ready = False
        self._is_lost = False
        self._waiting: deque[Ticket] = deque()
        self._sent: deque[Ticket] = deque()  # and not answered
        self._changed = threading.Condition()  # whoever adds a ticket knows whether anybody will answer it
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(  # noqa: S603  ourselves
                [sys.executable, "-m", __name__, zone.key],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=PIPE_BYTES,
                pipesize=PIPE_BYTES,
            )
        except OSError:
            self._is_lost = True
            return
        for work in (self._hand_over, self._collect):
            threading.Thread(target=work, args=[self._process], name="unpod-sync-helper", daemon=True).start()

    @property
    def is_free(self) -> bool:
        """Whether handing records over is better than flattening them oneself."""
        return not self._is_lost and len(self._waiting) < MOST_WAITING

    def submit(self, kind: str, records: Sequence[Record]) -> Ticket:
        """Puts records where the helper takes them from. Never blocks."""
        heads = [(record.id, record.space_token, record.agent_handle) for record in records]
        ticket = Ticket(self, (kind, heads, [record.payload for record in records]))
        with self._changed:
            if not self._is_lost:
                self._waiting.append(ticket)
                self._changed.notify_all()
                return ticket
        ticket.answer(None)
        return ticket

    def relieve(self) -> None:
        """Flattens here, the last ones first, what the helper has not been given yet."""
        while True:
            with self._changed:
                if not self._waiting:
                    return
                ticket = self._waiting.pop()
            flat = None
            try:
                flat = ticket.flatten()
            finally:
                ticket.answer(flat)

    def take_back(self, ticket: Ticket) -> bool:
        """Whether the helper has not been given this, and now will not be."""
        with self._changed:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            return True

    def close(self) -> None:
        """Ends the process; whoever asks for what it still has flattens that himself."""
        with self._changed:
            self.is_ready, self._is_lost = False, True
            left = [*self._sent, *self._waiting]
            self._sent.clear()
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in left:
            ticket.answer(None)
        if self._process is not None:
            self._process.kill()

    def _hand_over(self, process: subprocess.Popen[bytes]) -> None:
        pipe = process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError), pipe:
            while (ticket := self._next()) is not None:
                kind, heads, payloads = ticket.request
                _send(pipe, pickle.dumps((kind, heads, list(map(len, payloads)))))
                pipe.writelines(payloads)
                pipe.flush()
        self.close()

    def _next(self) -> Ticket | None:
        """What the helper is to have next, once it has little; None when it has gone."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_lost or (self.is_ready and self._waiting and len(self._sent) < MOST_SENT)
            )
            if self._is_lost:
                return None
            ticket = self._waiting.popleft()
            self._sent.append(ticket)
            return ticket

    def _collect(self, process: subprocess.Popen[bytes]) -> None:
        pipe = process.stdout
        assert pipe is not None
        with contextlib.suppress(OSError, EOFError, ValueError, pa.ArrowException), pipe:
            is_ready = _exactly(pipe, len(READY)) == READY
            with self._changed:
                self.is_ready = is_ready and not self._is_lost
                self._changed.notify_all()
            while True:
                flat = _unpack(_receive(pipe))
                with self._changed:
                    if self._is_lost:
                        break
                    ticket = self._sent.popleft()
                    self._changed.notify_all()
                ticket.answer(flat)
        self.close()
        process.wait()


class Ticket:
    """Records under way in a `FlattenProcess`."""

    def __init__(self, helper: FlattenProcess, request: Request) -> None:
        """Somebody will `answer`, once."""
        self.request = request
        self._helper = helper
        self._answer: queue.SimpleQueue[Flat | None] = queue.SimpleQueue()

    def answer(self, flat: Flat | None) -> None:
        """Brings the result; None when the helper will not."""
        self._answer.put(flat)

    def result(self) -> Flat:
        """What flattening gave, waited for where the helper has it. To be asked for once."""
        if self._helper.take_back(self):
            return self.flatten()
        try:
            flat = self._answer.get(timeout=PATIENCE)
        except queue.Empty:
            self._helper.close()
            flat = None
        return self.flatten() if flat is None else flat

    def flatten(self) -> Flat:
        """The same, done here."""
        return _flatten(self.request, self._helper.zone)


def _flatten(request: Request, zone: ZoneInfo) -> Flat:
    kind, heads, payloads = request
    records = [
        Record(kind, id_, space, agent, {}, payload, "")
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
    requests: queue.Queue[Request | None] = queue.Queue(MOST_SENT)
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
