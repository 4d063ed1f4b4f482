"""Workers are not pinned where a service manager or a container already controls their CPUs."""

import os
from pathlib import Path

import pytest

from serving.cpu_affinity import is_wanted

NOTHING: dict[str, str] = {}


class Machine:
    """The files in which a kernel describes CPUs and control groups. This process may use all CPUs."""

    def __init__(self, root: Path) -> None:
        self.groups = root / "cgroup"
        self.cpus = root / "cpu"
        self.own = root / "own"
        self.groups.mkdir()
        self.cpus.mkdir()
        self.cpus.joinpath("online").write_text("0-3\n")
        self.own.write_text("0::/system.slice/netid.service\n")

    def limit(self, group: str, file: str, content: str) -> None:
        """Write a file of a group."""
        folder = self.groups / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content)

    def pins(self, setting: str = "auto", environ: dict[str, str] = NOTHING) -> bool:
        """Whether workers are pinned here."""
        return is_wanted(
            setting,  # type: ignore[arg-type]
            environ,
            cgroups=self.groups,
            own_cgroups=self.own,
            cpus=self.cpus,
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with four CPUs, and no limits."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    return Machine(tmp_path)


def test_auto_pins_where_nothing_controls_cpus(machine: Machine) -> None:
    """A group without a quota and without a list of CPUs is no control (cgroups(7))."""
    machine.limit("system.slice/netid.service", "cpu.max", "max 100000\n")
    machine.limit("system.slice/netid.service", "cpuset.cpus", "\n")
    machine.limit("system.slice/netid.service", "cpuset.cpus.effective", "0-3\n")
    assert machine.pins()


@pytest.mark.parametrize("group", ["system.slice/netid.service", "system.slice", "."])
@pytest.mark.parametrize(("file", "content"), [("cpu.max", "200000 100000\n"), ("cpuset.cpus", "0-1\n")])
def test_auto_does_not_pin_under_a_limit_of_any_group_above(
    machine: Machine, group: str, file: str, content: str
) -> None:
    """A unit or a slice may have a quota or a list of CPUs; a container has its limit at its root."""
    machine.limit("system.slice/netid.service", "cpu.max", "max 100000\n")
    machine.limit(group, file, content)
    assert not machine.pins()


def test_limit_of_another_group_does_not_count(machine: Machine) -> None:
    """Only the groups that this process is in limit it."""
    machine.limit("system.slice/other.service", "cpu.max", "200000 100000\n")
    assert machine.pins()


def test_auto_does_not_pin_a_process_with_an_affinity(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systemd's `CPUAffinity=` leaves the process fewer CPUs than the machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert not machine.pins()


def test_auto_does_not_pin_under_kubernetes(machine: Machine) -> None:
    """The CPU manager of a node assigns CPUs to containers itself."""
    assert not machine.pins(environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_auto_pins_if_the_kernel_shows_no_cpus(machine: Machine) -> None:
    """Files that are missing or unreadable are no limit."""
    machine.own.unlink()
    machine.cpus.joinpath("online").write_bytes(b"\xff")
    assert machine.pins()


@pytest.mark.parametrize(("setting", "pins"), [("on", True), ("off", False)])
def test_operators_choice_wins(machine: Machine, setting: str, *, pins: bool) -> None:
    """`on` pins under a limit too, and `off` never does."""
    machine.limit(".", "cpu.max", "200000 100000\n")
    assert machine.pins(setting, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) is pins


def test_group_outside_the_namespace_is_not_read(machine: Machine, tmp_path: Path) -> None:
    """A process outside its namespace's root has a path with `..`; the root counts for it."""
    machine.own.write_text("0::/../../other\n")
    tmp_path.joinpath("cpu.max").write_text("100 100000\n")
    assert machine.pins()
