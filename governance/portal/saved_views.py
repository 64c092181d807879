"""A person's saved views: keeping the question a list was asked, under a name; renaming and forgetting it.

Every view here is the person's own: another's and a missing one are the same 404.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from governance.access import Permission, get_visible_or_404
from governance.gate import requires
from governance.portal.listings import VIEWED
from governance.ui.list_page import asked_of, kept_query
from governance.ui.listing import Listing
from tenants.models import SavedView
from tenants.saved_views import LONGEST_VIEW_NAME, delete_view, rename_view, save_view


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.OWN)
def saved_views(request: HttpRequest) -> HttpResponse:
    """All views of the person; a POST keeps one more, and shows it."""
    if request.method == "POST":
        return _save(request)
    return _page(request, {})


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.OWN)
def saved_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """One view: a POST renames it, or forgets it (`do=delete`)."""
    view = get_visible_or_404(SavedView.objects.of(_person(request)), view_id)
    if request.method != "POST":
        return _view_page(request, view, view.name, {})
    if request.POST.get("do") == "delete":
        delete_view(view)
        messages.success(request, f"The view {view.name} was deleted.")
        return _see(reverse("portal:views"))
    name = request.POST.get("name", "")
    try:
        rename_view(view, name)
    except ValidationError as error:
        return _view_page(request, view, name, error.message_dict)
    messages.success(request, f"The view is called {view.name} now.")
    return _see(reverse("portal:views"))


def _save(request: HttpRequest) -> HttpResponse:
    listing = VIEWED.get(request.POST.get("list", ""))
    if listing is None or not listing.page:
        raise Http404
    name, query = request.POST.get("name", ""), kept_query(QueryDict(request.POST.get("query", "")))
    asked, _ = asked_of(listing, QueryDict(query))
    if not asked.is_valid():
        return _page(request, asked.problems())
    try:
        view, is_new = save_view(_person(request), listing=listing.key, name=name, query=query)
    except ValidationError as error:
        return _page(request, error.message_dict)
    messages.success(request, f"The view {view.name} was {'saved' if is_new else 'replaced'}.")
    return _see(address_of(view, listing))


def address_of(view: SavedView, listing: Listing) -> str:
    """Where the view's question is asked."""
    return reverse(listing.page) + (f"?{view.query}" if view.query else "")


def _page(request: HttpRequest, problems: dict[str, list[str]]) -> HttpResponse:
    rows = []
    for view in SavedView.objects.of(_person(request)):
        listing = VIEWED.get(view.listing)
        rows.append((view, listing, address_of(view, listing) if listing and listing.page else ""))
    return render(
        request, "portal/saved_views.html", {"rows": rows, "problems": problems}, status=400 if problems else 200
    )


def _view_page(request: HttpRequest, view: SavedView, name: str, problems: dict[str, list[str]]) -> HttpResponse:
    listing = VIEWED.get(view.listing)
    context: dict[str, Any] = {
        "view": view,
        "name": name,
        "listing": listing,
        "address": address_of(view, listing) if listing and listing.page else "",
        "problems": problems,
        "longest": LONGEST_VIEW_NAME,
    }
    return render(request, "portal/saved_view.html", context, status=400 if problems else 200)


def _person(request: HttpRequest) -> UUID:
    user: Any = request.user
    key: UUID = user.pk
    return key


def _see(address: str) -> HttpResponse:
    return HttpResponseRedirect(address, status=303)
