"""The page of tags: compliance, violations, and the rules with their forms."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import requires
from governance.ui.charts import bars
from governance.ui.list_page import ListPage
from inventory import actions
from inventory.actions import TagRuleWish
from inventory.compliance import TenantCompliance, by_type, compliance, together
from inventory.models import TagRule
from inventory.tag_lists import TAG_RULES, VIOLATIONS
from inventory.views import filter_choices
from tenants.freshness import Coverage, State, coverage_asked_for
from tenants.lists import find_group, find_tenant, tenants_asked_for, tenants_of_group
from tenants.models import Tenant, TenantGroup

TENANTS_SHOWN = 100
TYPES_SHOWN = 12
BEING_JUDGED = "The rule is saved. Its resources are being judged; until that is done this page says so."


class TagRuleForm(forms.Form):
    """What a person wants of a tag. Lists are written one entry a line, or with commas."""

    key = forms.CharField(max_length=512)
    is_required = forms.BooleanField(required=False)
    allowed_values = forms.CharField(required=False, max_length=60_000)
    types = forms.CharField(required=False, max_length=15_000)

    def wish(self) -> TagRuleWish:
        """The wish of a valid form."""
        found = self.cleaned_data
        values = [line for line in found["allowed_values"].splitlines() if line.strip()]
        types = found["types"].replace(",", "\n").splitlines()
        return TagRuleWish(found["key"], found["is_required"], values, types)


@require_safe
@requires(Permission.SEE)
def tags(request: HttpRequest) -> HttpResponse:
    """How well the tags keep the rules."""
    page = ListPage(request, VIOLATIONS)
    coverage = coverage_asked_for(page.asked, "resources")
    tenants = compliance(tenants_asked_for(page.asked))
    types = by_type(tenants)
    return page.render(
        "inventory/tags.html",
        choices=filter_choices(),
        coverage=coverage,
        rows=_with_coverage(tenants, coverage),
        hidden_tenants=max(0, len(tenants) - TENANTS_SHOWN),
        total=together(tenants),
        pending=[row for row in tenants if row.pending_since and row.rules],
        types=types,
        by_type=bars("Resources that break a rule, by type", _violating(types), unit="resources", most=TYPES_SHOWN),
        rules=sum(row.rules for row in tenants),
    )


def _violating(types: Sequence[Any]) -> list[tuple[str, int]]:
    return [(tally.label, tally.violating) for tally in types]


def _with_coverage(tenants: Sequence[TenantCompliance], coverage: Coverage) -> list[tuple[TenantCompliance, str]]:
    """The tenants to print, the worst first, each with how its resources were read."""
    states = {row.tenant_id: row.state.value for row in coverage.tenants}
    ordered = sorted(tenants, key=lambda row: (-row.total.violating, row.tenant))
    return [(row, states.get(row.tenant_id, State.NEVER.value)) for row in ordered[:TENANTS_SHOWN]]


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE, POST=Permission.MANAGE_TAG_RULES)
def rules(request: HttpRequest) -> HttpResponse:
    """The rules in force. Posting adds one to a tenant, or to each tenant of a group, for their admins."""
    if request.method != "POST":
        return _rules_page(request, TagRuleForm(initial={"is_required": True}))
    tenants = _tenants(request)
    form = TagRuleForm(request.POST)
    if _saved(form, lambda wish: actions.add_tag_rule_to_tenants(tenants, wish, by=_person(request))):
        messages.success(request, BEING_JUDGED)
        return HttpResponseRedirect(reverse("inventory:tags"), status=303)
    answer = _rules_page(request, form)
    answer.status_code = 400
    return answer


def _rules_page(request: HttpRequest, form: TagRuleForm) -> HttpResponse:
    access = access_of(request)
    tenants = Tenant.objects.order_by("name").values_list("id", "name")
    administered = [name for key, name in tenants if access.may(Permission.MANAGE_TAG_RULES, key)]
    return ListPage(request, TAG_RULES).render(
        "inventory/tag_rules.html",
        form=form,
        administered=administered[:TENANTS_SHOWN],
        groups=list(TenantGroup.objects.values_list("name", flat=True)) if len(administered) > 1 else [],
        choices={"tenants": [name for _, name in tenants], "groups": []},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE, POST=Permission.MANAGE_TAG_RULES)
def rule(request: HttpRequest, rule_id: str) -> HttpResponse:
    """One rule; its admins change it here, and delete it with `action=delete`."""
    found = get_visible_or_404(TagRule.objects.in_force().select_related("tenant"), rule_id)
    may_change = access_of(request).may(Permission.MANAGE_TAG_RULES, found.tenant_id)
    if request.method != "POST":
        return _rule_page(request, found, TagRuleForm(initial=_initial(found)), may_change=may_change)
    require(request, Permission.MANAGE_TAG_RULES, found.tenant_id)
    if request.POST.get("action") == "delete":
        actions.delete_tag_rule(found, by=_person(request))
        messages.success(request, f"The rule for {found.key} is deleted.")
        return HttpResponseRedirect(reverse("inventory:tags"), status=303)
    form = TagRuleForm(request.POST)
    if _saved(form, lambda wish: actions.change_tag_rule(found, wish, by=_person(request))):
        messages.success(request, BEING_JUDGED)
        return HttpResponseRedirect(reverse("inventory:tags"), status=303)
    return _rule_page(request, found, form, may_change=may_change, status=400)


def _rule_page(
    request: HttpRequest, found: TagRule, form: TagRuleForm, *, may_change: bool, status: int = 200
) -> HttpResponse:
    context = {"rule": found, "form": form, "may_change": may_change}
    return render(request, "inventory/tag_rule.html", context, status=status)


def _initial(found: TagRule) -> dict[str, Any]:
    return {
        "key": found.key,
        "is_required": found.is_required,
        "allowed_values": "\n".join(found.allowed_values),
        "types": "\n".join(found.types),
    }


def _saved(form: TagRuleForm, save: Any) -> bool:
    """Save the wish of a form. What the verb refuses becomes the form's errors."""
    if not form.is_valid():
        return False
    try:
        save(form.wish())
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


def _tenants(request: HttpRequest) -> list[Tenant]:
    """The tenants that the form names; the person manages the rules of each. 404 for what they may not see."""
    named, grouped = request.POST.get("tenant", ""), request.POST.get("group", "")
    if grouped and not named:
        group = find_group(grouped)
        tenants = tenants_of_group(group) if group else []
    else:
        tenant = find_tenant(named)
        tenants = [tenant] if tenant else []
    if not tenants:
        raise Http404
    for tenant in tenants:
        require(request, Permission.MANAGE_TAG_RULES, tenant.id)
    return tenants


def _person(request: HttpRequest) -> Any:
    return request.user
