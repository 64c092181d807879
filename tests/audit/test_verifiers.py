"""Both verifiers find every change up to the last anchor: in an exported trail, and in the rows of the database."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from audit.anchors import anchor_moved_chains
from audit.export import anchors, trail
from audit.models import AuditChain
from audit.standalone import verify_audit
from audit.standalone.verify_audit import (
    BrokenError,
    Record,
    canonical,
    checked_anchors,
    digest,
    parsed,
    read_anchors,
    verify_trail,
)
from audit.trail import PLATFORM, Actor, acting_as, record, record_concerning
from audit.verbs import Verb
from audit.verification import prove
from governance import storage
from governance.actors import ActorKind
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.audit.trails import tenant_named
from tests.flush import lifted_triggers

ALICE = Actor(ActorKind.PERSON, "1", "älice@contoso.example", "a-request", "192.0.2.1")
EVENTS, ANCHORED = 12, 9
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def logs(settings: Any, tmp_path: Path) -> Path:
    """A container for the anchors of this test alone."""
    settings.STORAGES = {**settings.STORAGES, **storage.aliases(tmp_path)}
    return tmp_path / "logs"


@pytest.fixture
def contoso(db: None, logs: Path) -> Tenant:
    """A tenant whose chain was anchored twice, and went on."""
    tenant = tenant_named("contoso")
    with acting_as(ALICE), entered(Scope.of(tenant.id)):
        for number in range(1, EVENTS + 1):
            record(Verb.TAG_RULE_CHANGED, tenant_id=tenant.id, target=tenant, before={"n": number}, after={"é": number})
            if number in {5, ANCHORED}:
                anchor_moved_chains(timezone.now())
    return tenant


@pytest.fixture
def exported(contoso: Tenant) -> tuple[list[bytes], bytes]:
    """The trail of contoso as lines, and its anchors."""
    return list(trail([contoso.id])), b"".join(anchors([contoso.id]))


def verified(lines: list[bytes], anchor_lines: bytes, folder: Path) -> list[verify_audit.Proof]:
    """What the stand-alone verifier proves of these files."""
    (folder / "anchors.jsonl").write_bytes(anchor_lines)
    return verify_trail(b"".join(lines).splitlines(keepends=True), read_anchors(folder / "anchors.jsonl"))


def test_an_exported_trail_is_proved_and_what_is_unanchored_is_named(
    exported: tuple[list[bytes], bytes], tmp_path: Path
) -> None:
    lines, anchor_lines = exported

    [proof] = verified(lines, anchor_lines, tmp_path)

    first_unanchored = parsed(lines[ANCHORED][:-1])
    assert (proof.events, proof.anchors, proof.anchored_sequence) == (EVENTS, 2, ANCHORED)
    assert (proof.unanchored, proof.unanchored_since) == (EVENTS - ANCHORED, first_unanchored["at"])


def test_it_works_without_the_product(exported: tuple[list[bytes], bytes], tmp_path: Path) -> None:
    lines, anchor_lines = exported
    (tmp_path / "trail.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "anchors.jsonl").write_bytes(anchor_lines)
    (tmp_path / "forged.jsonl").write_bytes(b"".join(lines).replace(b"lice@contoso", b"lice@fabrika"))
    alone = [sys.executable, "-I", "-S", verify_audit.__file__]

    def run(*arguments: str) -> tuple[int, str]:
        answer = subprocess.run([*alone, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        return answer.returncode, answer.stdout

    status, words = run("trail.jsonl", "--anchors", "anchors.jsonl")
    assert (status, "12 events, unbroken. Anchored up to event 9" in words) == (0, True), words
    assert "unanchored: 3 events since" in words
    status, words = run("trail.jsonl")
    assert (status, "No anchors were given" in words) == (0, True)
    status, words = run("forged.jsonl", "--anchors", "anchors.jsonl")
    assert (status, "event 1: its content is not what its hash says" in words) == (1, True), words
    assert run("nowhere.jsonl")[0] == 2


@MANY
@given(data=st.data())
def test_any_single_bit_of_the_export_or_its_anchors_counts(
    exported: tuple[list[bytes], bytes], tmp_path: Path, data: st.DataObject
) -> None:
    lines, anchor_lines = exported
    parts = [b"".join(lines[:-1]), lines[-1], anchor_lines]
    part = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, len(parts[part]) * 8 - 1))
    parts[part] = flipped(parts[part], bit)

    with pytest.raises(BrokenError):
        verified(parts[:2], parts[2], tmp_path)


def flipped(content: bytes, bit: int) -> bytes:
    """The content with this bit turned round."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_single_bit_of_the_last_anchor_counts(exported: tuple[list[bytes], bytes], contoso: Tenant) -> None:
    *before, last = [line for line in exported[1].splitlines() if line]

    for bit in range(len(last) * 8):
        with pytest.raises(BrokenError):
            checked_anchors(str(contoso.id), [*before, flipped(last, bit)])


@MANY
@given(data=st.data())
def test_a_line_that_is_left_out_repeated_or_moved_is_found(
    exported: tuple[list[bytes], bytes], tmp_path: Path, data: st.DataObject
) -> None:
    lines, anchor_lines = exported
    change = data.draw(st.sampled_from(["leave out", "repeat", "move"]))
    place = data.draw(st.integers(0, EVENTS))
    other = data.draw(st.integers(0, EVENTS))
    changed = list(lines)
    if change == "leave out":
        del changed[place]
    elif change == "repeat":
        changed.insert(other, lines[place])
    else:
        assume(place != other)
        changed.insert(other, changed.pop(place))

    with pytest.raises(BrokenError):
        verified(changed, anchor_lines, tmp_path)


@MANY
@given(data=st.data())
def test_a_chain_made_anew_with_right_hashes_contradicts_its_anchors(
    exported: tuple[list[bytes], bytes], tmp_path: Path, data: st.DataObject
) -> None:
    lines, anchor_lines = exported
    records = [parsed(line[:-1]) for line in lines[:-1]]
    place = data.draw(st.integers(0, ANCHORED - 1))
    change = data.draw(st.sampled_from(["change", "delete", "insert", "swap"]))
    if change == "change":
        records[place]["actor"]["label"] = "mallory"
    elif change == "delete":
        del records[place]
    elif change == "insert":
        records.insert(place, {**records[place], "id": "forged"})
    else:
        assume(place < ANCHORED - 1)
        records[place], records[place + 1] = records[place + 1], records[place]

    with pytest.raises(BrokenError) as found:
        verified(made_anew(records), anchor_lines, tmp_path)

    assert found.value.sequence <= ANCHORED
    assert "anchor" in found.value.what


def made_anew(records: list[Record]) -> list[bytes]:
    """The lines of a chain whose every hash is right, as somebody makes it who knows the form."""
    previous, lines = verify_audit.GENESIS, []
    for sequence, one in enumerate(records, 1):
        one.update(sequence=sequence, previous=previous)
        one["hash"] = previous = digest(one)
        lines.append(f"{canonical(one)}\n".encode())
    heads = {records[0]["chain"]: {"sequence": len(records), "hash": previous}}
    return [*lines, f"{canonical({'format': 1, 'heads': heads})}\n".encode()]


def test_what_was_made_anew_after_the_last_anchor_is_not_found_but_named_as_unanchored(
    exported: tuple[list[bytes], bytes], tmp_path: Path
) -> None:
    lines, anchor_lines = exported
    records = [parsed(line[:-1]) for line in lines[:-1]]
    records[ANCHORED]["actor"]["label"] = "mallory"

    [proof] = verified(made_anew(records), anchor_lines, tmp_path)

    assert proof.unanchored == EVENTS - ANCHORED


# --- the rows of the database ---

COLUMNS = {
    "sequence": "1000 + sequence",
    "verb": "'x'",
    "outcome": "'x'",
    "reason": "'x'",
    "actor_kind": "'x'",
    "actor_id": "'x'",
    "actor_label": "'x'",
    "target_type": "'x'",
    "target_id": "'x'",
    "target_label": "'x'",
    "before": "''",
    "after": """'{"x":1}'""",
    "request_id": "'x'",
    "address": "'x'",
    "previous": "'x'",
    "hash": "'x'",
    "format": "2",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("column", [*COLUMNS, "chain", "tenant_id", "at", "id"])
def test_any_changed_column_is_found_and_the_event_named(column: str, contoso: Tenant) -> None:
    value = COLUMNS.get(column)
    if value is None:
        value = {"at": "(SELECT MIN(at) FROM audit_logs)", "tenant_id": "NULL"}.get(column, f"'{UUID(int=5).hex}'")

    with lifted_triggers():
        connection.cursor().execute(f'UPDATE audit_logs SET "{column}" = {value} WHERE sequence = 7')

    with pytest.raises(BrokenError) as found:
        prove(contoso.id)
    assert found.value.sequence == 7


@pytest.mark.django_db(transaction=True)
@SOME
@given(data=st.data())
def test_any_single_bit_of_a_row_counts(contoso: Tenant, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(["before", "after", "actor_label", "hash", "previous", "target_label", "verb"]))
    sequence = data.draw(st.integers(1, EVENTS))
    with lifted_triggers(), transaction.atomic(), connection.cursor() as cursor:
        where = "WHERE sequence = %s"
        cursor.execute(f'SELECT "{column}" FROM audit_logs {where}', [sequence])
        text = str(cursor.fetchone()[0]).encode()
        bit = data.draw(st.integers(0, len(text) * 8 - 1))
        changed = flipped(text, bit)
        assume(_is_text(changed))
        cursor.execute(f'UPDATE audit_logs SET "{column}" = %s {where}', [changed.decode(), sequence])

        with pytest.raises(BrokenError) as found:
            prove(contoso.id)

        transaction.set_rollback(True)
    assert found.value.sequence in {sequence, sequence + 1}


def _is_text(text: bytes) -> bool:
    try:
        return "\x00" not in text.decode()
    except UnicodeDecodeError:
        return False


FORGERIES = {
    "deleted in the middle": ["DELETE FROM audit_logs WHERE sequence = 4"],
    "the first is deleted": ["DELETE FROM audit_logs WHERE sequence = 1"],
    "the last is deleted": ["DELETE FROM audit_logs WHERE sequence = 12"],
    "the last is deleted and the head moved back": [
        "DELETE FROM audit_logs WHERE sequence > 8",
        "UPDATE audit_chains SET hash = (SELECT hash FROM audit_logs WHERE sequence = 8)",
        "UPDATE audit_chains SET sequence = 8, anchored_sequence = 8",
    ],
    "two change places": [
        "UPDATE audit_logs SET sequence = 100 WHERE sequence = 3",
        "UPDATE audit_logs SET sequence = 3 WHERE sequence = 4",
        "UPDATE audit_logs SET sequence = 4 WHERE sequence = 100",
    ],
    "the head is deleted": ["DELETE FROM audit_chains"],
    "all is deleted": ["DELETE FROM audit_logs", "DELETE FROM audit_chains"],
    "the head says less": ["UPDATE audit_chains SET sequence = 11"],
    "the head says another hash": ["UPDATE audit_chains SET hash = 'x'"],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_table_is_found(forgery: str, contoso: Tenant) -> None:
    assert prove(contoso.id).unanchored == EVENTS - ANCHORED

    with lifted_triggers(), connection.cursor() as cursor:
        for statement in FORGERIES[forgery]:
            cursor.execute(statement)

    with pytest.raises(BrokenError):
        prove(contoso.id)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_time_the_database_cannot_read_is_named(contoso: Tenant) -> None:
    with lifted_triggers():
        connection.cursor().execute("UPDATE audit_logs SET at = '2026-99-01 00:00:00' WHERE sequence = 6")

    with pytest.raises(BrokenError) as found:
        prove(contoso.id)

    assert found.value.sequence == 6


@pytest.mark.django_db(transaction=True)
def test_the_tenants_an_event_concerns_are_proved_with_it(contoso: Tenant) -> None:
    fabrikam = tenant_named("fabrikam")
    with entered(Scope.of(contoso.id, fabrikam.id)):
        record_concerning(Verb.EXPORT_MADE, [contoso.id, fabrikam.id])
    assert prove(PLATFORM).events == 1

    with lifted_triggers():
        connection.cursor().execute("DELETE FROM audit_log_tenants WHERE tenant_id = %s", [_stored(fabrikam.id)])

    with pytest.raises(BrokenError, match="the tenants it concerns"):
        prove(PLATFORM)


def _stored(key: UUID) -> str:
    return key.hex if connection.vendor == "sqlite" else str(key)


@pytest.mark.parametrize("change", ["bit", "gone", "first gone"])
def test_a_changed_anchor_is_found(contoso: Tenant, logs: Path, change: str) -> None:
    first, last = sorted((logs / "anchors" / str(contoso.id)).iterdir())
    if change == "bit":
        content = bytearray(first.read_bytes())
        content[30] ^= 1
        first.write_bytes(bytes(content))
    else:
        (last if change == "gone" else first).unlink()

    with pytest.raises(BrokenError):
        prove(contoso.id)


def test_a_chain_that_did_not_move_is_not_anchored_again(contoso: Tenant, logs: Path) -> None:
    assert anchor_moved_chains(timezone.now()) == (1, 0)
    before = sorted(path.name for path in (logs / "anchors" / str(contoso.id)).iterdir())

    assert anchor_moved_chains(timezone.now() + timedelta(hours=1)) == (0, 0)

    assert sorted(path.name for path in (logs / "anchors" / str(contoso.id)).iterdir()) == before
    assert len(before) == 3


def test_an_anchor_that_was_written_when_the_worker_died_is_taken_as_it_is(contoso: Tenant) -> None:
    anchor_moved_chains(timezone.now())
    with entered(Scope.of(contoso.id)):
        AuditChain.objects.update(anchored_sequence=ANCHORED)

    assert anchor_moved_chains(timezone.now()) == (1, 0)
    assert prove(contoso.id).unanchored == 0


def test_a_forged_head_contradicts_the_anchor_that_is_there(contoso: Tenant) -> None:
    anchor_moved_chains(timezone.now())
    with entered(Scope.of(contoso.id)):
        AuditChain.objects.update(anchored_sequence=ANCHORED, hash="f" * 64)

    assert anchor_moved_chains(timezone.now()) == (0, 1)
