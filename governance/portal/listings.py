"""Every list there is, by its key: what exports and saved views look up."""

from governance.portal.sync_lists import SYNCS_LIST
from governance.ui.listing import Listing
from inventory.lists import RESOURCES

EVERY: tuple[Listing, ...] = (RESOURCES, SYNCS_LIST)
LISTINGS: dict[str, Listing] = {listing.key: listing for listing in EVERY}
