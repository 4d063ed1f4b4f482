"""Reads CPU time, memory and a description of the machine from the kernel."""

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("granian", "Flask", "Authlib", "ldap3", "SQLAlchemy")


def family(root: int) -> list[int]:
    """The process `root` and its children."""
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    return [root, *(pid for child in children for pid in family(int(child)))]


def cpu_seconds(root: int) -> float:
    """CPU that a process and its children have used so far."""
    return sum(_cpu(Path(f"/proc/{pid}/stat")) for pid in family(root))


def thread_cpu(pid: int) -> dict[int, float]:
    """CPU seconds that each thread of one process has used so far, by the thread's number."""
    return {int(task.name): _cpu(task / "stat") for task in Path(f"/proc/{pid}/task").iterdir()}


def private_megabytes(pid: int) -> float:
    """The proportional set size of a process: its own memory, and its part of shared memory (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def resident_megabytes(pid: int) -> float:
    """The resident set size of a process, with the memory that it shares (RSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def described() -> str:
    """The machine and the versions, as one sentence."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores of {cpu}, shared by the directory, the load and the server; "
        f"Python {platform.python_version()}, {packages}, SQLite {sqlite3.sqlite_version}, {_slapd()}"
    )


def _slapd() -> str:
    output = subprocess.run(["/usr/sbin/slapd", "-VV"], capture_output=True, text=True, check=False).stderr
    words = output.split("slapd ")
    return f"slapd {words[1].split()[0]}" if len(words) > 1 else "slapd"


def _cpu(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
