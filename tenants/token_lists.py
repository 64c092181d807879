"""The list of API tokens: filters and columns, once for page and API."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from governance.access import Access
from governance.filters import TextFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.lists import TenantOwnedFilterSet, sort_filter
from tenants.models import ApiToken

TOKEN_SORTS = {"made": "id", "expires": "expires_at", "name": "name"}  # a key tells when it was made
CLASSES = {  # of `.state`
    ApiToken.State.ACTIVE: "ok",
    ApiToken.State.EXPIRED: "stale",
    ApiToken.State.REVOKED: "failed",
}


class TokenListFilter(TenantOwnedFilterSet):
    """Filters of the list of API tokens."""

    state = django_filters.ChoiceFilter(choices=ApiToken.State.choices, method="in_state", label="State")
    role = django_filters.ChoiceFilter(choices=ApiToken._meta.get_field("role").choices, label="Role at most")
    q = TextFilter(field_name="name", lookup_expr="icontains", label="Name contains")
    sort = sort_filter(TOKEN_SORTS)

    class Meta:
        model = ApiToken
        fields: list[str] = []

    def in_state(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`state=`: those that are in it now."""
        found: QuerySet[Any] = queryset.in_state(value, timezone.now())  # type: ignore[attr-defined]
        return found


def tokens_seen_by(access: Access, user_id: Any) -> QuerySet[Any]:
    """A person's own tokens, and those of the tenants whose people they may see; with tenant and person."""
    rows: QuerySet[Any] = ApiToken.objects.seen_by(access, user_id).select_related("tenant", "user")
    return rows


def tokens_of(access: Access, user_id: Any) -> Listing:
    """The tokens that somebody may see. The first column leads to the token."""

    def rows() -> QuerySet[Any]:
        return tokens_seen_by(access, user_id)

    return Listing(
        key="tokens",
        title="API tokens",
        one="token",
        many="tokens",
        filterset=TokenListFilter,
        sorts=TOKEN_SORTS,
        default_sort="-made",
        rows=rows,
        coverage_kind="",
        columns=(
            Column("name", "Name", lambda row: row.name, _link, sort="name"),
            Column("person", "Person", lambda row: row.user.email),
            Column("tenant", "Tenant", lambda row: row.tenant.name),
            Column("role", "Role at most", lambda row: row.get_role_display()),
            Column("state", "State", lambda row: state_of(row)["word"], lambda row: cells.state(**state_of(row))),
            Column(
                "last_used",
                "Last used (UTC)",
                lambda row: row.last_used_at,
                lambda row: cells.moment(row.last_used_at, "never"),
            ),
            Column(
                "expires",
                "Expires (UTC)",
                lambda row: row.expires_at,
                lambda row: cells.moment(row.expires_at),
                sort="expires",
            ),
            Column("made", "Made (UTC)", lambda row: row.made_at, lambda row: cells.moment(row.made_at), sort="made"),
        ),
    )


def state_of(token: ApiToken) -> dict[str, str]:
    """Its state in a word of people, and the class of `.state` that goes with it."""
    state = token.state_at(timezone.now())
    return {"key": CLASSES[state], "word": str(state.label)}


def _link(row: Any) -> SafeString:
    return cells.link(reverse("tenants:token", args=[row.id]), row.name)
