"""The page of a list: what was asked for, checked; the columns chosen; one page of rows.

    page = ListPage(request, RESOURCES)
    return page.render("inventory/resources.html", coverage=coverage_of(page.asked, "resources"))

htmx and a browser without JavaScript get the same address; htmx gets the list without the page around it.
"""

from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from governance.filters import StrictFilterSet
from governance.pages import page_number
from governance.ui.listing import Column, Listing, column_keys

PAGE_ROWS = 50
NOT_FILTERS = frozenset({"page", "sort", "columns"})


def asked_of(listing: Listing, parameters: QueryDict) -> tuple[StrictFilterSet, tuple[Column, ...]]:
    """What an address asks of a list: the filterset (not valid when something is wrong) and the columns."""
    asked: StrictFilterSet = listing.filterset(parameters, queryset=listing.rows())
    try:
        return asked, listing.chosen(column_keys(parameters.getlist("columns")))
    except KeyError as error:
        known = ", ".join(column.key for column in listing.columns)
        asked.refuse(f"There is no column {str(error.args[0])[:60]!r}. Known: {known}.")
        return asked, listing.chosen(())


def kept_query(parameters: QueryDict) -> str:
    """The question in an address without what is only of the moment: its page, and what was left empty."""
    kept = QueryDict(mutable=True)
    for name, values in parameters.lists():
        if name != "page" and any(values):
            kept.setlist(name, [value for value in values if value])
    return kept.urlencode()


class KeysFirst(Paginator):  # type: ignore[type-arg]  # it takes no parameter at run time
    """Finds the keys of a page, then their rows: whatever the order, what has to be sorted is narrow.

    `whole` gives rows of any keys as the columns read them.
    """

    def __init__(self, rows: QuerySet[Any], whole: QuerySet[Any]) -> None:
        super().__init__(rows, PAGE_ROWS)
        self.whole = whole

    def page(self, number: int | str) -> Page[Any]:
        """One page; two statements beside the count."""
        found = super().page(number)
        shown: Any = found.object_list
        keys = list(shown.values_list("pk", flat=True))
        rows = {row.pk: row for row in self.whole.filter(pk__in=keys)}
        found.object_list = [rows[key] for key in keys if key in rows]
        return found


class ListPage:
    """One request for one list. Wrong parameters make an empty page with `problems` and status 400."""

    def __init__(self, request: HttpRequest, listing: Listing) -> None:
        self.request, self.listing = request, listing
        self.asked, self.columns = asked_of(listing, request.GET)
        self.is_valid = self.asked.is_valid()

    @property
    def problems(self) -> dict[str, list[str]]:
        """What is wrong with the parameters, by parameter."""
        return {} if self.is_valid else self.asked.problems()

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list."""
        return any(value for name, value in self.request.GET.items() if name not in NOT_FILTERS)

    @cached_property
    def page(self) -> Page[Any]:
        """The rows of this page."""
        rows = self.listing.rows().none()
        if self.is_valid:
            rows = self.asked.qs.order_by(*self.listing.order(self.asked.form.cleaned_data.get("sort")))
        page = KeysFirst(rows, self.listing.rows()).get_page(page_number(self.request))
        self.listing.complete(list(page.object_list))
        return page

    def render(self, template: str, **context: Any) -> HttpResponse:
        """The answer. `context` adds to what every list has: listing, filter, problems, page, columns, is_filtered."""
        usual = {
            "listing": self.listing,
            "filter": self.asked,
            "problems": self.problems,
            "page": self.page,
            "columns": self.columns,
            "is_filtered": self.is_filtered,
            "usual_columns": {"columns": None, "page": None},
        }
        return render(self.request, template, {**usual, **context}, status=200 if self.is_valid else 400)
