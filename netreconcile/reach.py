"""Opens a connection to libvirt within a time limit, and keeps it from waiting for ever for a daemon that hangs.

The only module that imports libvirt, when a connection is opened, so that everything else works without it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any, cast

from netreconcile.errors import Unreachable

if TYPE_CHECKING:
    import libvirt

KEEPALIVE = (5, 3)
"""Seconds of silence after which the daemon is asked whether it is there, and how often it may leave that unanswered.

So a call to a daemon that hangs, or at the end of a dead line, fails after about 20 seconds (18 to 25 were seen).
"""
PULSE = 0.25
"""Seconds between two answers to the daemon, which asks the same of us (it hangs up after 30 seconds), and after which
somebody who listens hears of what has happened there.
"""
ROUNDS = 3
"""So many times in a row: what is left of closed connections goes only in a round in which nothing else is due."""

_NO_BINDING = """\
the Python binding of libvirt isn't installed: `apt install python3-libvirt` (for Debian's own Python), or
`pip install 'netreconcile[libvirt]'`, which builds it against libvirt's headers
(`apt install libvirt-dev pkg-config gcc python3-dev`)"""


@cache
def binding() -> Any:
    """Return the module `libvirt`, with which connections can be kept alive from now on. Raises Unreachable."""
    try:
        import libvirt
    except ImportError as error:
        raise Unreachable(_NO_BINDING) from error
    libvirt.registerErrorHandler(lambda *_: None, None)  # it would print every error to stderr
    libvirt.virEventRegisterDefaultImpl()
    libvirt.virEventAddTimeout(1, lambda *_: None, None)  # in milliseconds: no round waits longer
    Thread(target=_answer, args=(libvirt,), name="libvirt", daemon=True).start()
    return libvirt


def _answer(api: Any) -> None:
    """Answer the daemon while no call is on its way; during a call, libvirt does so itself.

    A thread that waits in libvirt's event loop wakes up twice in each call, which takes a third longer then.
    """
    while True:
        sleep(PULSE)
        for _ in range(ROUNDS):
            api.virEventRunDefaultImpl()


def reach(api: Any, uri: str, *, readonly: bool, timeout: float) -> libvirt.virConnect:
    """Return an open connection. Raises Unreachable, after `timeout` seconds at the latest.

    libvirt's open has no time limit and can't be interrupted, so it runs in a thread that can be left to itself. A
    connection that it makes when nobody waits for it any more is closed, because nothing refers to it.
    """
    answers: SimpleQueue[Any] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(api.openReadOnly(uri) if readonly else api.open(uri))
        except api.libvirtError as error:
            answers.put(error)

    Thread(target=run, name=f"open {uri}", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except Empty:
        raise _silent(uri, timeout, readonly=readonly) from None
    if isinstance(answer, api.libvirtError):
        raise _failed(uri, answer, readonly=readonly) from answer
    with suppress(api.libvirtError):  # drivers without a daemon have nobody to ask
        answer.setKeepAlive(*KEEPALIVE)
    return cast("libvirt.virConnect", answer)


def _silent(uri: str, timeout: float, *, readonly: bool) -> Unreachable:
    from netreconcile.advice import NO_ANSWER, Failure, explain

    return Unreachable(explain(Failure(uri, f"no answer within {timeout:g} s", NO_ANSWER), readonly=readonly))


def _failed(uri: str, error: libvirt.libvirtError, *, readonly: bool) -> Unreachable:
    import logging

    from netreconcile.advice import Failure, explain

    message = error.get_error_message() or str(error)
    logging.getLogger(__name__).debug("%s", message)
    numbers = error.get_error_code() or -1, error.get_error_domain() or -1, error.get_int1() or -1
    return Unreachable(explain(Failure(uri, message, *numbers), readonly=readonly))
