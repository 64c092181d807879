"""/api/v1/tokens/: API tokens, one's own and those of the tenants one administers."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from governance.access import Permission, Role, access_of, get_visible_or_404
from governance.drf import OwnRowsPagination, TenantViewSet
from tenants.api import refusals_by_parameter
from tenants.bearer import Caller
from tenants.models import ApiToken, Tenant, User
from tenants.serializers import NewTokenSerializer, TokenRequestSerializer, TokenSerializer
from tenants.token_lists import TOKEN_SORTS, TokenListFilter, tokens_seen_by
from tenants.tokens import make_token, revoke_token

NO_TOKEN_OF_A_TOKEN = "An API token makes no other one. Sign in, or send a token of the identity provider."  # noqa: S105


class TokenView(TenantViewSet):
    """Your API tokens, and all those of the tenants you administer. Secrets are told once, to who makes a token."""

    requires = Permission.OWN
    serializer_class = TokenSerializer
    filterset_class = TokenListFilter
    pagination_class = OwnRowsPagination
    sorts = TOKEN_SORTS
    default_sort = "-made"

    def get_queryset(self) -> QuerySet[ApiToken]:
        """The tokens in scope that the caller may see."""
        return tokens_seen_by(access_of(self.request), self.request.user.pk)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One token, without its secret."""
        return Response(self.get_serializer(get_visible_or_404(self.get_queryset(), kwargs["pk"])).data)

    @extend_schema(request=TokenRequestSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Make a token for yourself in one tenant, with at most your role there. `token` is told this once."""
        user = request.user
        if not isinstance(user, User) or _api_token_of(request):
            raise exceptions.PermissionDenied(NO_TOKEN_OF_A_TOKEN)
        wanted = TokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        tenant = get_visible_or_404(Tenant.objects.all(), asked["tenant"])
        with refusals_by_parameter():
            made = make_token(user, tenant, name=asked["name"], role=Role.from_word(asked["role"]), days=asked["days"])
        answer = {**self.get_serializer(made.row).data, "token": made.text}
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke a token for good; it stays in the list. For its person and the admins of its tenant."""
        row = get_visible_or_404(self.get_queryset(), kwargs["pk"])
        used = _api_token_of(request)
        is_own = row.user_id == request.user.pk and used in {None, row}
        if not is_own and not access_of(request._request).may(Permission.MANAGE_PEOPLE, row.tenant_id):
            raise exceptions.PermissionDenied("The person of a token and the admins of its tenant revoke it.")
        revoke_token(row)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _api_token_of(request: Request) -> ApiToken | None:
    """The API token this call came with."""
    credential: Any = request.auth
    return credential.api_token if isinstance(credential, Caller) else None
