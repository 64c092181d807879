"""The menu of a list's saved views: those of the person who looks, and saving the one they see."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import QueryDict
from django.template import Context
from django.urls import reverse

from governance.ui.list_page import kept_query
from governance.ui.listing import Listing
from tenants.models import SavedView

register = template.Library()


@dataclass(frozen=True, slots=True)
class ViewLink:
    """One saved view as the menu shows it."""

    name: str
    address: str
    is_current: bool


@register.inclusion_tag("ui/_saved_views.html", takes_context=True)
def saved_views(context: Context, listing: Listing) -> dict[str, Any]:
    """The views of this list, and the question that saving would keep. Nothing for a list without a page. One query."""
    request = context["request"]
    if not listing.page or not request.user.is_authenticated:
        return {"listing": None}
    query = kept_query(request.GET)
    now = _question(query)
    rows = SavedView.objects.of(request.user.pk).filter(listing=listing.key)
    page = reverse(listing.page)
    views = [ViewLink(row.name, f"{page}?{row.query}", _question(row.query) == now) for row in rows]
    current = next((view for view in views if view.is_current), None)
    return {"listing": listing, "views": views, "query": query, "current": current, "can_save": not context["problems"]}


def _question(query: str) -> list[tuple[str, list[str]]]:
    """A query string as it is compared: the order of its parameters makes no difference."""
    return sorted(QueryDict(query).lists())
