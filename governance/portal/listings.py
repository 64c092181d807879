"""Every list there is, by its key: what exports and saved views look up."""

from costs.page_lists import EXPLORER, RECORDS
from governance.portal.audit_lists import AUDIT
from governance.portal.orphans import ORPHANS
from governance.portal.sync_lists import SYNCS_LIST
from governance.ui.listing import Listing
from inventory.hygiene_lists import CHANGES
from inventory.lists import RESOURCES
from inventory.tag_lists import TAG_RULES, VIOLATIONS
from tenants.people_lists import GROUPS
from tenants.tenant_list import TENANTS

EVERY: tuple[Listing, ...] = (
    *(RESOURCES, ORPHANS, CHANGES, TAG_RULES, VIOLATIONS),
    *(RECORDS, SYNCS_LIST, TENANTS, GROUPS, AUDIT),
)
LISTINGS: dict[str, Listing] = {listing.key: listing for listing in EVERY}
VIEWED: dict[str, Listing] = {**LISTINGS, EXPLORER.key: EXPLORER}  # the explorer's files are its own
