"""Samples which Python code holds the GIL of a process, by py-spy from another process."""

import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Frames from the outermost to the innermost: a function's name and its file.
Stack = tuple[tuple[str, str], ...]
_FRAME = re.compile(r"^(.*) \((.*?)(?::\d+)?\)$")
_THREAD = re.compile(r"^thread \((\d+)\)")
_LONG = "3600"
_RATE = 250


@dataclass(frozen=True, slots=True)
class Samples:
    """The number of samples of each stack that held the GIL, and the ids of the threads that held it."""

    stacks: Counter[Stack]
    threads: frozenset[int]

    @property
    def seconds(self) -> float:
        """The seconds for which the GIL was held."""
        return self.stacks.total() / _RATE


def sampled(pid: int, action: Callable[[], None]) -> Samples:
    """Sample a process while a function runs.

    Args:
        pid: the process id.
        action: the function, which puts load on the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "stacks"
        command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid)]
        options = ["--gil", "--threads", "--format", "raw", "--full-filenames", "--output", str(output)]
        spy = subprocess.Popen(
            [*command, *options, "--rate", str(_RATE), "--duration", _LONG],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        action()
        spy.send_signal(signal.SIGINT)
        spy.wait(30)
        lines = output.read_text().splitlines()
    stacks: Counter[Stack] = Counter()
    threads = set()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        found = _THREAD.match(thread)
        if found and frames:
            threads.add(int(found[1]))
            stacks[tuple(_frame(each) for each in frames)] += int(count)
    return Samples(stacks, frozenset(threads))


def _frame(text: str) -> tuple[str, str]:
    found = _FRAME.match(text)
    return (found[1], found[2]) if found else (text, "")
