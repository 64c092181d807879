"""How the OpenAPI file is made: what drf-spectacular cannot see in the views by itself."""

from typing import Any, Literal

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from governance.drf import CoverageSerializer, ProblemSerializer
from governance.problems import PROBLEM_JSON
from governance.tenancy import Scope, entered


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The Authorization header: an API token, or an access token of an identity provider. Either is enough."""

    target_class = "tenants.authentication.BearerAuthentication"
    name = ["apiToken", "bearerJwt"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """One of the two, not both."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Both of them, in the order of `name`."""
        ours = "A token made on the page API tokens or by POST /api/v1/tokens/: agp_, its id, its secret."
        jwt = "An access token for this API from a configured identity provider (Azure AD B2C, Entra ID)."
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "agp_…", "description": ours},
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": jwt},
        ]


class PortalSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]  # registers itself when defined
    """The portal's session cookie."""

    target_class = "tenants.authentication.PortalSessionAuthentication"


class ScopedSchemaGenerator(SchemaGenerator):
    """Looks at the views' querysets within an empty scope: their models are told, no row is read."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        """The whole document."""
        with entered(Scope.nothing()):
            return super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]


class ProblemAutoSchema(AutoSchema):
    """Documents, for every operation, the errors it can answer with, and the coverage of every list."""

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        """The filters of a list. One that offers values takes an empty one too, which asks for nothing."""
        parameters: list[dict[str, Any]] = super()._get_filter_parameters()  # type: ignore[no-untyped-call]
        for parameter in parameters:
            if "enum" in parameter["schema"]:
                parameter["schema"]["enum"] = ["", *parameter["schema"]["enum"]]
        return parameters

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        self.resolve_serializer(CoverageSerializer, direction)
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for code in self._error_codes():
            described = self._get_response_for_code(ProblemSerializer, code, [PROBLEM_JSON])  # type: ignore[no-untyped-call]
            responses.setdefault(code, described)
        return responses

    def _error_codes(self) -> list[str]:
        codes = ["401", "429", "503"]
        if self.method != "GET":
            codes += ["400", "403", "404"]
            codes += ["413", "415"] if self.method != "DELETE" else []
            codes += ["409"] if getattr(self.view, "conflicts", False) else []
        elif self._is_list_view():
            codes += ["400"]
        if "{" in self.path.replace("{version}", ""):
            codes += ["404"]
        codes += ["403"] if getattr(self.view, "refuses_readers", False) else []
        return sorted(set(codes))
