"""The API as a program sees it: signed-in clients of a contoso and a fabrikam that were read whole."""

import pytest

from governance.azure.simulator.server import Simulator
from tenants.models import Tenant, User
from tests.api.program import Program
from tests.conftest import sync


@pytest.fixture
def synced(azure: Simulator, contoso: Tenant, fabrikam: Tenant) -> Simulator:
    """The simulated Azure, after both tenants were read."""
    sync(contoso)
    sync(fabrikam)
    return azure


@pytest.fixture
def as_alice(alice: User) -> Program:
    """A program that acts for the admin of contoso."""
    return Program(alice)


@pytest.fixture
def as_auditor(synced: Simulator, auditor: User) -> Program:
    """A program that acts for the auditor: both tenants, after they were read."""
    return Program(auditor)
