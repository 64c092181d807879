"""Which pages are looked at: every page of the URL configuration, and the states that a page can be in."""

from tests.e2e.looks import Stop
from tests.e2e.portal import Portal

WRITTEN_BY_OTHERS = {"api-docs": "#swagger-ui"}  # by view: the part of the page


def pages(portal: Portal) -> list[Stop]:
    """Every page there is, as alice finds it, or pat where she may not. A new one joins by itself."""
    others = WRITTEN_BY_OTHERS
    return [Stop(page.view, page.path, who=page.who, theirs=others.get(page.view, "")) for page in portal.pages]


def states(portal: Portal) -> list[Stop]:
    """Empty, partial, failed, refused: the same pages with less luck."""
    unlucky = [*_without_any_tenant(portal), *_with_an_unknown_parameter(portal)]
    return [
        *unlucky,
        *_lists(),
        *_hygiene(portal),
        *_costs(),
        *_runs(portal),
        *_tenants(portal),
        *_tokens(portal),
        *_refusals(portal),
    ]


def _without_any_tenant(portal: Portal) -> list[Stop]:
    return [
        Stop(f"{page.view}, no tenant", page.path, who="nora", statuses=(200,) if page.who == "alice" else (403,))
        for page in portal.pages
        if not page.needs_key and page.view not in WRITTEN_BY_OTHERS
    ]


def _with_an_unknown_parameter(portal: Portal) -> list[Stop]:
    """Lists name what they do not know; pages without parameters do not mind."""
    return [
        Stop(f"{page.view}, unknown parameter", f"{page.path}?nonsense=1", who=page.who, statuses=(200, 400))
        for page in portal.pages
        if not page.needs_key and page.view not in WRITTEN_BY_OTHERS
    ]


def _lists() -> list[Stop]:
    return [
        Stop("resources, never read", "/resources/", who="ines"),
        Stop("resources, filtered", "/resources/?tenant=contoso&deleted=any&tag=env&sort=-name&page=2"),
        Stop("resources, nothing found", "/resources/?q=no-resource-has-this-name"),
        Stop("resources, wrong values", "/resources/?tenant=nowhere&sort=colour&deleted=perhaps", statuses=(400,)),
        Stop("resources, page that is none", "/resources/?page=first", statuses=(400,)),
        Stop("syncs, never read", "/syncs/", who="ines"),
        Stop("syncs, as a reader", "/syncs/", who="bob"),
        Stop("syncs, as the auditor", "/syncs/", who="audrey"),
        Stop("syncs, nothing found", "/syncs/?tenant=fabrikam&outcome=failed"),
    ]


def _hygiene(portal: Portal) -> list[Stop]:
    rule = f"/tags/rules/{portal.estate['keys']['tag-rule']}/"
    return [
        *(Stop(f"{place}, never read", f"/{place}/", who="ines") for place in ("orphans", "changes", "tags")),
        Stop("orphans, everything", "/orphans/?verdict=any&ended=any&columns=name,verdict,basis,ended,ending"),
        Stop("orphans, one rule", "/orphans/?rule=disk-unattached&older_than=0"),
        Stop("orphans, wrong values", "/orphans/?rule=none&older_than=x", statuses=(400,)),
        Stop("changes, with first readings", "/changes/?baseline=any"),
        Stop("changes, of tags", "/changes/?field=tags&kind=changed"),
        Stop("tags, as a reader", "/tags/", who="bob"),
        Stop("tag rules, as a reader", "/tags/rules/", who="bob"),
        Stop("tag rule, as a reader", rule, who="bob"),
        Stop("tag rule, refused", rule, statuses=(400,), body={"key": ""}),
        Stop("new tag rule, refused", "/tags/rules/", statuses=(400,), body={"tenant": "contoso", "key": ""}),
    ]


def _costs() -> list[Stop]:
    places = (
        ("overview", "/costs/"),
        ("explorer", "/costs/explore/"),
        ("rows", "/costs/records/"),
        ("moved", "/costs/moved/"),
    )
    return [
        *(Stop(f"costs {name}, never read", path, who="ines") for name, path in places),
        Stop("costs overview, of one tenant", "/costs/?tenant=contoso"),
        Stop("costs overview, amortized", "/costs/?metric=amortized"),
        Stop("costs overview, in another currency", "/costs/?display_currency=CHF"),
        Stop("costs explorer, in another currency", "/costs/explore/?by=service&period=3-months&display_currency=CHF"),
        Stop("costs explorer, two dimensions", "/costs/explore/?by=service&then=resource_group&period=3-months"),
        Stop("costs explorer, by month", "/costs/explore/?by=subscription&period=13-months"),
        Stop("costs explorer, by resource", "/costs/explore/?by=resource&tenant=contoso&period=last-month"),
        Stop("costs explorer, by tag", "/costs/explore/?by=tag:env&then=service"),
        Stop("costs explorer, nothing found", "/costs/explore/?service=none-of-this-name"),
        Stop("costs explorer, long ago", "/costs/explore/?since=2019-01-01&until=2019-01-31"),
        Stop("costs explorer, wrong values", "/costs/explore/?by=colour&since=x&metric=y", statuses=(400,)),
        Stop("costs rows, filtered", "/costs/records/?service=Storage&sort=-amount&period=last-month&tag=env:prod"),
        Stop("costs rows, every column", "/costs/records/?columns=region,metric,quantity,unit,azure_id,benefit"),
        Stop("costs moved, since long", "/costs/moved/?since=2020-01-01"),
        Stop("costs moved, nothing", "/costs/moved/?since=2199-01-01"),
        Stop("costs moved, wrong values", "/costs/moved/?since=yesterday", statuses=(400,)),
    ]


def _runs(portal: Portal) -> list[Stop]:
    return [Stop(f"sync run, {outcome}", f"/syncs/{key}/") for outcome, key in portal.estate["runs"].items()]


def _tenants(portal: Portal) -> list[Stop]:
    """Tenants and their people, wrongly filled in and refused."""
    tenant, role = (portal.estate["keys"][name] for name in ("tenant", "membership"))
    group = portal.estate["keys"]["tenant-group"]
    invitation, invite = portal.estate["keys"]["invitation"], f"/tenants/groups/{group}/invite/"
    here = f"/tenants/{tenant}/"
    nothing: dict[str, str] = {"name": "Not A Name", "azure_tenant_id": "x", "client_id": "x", "secret_ref": ""}
    return [
        Stop("tenants, as pat", "/tenants/", who="pat"),
        Stop("tenants, every column", "/tenants/?columns=status,azure_tenant_id,connected,outcome,state,lost"),
        Stop("tenant, as a reader", here, who="bob"),
        Stop("tenant, as pat", here, who="pat"),
        Stop("preflight, as a reader", f"{here}preflight/", who="bob"),
        Stop("people, as the auditor", f"{here}people/", who="audrey"),
        Stop("people, nobody found", f"{here}people/?q=nobody-has-this-address"),
        Stop("people, as a reader", f"{here}people/", who="bob", statuses=(403,)),
        Stop("people, wrong address", f"{here}people/", statuses=(400,), body={"email": "none", "role": "reader"}),
        Stop("person, wrong role", f"{here}people/{role}/", statuses=(400,), body={"role": "owner"}),
        Stop("invitation that waits, as the auditor", f"{here}invitations/{invitation}/", who="audrey"),
        Stop("invitation, to accept", "/invitation/", who="ivy"),
        Stop("invitation, gone", "/invitation/?token=none", who="nobody", statuses=(404,)),
        Stop("invite into a group, wrong address", invite, statuses=(400,), body={"email": "none", "role": "reader"}),
        Stop("roles, as the auditor", "/roles/", who="audrey"),
        Stop("platform people, as the auditor", "/platform-people/", who="audrey"),
        Stop("platform people, wrong address", "/platform-people/", who="pat", statuses=(400,), body={"email": "none"}),
        Stop("group, as pat", f"/tenants/groups/{group}/", who="pat"),
        Stop("connect, wrong values", "/tenants/connect/", who="pat", statuses=(400,), body=nothing),
        Stop("make a group, wrong values", "/tenants/groups/new/", who="pat", statuses=(400,), body={"name": "No No"}),
    ]


def _tokens(portal: Portal) -> list[Stop]:
    """API tokens: few, none, just made, and wrongly asked for."""
    keys = portal.estate["keys"]
    asked = {"tenant": keys["tenant"], "name": "from a browser", "role": "reader", "days": "30"}
    return [
        Stop("tokens, as a reader", "/tokens/", who="bob"),
        Stop("tokens, nothing found", "/tokens/?state=revoked&q=none"),
        Stop("tokens, wrong values", "/tokens/", statuses=(400,), body={**asked, "name": "", "days": "366"}),
        Stop("token just made", "/tokens/", statuses=(201,), body=asked),
        Stop("token, as the auditor", f"/tokens/{keys['token']}/", who="audrey"),
    ]


def _refusals(portal: Portal) -> list[Stop]:
    sync = {"kind": "resources", "tenant": portal.estate["keys"]["tenant"]}
    wrong = {"username": "alice@contoso.example", "password": "not the right one"}
    return [
        Stop("no such page", "/nowhere/", statuses=(404,)),
        Stop("no such page, nobody", "/nowhere/", who="nobody", statuses=(404,)),
        Stop("role too low", "/syncs/run/", who="bob", statuses=(403,), body=sync),
        Stop("form too old", "/sign-in/", who="nobody", statuses=(403,), body={}),
        Stop("sign in", "/sign-in/", who="nobody"),
        Stop("sign in to see a page", "/sign-in/?next=/resources/", who="nobody"),
        Stop("sign in, refused", "/sign-in/", who="nobody", body=wrong),
        Stop("sign in, cancelled", "/sign-in/b2c/done/?error=access_denied", who="nobody"),
        Stop("sign in, in an emergency", "/sign-in/password/", who="nobody"),
        Stop("sign in, not invited", "/sign-in/not-invited/", who="sam", statuses=(403,)),
    ]
