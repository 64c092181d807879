"""The page of changes."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from governance.access import Permission
from governance.gate import requires
from governance.ui.list_page import ListPage
from inventory.hygiene_lists import CHANGES
from inventory.views import filter_choices
from tenants.freshness import coverage_asked_for

PATH_EXAMPLES = ("tags", "properties", "sku", "location", "managed_by", "identity", "zones", "kind")


@require_safe
@requires(Permission.SEE)
def changes(request: HttpRequest) -> HttpResponse:
    """What changed over all visible tenants, newest first."""
    page = ListPage(request, CHANGES)
    return page.render(
        "inventory/changes.html",
        choices=filter_choices(),
        coverage=coverage_asked_for(page.asked, "resources"),
        examples=PATH_EXAMPLES,
    )
