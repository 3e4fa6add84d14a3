"""The folder of a host: nobody else can write to it, nothing in it is half-written, and one run has its lock."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netreconcile import folder as module
from netreconcile.errors import Busy, JournalFailed, UsageError
from netreconcile.folder import VARIABLE, Folder, folder_of

if TYPE_CHECKING:
    from collections.abc import Callable


def nobody_waits(holder: str) -> None:
    pytest.fail(f"waits for {holder}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder that is there."""
    made = Folder(tmp_path / "state" / "host")
    with made.locked(0, "a test", nobody_waits):
        pass
    return made


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o7777


# -- safe files


def test_folder_and_files_are_the_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = Folder(tmp_path / "above" / "state" / "host")
        with folder.locked(0, "a test", nobody_waits):
            folder.create("1.jsonl", "one\n")
    finally:
        os.umask(before)
    assert mode(folder.path) == mode(folder.path.parent) == 0o700
    assert {file.name: mode(file) for file in folder.path.iterdir()} == {"lock": 0o600, "1.jsonl": 0o600}


def test_a_folder_that_is_not_there_is_read_as_empty(tmp_path: Path) -> None:
    for folder in (Folder(tmp_path / "missing"), Folder(tmp_path / "file" / "below"), Folder(tmp_path / "file")):
        (tmp_path / "file").touch()
        assert folder.names() == []
        assert folder.read("1.jsonl") is None
        assert folder.size("1.jsonl") == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


WRITES: tuple[Callable[[Folder], object], ...] = (
    lambda folder: folder.create("2.jsonl", "two\n"),
    lambda folder: folder.append("1.jsonl", "more\n", durable=True),
    lambda folder: folder.remove("1.jsonl"),
    lambda folder: folder.read("1.jsonl"),
    lambda folder: folder.locked(0, "a test", nobody_waits).__enter__(),
)
IDS = ("create", "append", "remove", "read", "lock")


@pytest.mark.parametrize("write", WRITES, ids=IDS)
@pytest.mark.parametrize("wrong", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used(
    folder: Folder, write: Callable[[Folder], object], wrong: int
) -> None:
    folder.create("1.jsonl", "one\n")
    folder.path.chmod(wrong)
    with pytest.raises(JournalFailed, match=rf"others could write to {folder.path}.*chmod 700"):
        write(folder)
    assert (folder.path / "1.jsonl").read_text() == "one\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("write", WRITES, ids=IDS)
def test_a_folder_of_somebody_else_is_not_used(folder: Folder, write: Callable[[Folder], object]) -> None:
    folder.create("1.jsonl", "one\n")
    os.chown(folder.path, 12345, -1)
    with pytest.raises(JournalFailed, match=f"chown 0 {folder.path}"):
        write(folder)


@pytest.mark.parametrize("write", WRITES, ids=IDS)
def test_a_folder_that_is_a_link_is_not_used(folder: Folder, write: Callable[[Folder], object]) -> None:
    folder.create("1.jsonl", "one\n")
    link = Folder(folder.path.with_name("link"))
    link.path.symlink_to(folder.path)
    with pytest.raises(JournalFailed, match="is a link"):
        write(link)


def test_links_in_the_folder_are_not_followed(folder: Folder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (folder.path / "1.jsonl").symlink_to(victim)
    (folder.path / ".2.jsonl").symlink_to(victim)
    (folder.path / "lock").unlink()
    (folder.path / "lock").symlink_to(victim)
    with pytest.raises(JournalFailed, match="symbolic link"):
        folder.append("1.jsonl", "more\n", durable=False)
    with pytest.raises(JournalFailed, match="symbolic link"):
        folder.read("1.jsonl")
    with pytest.raises(JournalFailed, match="symbolic link"), folder.locked(0, "a test", nobody_waits):
        pass
    folder.create("2.jsonl", "two\n")
    assert folder.read("2.jsonl") == "two\n"
    folder.remove("1.jsonl")
    assert victim.read_text() == "precious\n"


def test_a_place_that_cannot_be_written_to_comes_with_another_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalFailed, match="can't keep the journal in"):
        Folder(tmp_path / "file" / "host").locked(0, "a test", nobody_waits).__enter__()
    full = module._failed(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert str(full) == f"can't keep the journal in {tmp_path}: No space left on device; {VARIABLE} names another place"


# -- nothing is half-written


def test_a_new_file_is_there_as_a_whole_or_not_at_all(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, text: str) -> None:
        os.write(descriptor, text[:3].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", full)
        with pytest.raises(JournalFailed, match="No space left"):
            folder.create("1.jsonl", "header\n")
    assert folder.read("1.jsonl") is None
    folder.create("1.jsonl", "header\n")
    assert folder.read("1.jsonl") == "header\n"
    assert sorted(folder.names()) == ["1.jsonl", "lock"]


def test_what_a_crash_left_is_replaced(folder: Folder) -> None:
    (folder.path / ".1.jsonl").write_text("hea")
    folder.create("1.jsonl", "header\n")
    assert folder.read("1.jsonl") == "header\n"
    assert sorted(folder.names()) == ["1.jsonl", "lock"]


@pytest.mark.parametrize("torn", ["", "{", '{"record": "beg', "\udcff"])
def test_a_line_that_was_cut_short_goes_before_the_next_one_comes(folder: Folder, torn: str) -> None:
    folder.create("1.jsonl", "header\nfirst\n")
    with (folder.path / "1.jsonl").open("ab") as file:
        file.write(torn.encode(errors="surrogateescape"))
    folder.append("1.jsonl", "second\n", durable=True)
    assert folder.read("1.jsonl") == "header\nfirst\nsecond\n"


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_added_is_behind_all_that_was_there(folder: Folder, durable: bool) -> None:  # noqa: FBT001 -- each
    folder.create("1.jsonl", "header\n")
    for number in range(3):
        folder.append("1.jsonl", f"{number}\n", durable=durable)
    assert folder.read("1.jsonl") == "header\n0\n1\n2\n"
    assert folder.size("1.jsonl") == len("header\n0\n1\n2\n")


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("header\nfirst\nsecond\n", "second"),
        ("header\nfirst\nsec", "first"),
        ("header\n", ""),
        ("header", ""),
        ("", ""),
        ("header\n" + "x" * 100_000 + "\n", ""),
        ("x" * 100_000 + "\nshort\n", "short"),
        ("header\n\udcff\n", "\ufffd"),
    ],
    ids=["two", "torn", "header", "half", "empty", "long", "short after long", "not UTF-8"],
)
def test_the_last_whole_line_is_read_alone(folder: Folder, text: str, last: str) -> None:
    (folder.path / "1.jsonl").write_bytes(text.encode(errors="surrogateescape"))
    assert folder.last_line("1.jsonl") == last
    assert folder.last_line("2.jsonl") == ""


def test_nothing_is_added_to_a_file_that_is_gone(folder: Folder) -> None:
    with pytest.raises(JournalFailed, match="No such file"):
        folder.append("1.jsonl", "more\n", durable=False)
    folder.remove("1.jsonl")
    assert folder.read("1.jsonl") is None


# -- one at a time


def refused(folder: Folder, timeout: float = 0, waiting: Callable[[str], None] = nobody_waits) -> Busy:
    """Return the error of somebody who wants the lock, too."""
    with pytest.raises(Busy) as caught, folder.locked(timeout, "the second", waiting):
        pass
    return caught.value


def test_the_lock_names_its_holder(folder: Folder) -> None:
    with folder.locked(0, "netreconcile apply", nobody_waits):
        error = refused(folder)
    assert error.holder.startswith(f"netreconcile apply, process {os.getpid()}, since 2")
    assert "--lock-timeout SECONDS waits for it. Nothing was changed." in str(error)
    assert error.exit_code == 75


def test_the_next_one_gets_the_lock_when_it_is_free(folder: Folder) -> None:
    told: list[str] = []
    held, waits = threading.Event(), threading.Event()

    def hold() -> None:
        with folder.locked(0, "the first", nobody_waits):
            held.set()
            assert waits.wait(30)

    def waiting(holder: str) -> None:
        told.append(holder)
        waits.set()

    first = threading.Thread(target=hold)
    first.start()
    assert held.wait(30)
    with folder.locked(60, "the second", waiting):
        assert len(told) == 1, "it is told once"
        assert told[0].startswith("the first")
    first.join()
    with folder.locked(0, "the third", nobody_waits):
        pass


def test_who_waits_in_vain_is_told_so(folder: Folder) -> None:
    told: list[str] = []
    with folder.locked(0, "the first", nobody_waits):
        assert refused(folder, 0.3, told.append).holder == told[0]
    assert len(told) == 1


def test_the_lock_of_a_process_that_was_killed_is_free(folder: Folder) -> None:
    code = (
        "import os, sys; from pathlib import Path; from netreconcile.folder import Folder\n"
        "with Folder(Path(sys.argv[1])).locked(0, 'doomed', print): print('held', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(module.__file__).parents[1],
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"doomed, process {process.pid}"), folder.locked(0, "next", nobody_waits):
            pass
        process.kill()
    with folder.locked(0, "next", nobody_waits):
        pass


def test_a_full_disk_keeps_nobody_from_the_lock(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with folder.locked(0, "the first", nobody_waits):
        assert refused(folder).holder == "another run"


def test_an_error_inside_is_not_the_folders(folder: Folder) -> None:
    with pytest.raises(FileNotFoundError), folder.locked(0, "a test", nobody_waits):
        raise FileNotFoundError


# -- which folder


SAME = (
    "qemu:///system",
    "network:///system",
    "qemu+unix:///system",
    "network+unix:///system",
    "qemu:///system?no_tty=1",
    "qemu://localhost/system",
)
DIFFERENT = (
    "qemu:///system",
    "qemu:///session",
    "qemu+ssh://host-a/system",
    "qemu+ssh://host-b/system",
    "qemu+ssh://host-a:2222/system",
    "qemu+ssh://host-a/session",
    "qemu:///system?socket=/run/one",
    "qemu:///system?socket=/run/two",
    "qemu+ssh://host-a/system?socket=/run/one",
    "qemu://host-a-system",
    "xen:///system",
    "test:///default",
    "test:///a/b",
    "test:///a-b",
    "test:///default?socket=/run/one",
    "qemu+ssh://[fd00::1]/system",
    "qemu+ssh://[fd00::2]/system",
)


def test_a_host_has_one_folder_whatever_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert {folder_of(uri).path for uri in SAME} == {tmp_path / "localhost-system"}
    assert folder_of("qemu+ssh://root@host-a/system").path == folder_of("qemu+tls://host-a/system").path


def test_every_other_host_has_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert len({folder_of(uri).path for uri in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    "uri",
    ["qemu://../system", "qemu://..", "qemu://.", "test:///../../etc", "/", "", "hail", f"test:///{'a' * 999}", "a\nb"],
)
def test_no_uri_leads_out_of_the_state(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    path = folder_of(uri).path
    assert path.parent == tmp_path
    assert path.resolve() == path
    assert len(path.name) < 100
    assert not path.name.startswith(".")
    with folder_of(uri).locked(0, "a test", nobody_waits):
        pass


@pytest.mark.parametrize("uri", ["qemu://host:99999/system", "qemu://host:x/system", "qemu://[fd00/system"])
def test_what_is_no_uri_is_wrong_usage(uri: str) -> None:
    with pytest.raises(UsageError, match="no URI of a libvirt host"):
        folder_of(uri)


@pytest.mark.parametrize(
    ("user", "variables", "expected"),
    [
        (0, {}, "/var/lib/netreconcile"),
        (0, {"XDG_STATE_HOME": "/xdg"}, "/var/lib/netreconcile"),
        (0, {VARIABLE: "/mnt/state"}, "/mnt/state"),
        (1000, {}, "/home/me/.local/state/netreconcile"),
        (1000, {"XDG_STATE_HOME": "/xdg"}, "/xdg/netreconcile"),
        (1000, {"XDG_STATE_HOME": "relative"}, "/home/me/.local/state/netreconcile"),
        (1000, {"XDG_STATE_HOME": ""}, "/home/me/.local/state/netreconcile"),
        (1000, {"XDG_STATE_HOME": "/xdg", VARIABLE: "/mnt/state"}, "/mnt/state"),
        (1000, {VARIABLE: ""}, "/home/me/.local/state/netreconcile"),
    ],
    ids=str,
)
def test_the_state_is_where_it_belongs(
    user: int, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (VARIABLE, "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert str(folder_of("qemu:///system").path.parent) == expected


def test_a_relative_place_for_the_state_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that waits for a confirmation would look for it elsewhere."""
    monkeypatch.setenv(VARIABLE, "state")
    with pytest.raises(UsageError, match="NETRECONCILE_STATE must be an absolute path, not 'state'"):
        folder_of("qemu:///system")


def test_a_user_without_a_home_has_no_journal_and_can_look_at_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(VARIABLE)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(Path, "home", homeless)
    folder = folder_of("qemu:///system")
    assert folder.path.parent == Path("/var/lib/netreconcile")
    assert (folder.names(), folder.read("1.jsonl")) == ([], None)
