"""Interrupts wait for the end of a block, and none is lost."""

from __future__ import annotations

import signal
import threading

import pytest

from unpod_sync.sync.interrupts import NUMBERS, uninterrupted

pytestmark = pytest.mark.usefixtures("signal_handlers")


def interrupt(number: int, frame: object) -> None:
    """What the command line does at SIGTERM."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("number", NUMBERS)
def test_an_interrupt_comes_when_the_block_is_left(number: signal.Signals) -> None:
    for one in NUMBERS:
        signal.signal(one, interrupt)
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            signal.raise_signal(number)
            steps.append("inner")
        steps.append("outer")
    assert steps == ["inner", "outer"]
    assert [signal.getsignal(one) for one in NUMBERS] == [interrupt, interrupt]


def test_an_ignored_signal_is_ignored_and_hides_no_other() -> None:
    """So it is for SIGINT in a command that a shell runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupt)
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)


def test_another_thread_leaves_signals_alone() -> None:
    found = []

    def look() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
