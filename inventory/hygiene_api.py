"""/api/v1/orphans/, /changes/, /tag-rules/, /tag-violations/ and /tag-compliance/."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from governance.access import Permission, get_visible_or_404, require
from governance.gate import EVERY, Named
from inventory import actions
from inventory.compliance import compliance_of
from inventory.hygiene_lists import (
    FEED_SORTS,
    ORPHAN_SORTS,
    ChangeFeedFilter,
    OrphanListFilter,
    change_rows,
    orphan_rows,
)
from inventory.hygiene_serializers import (
    FeedChangeSerializer,
    NewTagRuleSerializer,
    NewTagRulesSerializer,
    OrphanSerializer,
    TagComplianceSerializer,
    TagRuleSerializer,
    TagRuleWishSerializer,
    TagViolationSerializer,
)
from inventory.models import Orphan, ResourceChange, TagRule, TagViolation
from inventory.tag_lists import (
    TAG_RULE_SORTS,
    VIOLATION_SORTS,
    TagRuleListFilter,
    ViolationListFilter,
    tag_rule_rows,
    violation_rows,
)
from tenants.api import CoveredViewSet
from tenants.lists import TENANT_SORTS, TenantListFilter, find_group, tenants_of_group
from tenants.models import Tenant, User


class OrphanView(CoveredViewSet):
    """What nothing uses in your tenants, and since when; the oldest first. One period by its id also when it ended."""

    requires = Permission.SEE
    serializer_class = OrphanSerializer
    filterset_class = OrphanListFilter
    sorts = ORPHAN_SORTS
    default_sort = "since"

    def get_queryset(self) -> QuerySet[Orphan]:
        """Periods in scope."""
        return orphan_rows()


class FeedView(CoveredViewSet):
    """What changed in your tenants, newest first. What a first reading found is left out unless asked for."""

    requires = Permission.SEE
    serializer_class = FeedChangeSerializer
    filterset_class = ChangeFeedFilter
    sorts = FEED_SORTS
    default_sort = "-at"

    def get_queryset(self) -> QuerySet[ResourceChange]:
        """Changes in scope."""
        return change_rows()


class TagViolationView(CoveredViewSet):
    """Which resources break which tag rules."""

    requires = Permission.SEE
    serializer_class = TagViolationSerializer
    filterset_class = ViolationListFilter
    sorts = VIOLATION_SORTS
    default_sort = "-found"

    def get_queryset(self) -> QuerySet[TagViolation]:
        """Violations in scope."""
        return violation_rows()


class TagRuleView(CoveredViewSet):
    """What your tenants demand of tags. Writing needs the role admin in the tenant."""

    requires: ClassVar[Named] = {"list": Permission.SEE, "retrieve": Permission.SEE, EVERY: Permission.MANAGE_TAG_RULES}
    serializer_class = TagRuleSerializer
    filterset_class = TagRuleListFilter
    sorts = TAG_RULE_SORTS
    default_sort = "key"

    def get_queryset(self) -> QuerySet[TagRule]:
        """Rules in force, in scope."""
        return tag_rule_rows()

    @extend_schema(request=NewTagRuleSerializer, responses={201: NewTagRulesSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add a rule to a tenant, or to each tenant of a group; all of them are judged anew by a worker."""
        wanted = _valid(NewTagRuleSerializer(data=request.data))
        tenants = _tenants(request, wanted)
        with _told():
            rules = actions.add_tag_rule_to_tenants(tenants, _wish(wanted), by=_person(request))
        return Response(NewTagRulesSerializer({"rules": rules}).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TagRuleWishSerializer, responses=TagRuleSerializer)
    def update(self, request: Request, **kwargs: Any) -> Response:
        """Replace what a rule demands."""
        return self._change(request, {})

    @extend_schema(request=TagRuleWishSerializer, responses=TagRuleSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change some of what a rule demands."""
        rule = self._own(request)
        kept = asdict(actions.TagRuleWish(rule.key, rule.is_required, rule.allowed_values, rule.types))
        return self._change(request, kept)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a rule; what it found is dropped once the tenant is judged anew."""
        actions.delete_tag_rule(self._own(request), by=_person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self, request: Request) -> TagRule:
        rule = get_visible_or_404(self.get_queryset(), self.kwargs["pk"])
        require(request._request, Permission.MANAGE_TAG_RULES, rule.tenant_id)
        return rule

    def _change(self, request: Request, kept: dict[str, Any]) -> Response:
        rule = self._own(request)
        sent = request.data
        wanted = _valid(TagRuleWishSerializer(data={**kept, **sent} if isinstance(sent, dict) else sent))
        with _told():
            changed = actions.change_tag_rule(rule, _wish(wanted), by=_person(request))
        return Response(TagRuleSerializer(changed).data)


class TagComplianceView(CoveredViewSet):
    """How well your tenants keep their tag rules, by tenant and by type."""

    requires = Permission.SEE
    serializer_class = TagComplianceSerializer
    filterset_class = TenantListFilter
    sorts = TENANT_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Tenant]:
        """Tenants in scope."""
        rows: QuerySet[Tenant] = Tenant.objects.all()
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of tenants with their figures."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TagComplianceSerializer(compliance_of(page or []), many=True).data)


@contextmanager
def _told() -> Iterator[None]:
    """A verb's ValidationError as the API tells it."""
    try:
        yield
    except ValidationError as error:
        raise exceptions.ValidationError(error.message_dict) from error


def _valid(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _wish(wanted: dict[str, Any]) -> actions.TagRuleWish:
    return actions.TagRuleWish(wanted["key"], wanted["is_required"], wanted["allowed_values"], wanted["types"])


def _tenants(request: Request, wanted: dict[str, Any]) -> list[Tenant]:
    """The tenants a new rule is for; the person manages the rules of each. 404 for what they may not see."""
    if "tenant" in wanted:
        tenants = [get_visible_or_404(Tenant.objects.all(), wanted["tenant"])]
    else:
        group = find_group(wanted["group"])
        tenants = tenants_of_group(group) if group else []
    if not tenants:
        raise Http404
    for tenant in tenants:
        require(request._request, Permission.MANAGE_TAG_RULES, tenant.id)
    return tenants


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise exceptions.NotAuthenticated
    return request.user
