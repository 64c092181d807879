"""Anchors as Azure keeps them: written once, listed in order, read back, and compared by the verifier."""

import pytest
from django.utils import timezone

from audit.anchors import anchor_moved_chains, anchors_of
from audit.standalone.verify_audit import BrokenError
from audit.trail import record
from audit.verbs import Verb
from audit.verification import prove
from governance import storage
from governance.storage import LOGS
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.audit.trails import tenant_named


@pytest.fixture
def contoso(db: None, blobs: str) -> Tenant:
    """A tenant whose chain was anchored three times."""
    tenant = tenant_named("contoso")
    for _ in range(3):
        with entered(Scope.of(tenant.id)):
            record(Verb.TENANT_PAUSED, tenant_id=tenant.id, target=tenant)
        assert anchor_moved_chains(timezone.now()) == (1, 0)
    return tenant


def test_the_anchors_of_a_chain_are_found_in_order(contoso: Tenant) -> None:
    found = anchors_of(str(contoso.id))

    assert [(anchor.number, anchor.sequence) for anchor in found] == [(1, 1), (2, 2), (3, 3)]
    assert prove(contoso.id).unanchored == 0


def test_an_anchor_that_is_gone_is_missed(contoso: Tenant) -> None:
    folder = f"anchors/{contoso.id}"
    storage.delete(LOGS, f"{folder}/{storage.names(LOGS, folder)[1]}")

    with pytest.raises(BrokenError):
        prove(contoso.id)


def test_a_chain_without_anchors_has_none(contoso: Tenant) -> None:
    assert anchors_of("no-chain") == []
    with pytest.raises(FileNotFoundError):
        storage.read(LOGS, "anchors/no-chain/1.json")
