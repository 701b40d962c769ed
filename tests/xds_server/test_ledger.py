"""Who was sent what, and what they said to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from xds_server.ledger import KEPT_ENTRIES, KEPT_STATES, Entry, Event, Ledger

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_an_entry_is_one_line_whatever_the_client_says() -> None:
    entry = Ledger(now=lambda: NOON).record("n1", Event.NACK, "LDS", version="v1", detail="bad:\n  port")
    assert str(entry) == "2030-01-01T12:00:00.000+00:00 n1 LDS v1 NACK: bad: port"


def test_a_client_without_a_name_has_a_dash() -> None:
    assert str(Ledger(now=lambda: NOON).record("", Event.OPENED)).split()[1:] == ["-", "OPENED"]


def test_an_entry_as_json_leaves_out_what_is_empty() -> None:
    entry = Ledger(now=lambda: NOON).record("n1", Event.ACK, "CDS", version="v1", nonce="3")
    assert json.loads(entry.json()) == {
        "time": "2030-01-01T12:00:00.000+00:00",
        "node": "n1",
        "event": "ACK",
        "type": "CDS",
        "version": "v1",
        "nonce": "3",
    }


def test_a_refusal_stands_until_something_newer_is_accepted() -> None:
    ledger = Ledger()
    ledger.record("n", Event.ACK, "CDS", version="v1")
    ledger.record("n", Event.SENT, "CDS", version="v2")
    ledger.record("n", Event.NACK, "CDS", version="v2", detail="no")
    state = ledger.state("n", "CDS")
    assert state.nack is not None
    assert (state.acked_version, state.sent_version, state.nack.detail) == ("v1", "v2", "no")
    ledger.record("n", Event.ACK, "CDS", version="v3")
    assert ledger.state("n", "CDS").nack is None


def test_the_ledger_is_bounded_and_forgets_the_oldest() -> None:
    ledger = Ledger()
    for index in range(KEPT_ENTRIES + 10):
        ledger.record(f"n{index}", Event.ACK, "CDS", version="v")
    assert len(ledger.entries) == KEPT_ENTRIES
    assert len(ledger.states) == KEPT_STATES
    assert ledger.state("n0", "CDS").acked_version == ""
    assert ledger.state(f"n{KEPT_ENTRIES + 9}", "CDS").acked_version == "v"


def test_the_listener_hears_each_entry() -> None:
    heard: list[Entry] = []
    entry = Ledger(heard.append).record("n", Event.OPENED)
    assert heard == [entry]
