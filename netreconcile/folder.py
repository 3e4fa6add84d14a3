"""The folder of one libvirt host in netreconcile's state: safe files, and the lock of the one who may write.

Everything is opened relative to the folder's descriptor and without following links, and is readable by its owner only.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from netreconcile.errors import Busy, JournalFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

VARIABLE = "NETRECONCILE_STATE"
"""The environment variable that puts the state elsewhere."""

ROOTS = Path("/var/lib/netreconcile")
"""Where root keeps it."""

LOCK = "lock"
"""The lock of the one who may change the host."""
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_POLL = 0.1
_TAIL = 64 * 1024
_WHOLE = 2
"""With so many line breaks at the end of a file, what stands between the last two is a whole line."""
_LONGEST = 80


class Folder(NamedTuple):
    """The folder; it needn't exist to be read."""

    path: Path

    def names(self) -> list[str]:
        """Return the names of its files; none where it isn't there, or isn't ours to read. Raises JournalFailed."""
        with self._explained(), suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            return os.listdir(self.path)  # noqa: PTH208 -- names, not paths
        return []

    def read(self, name: str) -> str | None:
        """Return what the file holds, None where there is no such file. Raises JournalFailed."""
        if name not in self.names():
            return None
        with self._opened() as folder:
            try:
                descriptor = os.open(name, os.O_RDONLY | _OPEN, dir_fd=folder)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                return file.read()

    def last_line(self, name: str) -> str:
        """Return the last whole line of a file, empty where that is long or there is none. Raises JournalFailed."""
        with self._opened() as folder:
            try:
                descriptor = os.open(name, os.O_RDONLY | _OPEN, dir_fd=folder)
            except FileNotFoundError:
                return ""
            try:
                size = os.fstat(descriptor).st_size
                tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
            finally:
                os.close(descriptor)
        lines = tail.decode(errors="replace").split("\n")
        return lines[-2] if len(lines) > _WHOLE else ""

    def create(self, name: str, text: str, *, durable: bool = True) -> None:
        """The new file is there, if durable on disk, whole, or not there. Raises JournalFailed."""
        passing = f".{name}"
        with self._opened() as folder:
            with suppress(FileNotFoundError):
                os.unlink(passing, dir_fd=folder)
            descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=folder)
            try:
                _write(descriptor, text)
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
            if durable:
                os.fsync(folder)

    def append(self, name: str, text: str, *, durable: bool) -> None:
        """The text is at the end of the file; if durable, on disk. Raises JournalFailed."""
        with self._opened() as folder:
            descriptor = os.open(name, os.O_RDWR | os.O_APPEND | _OPEN, dir_fd=folder)
            try:
                size = os.fstat(descriptor).st_size
                whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
                if not whole:  # somebody was killed while writing, or the disk was full
                    _cut(descriptor, size)
                _write(descriptor, text)
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def size(self, name: str) -> int:
        """Return how many bytes the file has."""
        with suppress(OSError):
            return (self.path / name).lstat().st_size
        return 0

    def remove(self, name: str) -> None:
        """The file is gone. Raises JournalFailed."""
        with self._opened() as folder, suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    @contextmanager
    def locked(
        self, timeout: float, purpose: str, waiting: Callable[[str], None], *, lock: str = LOCK
    ) -> Generator[None]:
        """Hold the host's lock while the context lasts; the folder is there. `waiting` is told once who holds it.

        Raises Busy when somebody else still has it after so many seconds, JournalFailed.
        """
        self._ensure()
        with self._opened() as folder:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | _OPEN, 0o600, dir_fd=folder)
        try:
            with self._explained():
                _lock(descriptor, timeout, waiting)
            with suppress(OSError):  # a full disk doesn't keep anybody from taking something back
                os.ftruncate(descriptor, 0)
                holder = f"{purpose}, process {os.getpid()}, since {time.strftime('%F %T %Z')}\n"
                os.pwrite(descriptor, holder.encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _ensure(self) -> None:
        """The folder is there, and those above it."""
        with self._explained():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def _opened(self) -> Generator[int]:
        """Yield a descriptor of the folder, which nobody else can write to. Turns OSError into JournalFailed."""
        with self._explained():
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _OPEN)
            try:
                status = os.fstat(folder)
                if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    msg = (
                        f"others could write to {self.path}, so it is not used. If it is yours: "
                        f"chown {os.geteuid()} {self.path} && chmod 700 {self.path}"
                    )
                    raise JournalFailed(msg)
                yield folder
            finally:
                os.close(folder)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Turn OSError into JournalFailed."""
        try:
            yield
        except OSError as error:
            raise _failed(self.path, error) from error


def folder_of(uri: str) -> Folder:
    """Return the folder of the host that the URI leads to; different drivers and users of one host share it.

    Raises UsageError.
    """
    given = os.environ.get(VARIABLE)
    if given:
        state = Path(given)
        if not state.is_absolute():
            msg = f"{VARIABLE} must be an absolute path, not {given!r}"
            raise UsageError(msg)
    elif os.geteuid() == 0:
        state = ROOTS
    else:
        home = os.environ.get("XDG_STATE_HOME", "")
        try:
            state = (Path(home) if home.startswith("/") else Path.home() / ".local/state") / "netreconcile"
        except (
            RuntimeError
        ):  # a user without a home, as containers have: nothing can be kept, but hosts can be looked at
            state = ROOTS
    return Folder(state / _key(uri))


def _key(uri: str) -> str:
    """Return a file name for the host: its name and libvirt's instance, and a digest for what that doesn't tell."""
    try:
        parts = urlsplit(uri)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        msg = f"{uri} is no URI of a libvirt host: {error}"
        raise UsageError(msg) from error
    driver = parts.scheme.partition("+")[0]
    name = (parts.hostname or "localhost") + port + parts.path
    rest = sorted((key, *values) for key, values in parse_qs(parts.query).items() if key in ("socket", "mode"))
    if driver not in ("qemu", "network"):
        name = f"{driver}-{name}"
    plain = _ODD.sub("-", name).strip("-.")[:_LONGEST]
    if not rest and name.count("/") == 1 and plain == name.replace("/", "-"):
        return plain
    return f"{plain}-{hashlib.sha256(repr((name, rest)).encode()).hexdigest()[:8]}"


def _lock(descriptor: int, timeout: float, waiting: Callable[[str], None]) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        else:
            return
        holder = os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "another run"
        if time.monotonic() >= deadline:
            raise Busy(holder)
        if not told:
            waiting(holder)
            told = True
        time.sleep(_POLL)


def _write(descriptor: int, text: str) -> None:
    content = memoryview(text.encode(errors="surrogateescape"))
    while content:
        content = content[os.write(descriptor, content) :]


def _cut(descriptor: int, size: int) -> None:
    """The file ends with its last whole line."""
    content = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, content.rfind(b"\n") + 1)


def _failed(path: Path, error: OSError) -> JournalFailed:
    elsewhere = f"; {VARIABLE} names another place" if error.errno in (errno.EACCES, errno.EROFS, errno.ENOSPC) else ""
    link = " (it is a link)" if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink() else ""
    return JournalFailed(f"can't keep the journal in {path}{link}: {error.strerror or error}{elsewhere}")
