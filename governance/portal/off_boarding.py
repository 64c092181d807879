"""Saying that a subscription is gone for good: it concerns the tenant's subscriptions and the inventory."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.access import Permission, get_visible_or_404, require
from governance.gate import requires
from inventory.actions import off_board_subscription
from inventory.models import Resource
from tenants.models import Subscription, Tenant


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.OFF_BOARD)
def off_board(request: HttpRequest, tenant_id: str, subscription_id: str) -> HttpResponse:
    """Expect a lost subscription no more, after asking. For the admins of the tenant."""
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    rows = Subscription.objects.for_tenant(tenant.id)
    subscription: Subscription = get_visible_or_404(rows, subscription_id)
    require(request, Permission.OFF_BOARD, tenant.id)
    live = Resource.objects.for_tenant(tenant.id).live().filter(subscription=subscription)
    may_go = subscription.access_lost_at is not None and subscription.off_boarded_at is None
    if request.method == "POST" and may_go and _off_boarded(request, subscription):
        return HttpResponseRedirect(reverse("tenants:tenant", args=[tenant.id]), status=303)
    context = {"tenant": tenant, "subscription": subscription, "live": live.count(), "may_go": may_go}
    return render(request, "portal/off_board.html", context, status=409 if request.method == "POST" else 200)


def _off_boarded(request: HttpRequest, subscription: Subscription) -> bool:
    try:
        resources = off_board_subscription(subscription, now=timezone.now())
    except ValueError as error:
        messages.error(request, str(error))
        return False
    words = f"{subscription.name} is off-boarded; {resources} of its resources count as deleted from now on."
    messages.success(request, words)
    return True
