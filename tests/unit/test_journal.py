"""The journal tells what a change wanted, how far it came, and what became of it; whatever is in its files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile import entry as records
from netreconcile import journal as module
from netreconcile.entry import Begun, Closed, Done, Ended, Entry, Mending, Status, snapshot_records
from netreconcile.errors import JournalFailed, UsageError
from netreconcile.folder import Folder
from netreconcile.journal import ALWAYS, KEPT, LOG, Journal, held, who
from netreconcile.observed import ABSENT, Guest, Observed, state_of
from netreconcile.record import NetworkRecord
from tests.unit.examples import GUEST, header, host, network, there

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Line = Begun | Done | Mending | Ended | Closed
BRIDGED = Guest("db", "52:54:00:00:00:98", by_bridge=True)
NET = there(network(), network(mtu=1400), guests=(GUEST, BRIDGED))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal, and the lock for it."""
    folder = Folder(tmp_path / "state" / "host")
    with folder.locked(0, "a test", lambda _: None):
        yield Journal(folder)


def begun(name: str = "net", *, stops: bool = False, undo: bool = False) -> Begun:
    return Begun(network=name, step=f"{name}: {'stop' if stops else 'define'}", stops=stops, undo=undo)


def done(name: str = "net", state: str = "after", outcome: str = "done") -> Done:
    return Done(network=name, outcome=outcome, message="", state=state)


def ended(status: Status, **values: Any) -> Ended:
    return Ended(status=status, when=1_700_000_001.0, **values)


def mended(*, done: bool = True) -> Mending:
    return Mending(network="low", finding="bridge.up", actions=("ip link set br1 up",), done=done)


def closed(status: Status) -> Closed:
    return Closed(status=status, when=1_700_000_002.0)


def entry(*lines: Line, number: int = 1, before: dict[str, Observed | None] | None = None, **values: Any) -> Entry:
    return Entry(number, header({"net": NET} if before is None else before, **values), lines)


def add(journal: Journal, *lines: Line, **values: Any) -> int:
    """Return the number of a new entry of the journal with the lines."""
    writing = journal.begin(header({"net": NET}, **values))
    for line in lines:
        writing.add(line)
    return writing.number


def applied(journal: Journal) -> int:
    return add(journal, begun(), done(), ended(Status.APPLIED))


# -- what has become of an entry


@pytest.mark.parametrize(
    ("lines", "status", "pending"),
    [
        ((), Status.UNFINISHED, True),
        ((begun(),), Status.UNFINISHED, True),
        ((begun(), done()), Status.UNFINISHED, True),
        ((ended(Status.UNCONFIRMED),), Status.UNCONFIRMED, True),
        ((ended(Status.APPLIED),), Status.APPLIED, False),
        ((ended(Status.PARTLY),), Status.PARTLY, False),
        ((begun(undo=True), done(), ended(Status.ROLLED_BACK)), Status.ROLLED_BACK, False),
        ((ended(Status.UNDONE),), Status.UNDONE, False),
        ((ended(Status.UNCONFIRMED), closed(Status.APPLIED)), Status.APPLIED, False),
        ((ended(Status.UNCONFIRMED), begun(undo=True)), Status.UNCONFIRMED, True),
        ((ended(Status.UNCONFIRMED), begun(undo=True), done(), closed(Status.UNDONE)), Status.UNDONE, False),
        ((ended(Status.APPLIED), closed(Status.UNDONE)), Status.UNDONE, False),
        ((begun(), closed(Status.CONTINUED)), Status.CONTINUED, False),
        ((mended(),), Status.UNFINISHED, True),
        ((mended(), ended(Status.APPLIED)), Status.APPLIED, False),
        ((mended(), mended(done=False), ended(Status.APPLIED)), Status.PARTLY, False),
        ((mended(done=False), ended(Status.ROLLED_BACK)), Status.ROLLED_BACK, False),
    ],
)
def test_the_last_word_is_the_status(
    journal: Journal, lines: tuple[Line, ...], status: Status, *, pending: bool
) -> None:
    number = add(journal, *lines)
    found = journal.entry(number)
    assert found.status is status
    assert found.needs_somebody is pending
    assert journal.pending() == (found if pending else None)


def test_an_entry_is_read_as_it_was_written(journal: Journal) -> None:
    wanted = header({"net": NET, "new": None}, continues=3, left={"net": "state"}, stopped=("net",), undoes=2)
    lines = (begun(stops=True), done(), ended(Status.UNCONFIRMED, confirm_until=1_700_000_100.0), closed(Status.UNDONE))
    writing = journal.begin(wanted)
    for line in lines:
        writing.add(line)
    assert journal.entries() == (Entry(1, wanted, lines),)
    assert journal.entry(1).snapshot == {"net": NET, "new": None}
    assert not journal.unreadable


def test_the_snapshot_keeps_all_that_brings_a_network_back() -> None:
    transient, defined = there(None, network(), guests=(GUEST,)), there(network(), autostart=False)
    unreadable = replace(defined, config_xml="<network>", config=None, mark=None)
    kept = {"a": replace(transient, name="a"), "b": replace(defined, name="b"), "c": None}
    found = entry(before=kept).snapshot
    assert found == kept
    assert entry(before={"net": unreadable}).snapshot["net"] != defined
    assert "can't be read" in str(entry(before={"net": unreadable}).snapshot["net"])


def test_names_that_are_not_unicode_are_kept_as_what_they_look_like(journal: Journal) -> None:
    number = journal.begin(header(files=("\udcff.yaml",), who="\udcff")).number
    assert journal.entry(number).header.files == ("\\udcff.yaml",)


# -- how far it came


def test_what_was_begun_is_in_flight_until_it_is_done() -> None:
    assert entry().in_flight == set()
    assert entry(begun()).in_flight == {"net"}
    assert entry(begun(), done()).in_flight == set()
    assert entry(begun(), done(), ended(Status.APPLIED)).in_flight == set()
    both: dict[str, Observed | None] = {"net": NET, "other": None}
    assert entry(begun(), done(), begun("other"), before=both).in_flight == {"other"}
    assert entry(begun(), begun("other"), before=both).in_flight == {"net", "other"}
    assert entry(begun(), begun("other"), done(), before=both).in_flight == {"other"}


def test_only_what_was_begun_has_a_state() -> None:
    both: dict[str, Observed | None] = {"net": NET, "other": None, "third": None}
    assert entry(before=both).states == {}
    assert entry(begun(), before=both).states == {"net": NET.state}
    assert entry(begun("other"), before=both).states == {"other": ABSENT}
    assert entry(begun(), done(state="one"), begun("other"), before=both).states == {"net": "one", "other": ABSENT}
    assert entry(begun(), done(state="one"), begun(), done(state="two"), before=both).states == {"net": "two"}


def test_what_was_mended_is_of_the_networks_that_it_is_about_and_has_no_state_to_go_back_to() -> None:
    found = entry(mended(), before={"net": NET})
    assert found.networks == ("low", "net")
    assert found.states == {}


def test_what_was_taken_over_from_an_earlier_entry_has_the_state_that_it_was_left_in() -> None:
    continued: dict[str, Any] = {"continues": 1, "left": {"net": "left"}}
    assert entry(**continued).states == {"net": "left"}
    assert entry(begun(), **continued).states == {"net": "left"}
    assert entry(begun(), done(state="after"), **continued).states == {"net": "after"}


def test_what_somebody_else_has_changed_since_is_theirs() -> None:
    now = there(network(mtu=9000))
    left = host(now)
    assert entry(begun(), done(state=now.state)).left_alone_since(left) == {"net": NET}
    assert entry(begun(), done(state="another")).left_alone_since(left) == {}
    assert entry().left_alone_since(left) == {}, "it wasn't touched"
    assert entry(begun(), done(state=now.state)).left_alone_since(host()) == {}, "somebody has removed it"
    assert entry(begun(), done(state=ABSENT)).left_alone_since(host()) == {"net": NET}


def test_what_is_in_flight_may_be_in_any_state() -> None:
    assert entry(begun()).left_alone_since(host(there(network(mtu=9000)))) == {"net": NET}
    assert entry(begun(), done(state="x"), begun()).left_alone_since(host()) == {"net": NET}


def test_who_was_on_a_network_that_was_taken_down_is_known() -> None:
    assert entry(begun(), done()).stopped == {}
    assert entry(begun(stops=True)).stopped == {"net": (GUEST, BRIDGED)}
    assert entry(stopped=("net",)).stopped == {"net": (GUEST, BRIDGED)}
    assert entry(begun("new", stops=True), before={"new": None}).stopped == {}


def test_each_step_has_its_end() -> None:
    stop, start, back = begun(stops=True), begun(), begun(undo=True)
    assert entry(stop, done(), start).steps == ((stop, done()), (start, None))
    assert entry(stop, start, done()).steps == ((stop, None), (start, done()))
    assert entry(start, ended(Status.UNCONFIRMED), back, done()).steps == ((start, None), (back, done()))
    assert entry(done()).steps == ()
    other, both = begun("other"), {"net": NET, "other": None}
    assert entry(start, other, done(), before=both).steps == ((start, done()), (other, None))
    assert entry(start, other, done("other"), before=both).steps == ((start, None), (other, done("other")))


def test_an_entry_with_many_networks_reads_each_of_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"n{number}" for number in range(50)]
    found = entry(*(line for name in names for line in (begun(name), done(name))), before=dict.fromkeys(names, NET))
    reads = iter(names)
    monkeypatch.setattr(NetworkRecord, "network", lambda *_: next(reads) and NET)
    assert len(found.states) == len(names)


# -- which one needs somebody


def test_the_newest_pending_entry_is_the_one(journal: Journal) -> None:
    assert journal.pending() is None
    add(journal, begun())
    second = add(journal, ended(Status.UNCONFIRMED))
    applied(journal)
    pending = journal.pending()
    assert pending
    assert pending.number == second


def test_each_topology_has_its_own_pending_entry(journal: Journal) -> None:
    first, second = add(journal, begun()), add(journal, begun(), topology="other")
    applied(journal)
    found = {name: journal.pending(name) for name in ("lab", "other", "third", None)}
    assert {name: pending and pending.number for name, pending in found.items()} == {
        "lab": first,
        "other": second,
        "third": None,
        None: second,
    }


def test_what_is_settled_is_not_read_for_that(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of a large host takes long to read, and there are many."""
    for status in Status:
        add(journal, begun(), done(), ended(status))
    for status in (Status.UNDONE, Status.APPLIED, Status.CONTINUED):
        add(journal, ended(Status.UNCONFIRMED), closed(status))
    long = add(journal, ended(Status.ROLLED_BACK, message="x" * 100_000))
    read = list[int]()

    def parsed(number: int, text: str) -> Entry:
        read.append(number)
        return real(number, text)

    real = records.parsed
    monkeypatch.setattr(module, "parsed", parsed)
    pending = journal.pending()
    assert pending
    assert pending.status is Status.UNCONFIRMED
    assert set(read) >= {long, pending.number}
    assert pending.number == 1 + list(Status).index(Status.UNCONFIRMED)


def test_an_entry_that_is_being_continued_is_not_pending(journal: Journal) -> None:
    """Between the new entry and the word in the old one the process may die."""
    first = add(journal, begun())
    second = add(journal, continues=first)
    found = journal.pending()
    assert found
    assert found.number == second
    journal.reopened(found).add(ended(Status.APPLIED))
    assert journal.pending() is None


# -- files


def path(journal: Journal, number: int) -> Path:
    return journal.folder.path / f"{number}.jsonl"


@pytest.mark.parametrize(
    "torn", ["{", '{"record":"done","network":"net"', "\udcff", '{"record":"ended","status":"applied"']
)
def test_a_line_that_was_cut_short_is_none(journal: Journal, torn: str) -> None:
    number = add(journal, begun())
    with path(journal, number).open("ab") as file:
        file.write(torn.encode(errors="surrogateescape"))
    found = journal.entry(number)
    assert found.lines == (begun(),)
    journal.reopened(found).add(done())
    assert journal.entry(number).lines == (begun(), done())


HEADER = json.loads(header({"net": NET}).model_dump_json())
DEEP = "[" * 200_000
WRONG: dict[str, str] = {
    "empty": "",
    "no JSON": "hello\n",
    "a number": "1\n",
    "a list": "[]\n",
    "half a header": '{"command": "apply"}\n',
    "deep": f"{DEEP}\n",
    "deep in the plan": json.dumps(HEADER).replace('"impact"', f'"deep": {DEEP}{"]" * 200_000}, "impact"') + "\n",
    "huge": f'{{"command": "{"x" * 10_000_000}"}}\n',
    "a huge number": json.dumps(HEADER).replace("1700000000.0", "9" * 5000) + "\n",
    "no time": json.dumps({**HEADER, "when": 1e300}) + "\n",
    "another version": json.dumps({**HEADER, "format_version": 2}) + "\n",
    "a list for a mapping": json.dumps({**HEADER, "before": []}) + "\n",
    "a text for a network": json.dumps({**HEADER, "before": {"net": "x"}}) + "\n",
    "a network left that has no snapshot": json.dumps({**HEADER, "left": {"other": "x"}}) + "\n",
    "not UTF-8": json.dumps(HEADER).replace("lab.yaml", "\udcff") + "\n",
    "garbage between the lines": f"{json.dumps(HEADER)}\ngarbage\n{done().model_dump_json()}\n",
    "an empty line": f"{json.dumps(HEADER)}\n\n{done().model_dump_json()}\n",
    "a line of another kind": f'{json.dumps(HEADER)}\n{{"record": "dreamt"}}\n',
    "a deep line": f"{json.dumps(HEADER)}\n{DEEP}\n",
    "a deep value in a line": f'{json.dumps(HEADER)}\n{{"record": "begun", "network": {DEEP}\n',
    "a status that there isn't": f'{json.dumps(HEADER)}\n{{"record": "ended", "status": "fine", "when": 1}}\n',
    "a step on a network that has no snapshot": f"{json.dumps(HEADER)}\n{begun('other').model_dump_json()}\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_an_entry_that_cannot_be_read_is_told_and_spoils_no_other(journal: Journal, text: str) -> None:
    first, second, third = (applied(journal) for _ in range(3))
    path(journal, second).write_bytes(text.encode(errors="surrogateescape"))
    assert [found.number for found in journal.entries()] == [third, first]
    (told,) = journal.unreadable
    assert told.startswith(f"entry 2 of the journal can't be read: {path(journal, second)}: ")
    assert len(told.splitlines()) == 1
    assert len(told) < 600
    with pytest.raises(JournalFailed, match="can't be read"):
        journal.entry(second)
    assert journal.pending() is None
    assert applied(journal) == 4


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_no_garbage_is_more_than_unreadable(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    whole = f"{json.dumps(HEADER)}\n{begun().model_dump_json()}\n{done().model_dump_json()}\n".encode()
    folder = Folder(tmp_path_factory.getbasetemp() / "garbage")
    with folder.locked(0, "a test", lambda _: None):
        (folder.path / "1.jsonl").write_bytes(whole[:at] + junk + whole[at:])
        try:
            found = Journal(folder).entry(1)
        except JournalFailed:
            return
    assert found.states.keys() <= {"net"}
    assert found.left_alone_since(host()).keys() <= {"net"}


def test_an_entry_that_there_is_not_comes_with_those_that_are(journal: Journal) -> None:
    with pytest.raises(UsageError, match=r"no entry 7; the journal is empty"):
        journal.entry(7)
    for _ in range(3):
        applied(journal)
    with pytest.raises(UsageError, match=r"no entry 7; entries are 1 to 3"):
        journal.entry(7)


def test_what_is_no_entry_is_left_alone(journal: Journal) -> None:
    names = ["x.jsonl", "0.jsonl", "007.jsonl", "-1.jsonl", "1.jsonl.bak", ".x.jsonl", "٣.jsonl", "999.log", " 6.jsonl"]
    for name in names:
        (journal.folder.path / name).write_text("precious")
    assert journal.entries() == ()
    assert [applied(journal) for _ in range(KEPT + 3)] == list(range(1, KEPT + 4))
    assert {(journal.folder.path / name).read_text() for name in names} == {"precious"}


def test_an_entry_that_goes_while_others_are_read_is_no_trouble(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(journal)
    applied(journal)
    names = journal.folder.names()
    path(journal, 1).unlink()
    monkeypatch.setattr(Folder, "names", lambda _: names)
    assert [found.number for found in journal.entries()] == [2]
    assert not journal.unreadable


# -- what is kept


def numbers(journal: Journal) -> list[int]:
    return [found.number for found in journal.entries()]


def test_the_newest_are_kept_and_numbers_keep_rising(journal: Journal) -> None:
    for number in range(1, KEPT + 4):
        assert applied(journal) == number
        (journal.folder.path / f"{number}{LOG}").touch()
    assert numbers(journal) == list(range(KEPT + 3, 3, -1))
    logs = {int(name.removesuffix(LOG)) for name in journal.folder.names() if name.endswith(LOG)}
    assert logs == set(numbers(journal))


def test_what_still_needs_somebody_is_kept_however_old_it_is(journal: Journal) -> None:
    unfinished, unconfirmed = add(journal, begun()), add(journal, ended(Status.UNCONFIRMED))
    settled = applied(journal)
    for _ in range(KEPT + 5):
        applied(journal)
    assert {unfinished, unconfirmed} <= set(numbers(journal))
    assert settled not in numbers(journal)
    assert len(numbers(journal)) == KEPT + 2
    for number in (unfinished, unconfirmed):
        journal.reopened(journal.entry(number)).add(closed(Status.UNDONE))
    applied(journal)
    assert len(numbers(journal)) == KEPT


def test_large_entries_are_kept_as_long_as_they_fit(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 10 * journal_size(journal))
    for _ in range(20):
        applied(journal)
    assert ALWAYS < len(numbers(journal)) <= 11
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    last = applied(journal)
    assert numbers(journal) == list(range(last, last - ALWAYS - 1, -1))


def journal_size(journal: Journal) -> int:
    return journal.folder.size(f"{applied(journal)}.jsonl")


def test_old_entries_that_cannot_be_read_go_like_others(journal: Journal) -> None:
    path(journal, applied(journal)).write_text("garbage")
    for _ in range(KEPT):
        applied(journal)
    assert 1 not in numbers(journal)
    assert not journal.unreadable


# -- what must not be applied again

SAME = header().digest


@pytest.mark.parametrize(
    ("values", "lines", "is_held"),
    [
        ({}, (ended(Status.UNDONE),), True),
        ({}, (ended(Status.APPLIED), closed(Status.UNDONE)), True),
        ({"plan": {"needs_consent": True}}, (ended(Status.ROLLED_BACK),), True),
        ({"plan": {"needs_consent": False}}, (ended(Status.ROLLED_BACK),), False),
        ({"plan": {"needs_consent": "yes"}}, (ended(Status.ROLLED_BACK),), False),
        ({"plan": {}}, (ended(Status.ROLLED_BACK),), False),
        ({}, (ended(Status.APPLIED),), False),
        ({}, (ended(Status.PARTLY),), False),
        ({}, (ended(Status.UNCONFIRMED),), False),
        ({}, (), False),
        ({}, (closed(Status.CONTINUED),), False),
        ({"digest": "another"}, (ended(Status.UNDONE),), False),
        ({"topology": "another"}, (ended(Status.UNDONE),), False),
        ({"command": "destroy"}, (ended(Status.UNDONE),), False),
        ({"command": "rollback 1", "digest": "", "undoes": 1}, (ended(Status.UNDONE),), False),
    ],
)
def test_a_topology_is_held_if_it_was_taken_back_or_cut_guests_off_in_vain(
    values: dict[str, Any], lines: tuple[Line, ...], *, is_held: bool
) -> None:
    found = entry(*lines, **values)
    assert held([found], "lab", SAME) == (found if is_held else None)


def test_only_the_newest_apply_of_the_topology_holds_it() -> None:
    taken_back = entry(ended(Status.UNDONE))
    others = [
        entry(ended(Status.APPLIED), topology="another"),
        entry(ended(Status.UNDONE), command="destroy"),
        entry(ended(Status.APPLIED), command="rollback 1", digest="", undoes=1),
    ]
    assert held([*others, taken_back], "lab", SAME) == taken_back
    assert held([entry(ended(Status.APPLIED), digest="another"), taken_back], "lab", SAME) is None
    assert held([entry(ended(Status.APPLIED)), taken_back], "lab", SAME) is None
    assert held([], "lab", SAME) is None


# -- the rest


def test_who_names_the_user_behind_sudo_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert who() == "root on here"
    monkeypatch.setenv("SUDO_USER", "me")
    assert who() == "me as root on here"

    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", unknown)
    monkeypatch.setattr("os.getuid", lambda: 4242)
    assert who() == "me as uid 4242 on here"


def test_a_snapshot_says_which_networks_were_not_there() -> None:
    assert snapshot_records({"net": None}) == {"net": None}
    assert state_of(None) == ABSENT
