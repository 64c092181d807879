"""What rows of cost name, the sets of tags and the resources, is written once and shared: who may write and drop it.

Whoever looks whether a name is there, to rely on it, holds the names of the tenant first and until the commit; so does
whoever drops those that nothing refers to. So none is dropped between the look and the commit of what refers to it.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from costs.models import CostedResource, CostRecord, CostTag, DailyResourceCost, RestatementLine
from tenants.actions import bump_data_version
from tenants.models import Tenant

# Each kind of name: the column that names it, and what refers to it by a column of that name.
REFERRING: tuple[tuple[Any, str, tuple[Any, ...]], ...] = (
    (CostTag, "tag_set", (CostRecord, DailyResourceCost)),
    (CostedResource, "azure_id_hash", (CostRecord, DailyResourceCost, RestatementLine)),
)


def hold_names(tenant_id: UUID) -> None:
    """Hold the names of a tenant until the commit: its row, as a data version that is raised does."""
    # A write that changes nothing: SELECT FOR UPDATE would be no lock on SQLite.
    Tenant.objects.filter(id=tenant_id).update(data_version=F("data_version"))


@transaction.atomic
def drop_unnamed(tenant_id: UUID) -> int:
    """Delete the tenant's sets of tags and resources that no row and no sum refers to. Returns how many rows went.

    Two statements, each of which reads every row of the tenant's costs; its syncs wait meanwhile before they commit.
    """
    hold_names(tenant_id)
    dropped = 0
    for model, column, referring in REFERRING:
        there, *used = (
            each.objects.for_tenant(tenant_id).order_by().values_list(column) for each in (model, *referring)
        )
        deleted, _ = model.objects.for_tenant(tenant_id).filter(**{f"{column}__in": there.difference(*used)}).delete()
        dropped += deleted
    if dropped:
        bump_data_version(tenant_id)
    return dropped
