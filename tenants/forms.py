"""What people fill in: a tenant to connect, its credentials, roles, groups."""

import re
from collections.abc import Collection
from typing import Any

from django import forms

from governance.access import Role
from tenants.models import TENANT_NAME, Membership, Tenant
from tenants.tokens import LONGEST_NAME, MOST_DAYS

MOST_CHECKBOXES = 150  # with more tenants their names are typed: a form takes 200 fields (settings)
MEANINGS = {
    Role.READER: "sees everything of the tenant",
    Role.OPERATOR: "also runs syncs and preflights",
    Role.ADMIN: "also pauses the tenant, sets rules, invites people and gives roles",
}
ROLES = [(role.word, f"{Membership.RoleWord(role.word).label}: {meaning}") for role, meaning in MEANINGS.items()]


class NotShownAgain(forms.TextInput):
    """A text field that comes back empty: a secret that was pasted by mistake is not printed into a page."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Django's, without the value."""
        return super().get_context(name, None, attrs)


def plain(**attributes: Any) -> dict[str, Any]:
    """Attributes of a field that holds an id or an address: no corrections, no capitals."""
    return {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", **attributes}


class CredentialsForm(forms.Form):
    """Which application reads the tenant, and where its secret is. Starts empty: what is stored is shown to nobody."""

    client_id = forms.UUIDField(
        label="Application (client) id",
        widget=NotShownAgain(attrs=plain()),
        help_text="The GUID of the application in Microsoft Entra ID that has the role Reader.",
        error_messages={"invalid": "This is not a GUID like 72f988bf-86f1-41af-91ab-2d7cd011db47."},
    )
    secret_ref = forms.CharField(
        label="Secret reference",
        max_length=512,
        widget=NotShownAgain(attrs=plain()),
        help_text="Where the platform finds the credential: env:NAME for a client secret in the environment variable "
        "NAME, or federated:PATH for a federated token file (no secret at all, preferred). Never the secret itself.",
    )


class CostScopeForm(forms.Form):
    """Where cost exports of more than one subscription stand, if anywhere."""

    cost_export_scope = forms.CharField(
        label="Scope of cost exports",
        required=False,
        max_length=512,
        widget=forms.TextInput(attrs=plain()),
        help_text="Only where cost exports are set up above the subscriptions: "
        "providers/Microsoft.Billing/billingAccounts/ID, also of a billing profile, invoice section, department, "
        "enrollment account or customer below it, or providers/Microsoft.Management/managementGroups/ID. "
        "Empty: the exports of each subscription are read.",
    )


class ConnectionForm(CredentialsForm, CostScopeForm):
    """How a tenant is read from now on: other credentials, or none given, and the scope of its cost exports."""

    field_order = ["cost_export_scope", "client_id", "secret_ref"]

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        for name in ("client_id", "secret_ref"):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Both of the credentials, or neither."""
        found = super().clean() or {}
        if "client_id" in found and "secret_ref" in found and bool(found["client_id"]) != bool(found["secret_ref"]):
            missing = "secret_ref" if found["client_id"] else "client_id"
            self.add_error(missing, "Give both of them, or neither to keep what is stored.")
        return found

    @property
    def credentials(self) -> dict[str, Any] | None:
        """Of a valid form: the new ones; None where those that are stored stay."""
        names = ("client_id", "secret_ref")
        return {name: self.cleaned_data[name] for name in names} if self.cleaned_data["client_id"] else None


class ConnectForm(CredentialsForm, CostScopeForm):
    """An Azure tenant to connect."""

    name = forms.CharField(
        label="Name",
        max_length=63,
        validators=[TENANT_NAME],
        widget=forms.TextInput(attrs=plain()),
        help_text="A short name for it here: lower-case letters, digits and hyphens.",
    )
    azure_tenant_id = forms.UUIDField(
        label="Azure tenant id",
        widget=forms.TextInput(attrs=plain()),
        help_text="The directory's GUID: Microsoft Entra ID, Overview, Tenant ID.",
        error_messages={"invalid": "This is not a GUID like 72f988bf-86f1-41af-91ab-2d7cd011db47."},
    )
    field_order = ["name", "azure_tenant_id", "client_id", "secret_ref", "cost_export_scope"]


class RoleForm(forms.Form):
    """The role somebody is to have."""

    role = forms.ChoiceField(label="Role", choices=ROLES)

    def wanted(self) -> Role:
        """The role asked for, of a valid form."""
        return Role.from_word(self.cleaned_data["role"])


class InviteForm(RoleForm):
    """Somebody to be offered a role."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs=plain()),
        help_text="The mail goes there, and the account that accepts must have this address.",
    )
    field_order = ["email", "role"]


class TokenForm(forms.Form):
    """An API token to make: in one of the tenants in scope, with at most this role, for so many days."""

    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs=plain()),
        help_text="What it is for, such as “nightly report”: the list shows it, the token does not hold it.",
    )
    role = forms.ChoiceField(
        label="Role at most",
        choices=ROLES,
        help_text="It never may more than you may at the moment: when your role ends, so does the token.",
    )
    days = forms.IntegerField(
        label="Days until it expires", min_value=1, max_value=MOST_DAYS, help_text=f"1 to {MOST_DAYS}."
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["tenant"] = forms.ModelChoiceField(Tenant.objects.all(), label="Tenant", empty_label=None)
        self.order_fields(["tenant", "name", "role", "days"])

    def wanted(self) -> Role:
        """The role asked for, of a valid form."""
        return Role.from_word(self.cleaned_data["role"])


class TenantNamesField(forms.CharField):
    """Names of tenants, one a line, cleaned to the tenants."""

    def clean(self, value: Any) -> list[Tenant]:
        """The tenants. ValidationError for a name there is not."""
        names = {name.lower() for name in re.split(r"[\s,]+", super().clean(value) or "") if name}
        found = [tenant for tenant in Tenant.objects.all() if tenant.name in names]
        if len(found) < len(names):
            missing = ", ".join(sorted(names - {tenant.name for tenant in found})[:10])
            raise forms.ValidationError(f"There is no such tenant: {missing}.")
        return found


class MembersForm(forms.Form):
    """The tenants of a group: ticked, or typed where there are many."""

    def __init__(self, data: Any = None, *, members: Collection[Tenant] = ()) -> None:
        super().__init__(data)
        if Tenant.objects.count() > MOST_CHECKBOXES:
            names = "\n".join(tenant.name for tenant in members)
            self.fields["tenants"] = TenantNamesField(
                label="Tenants",
                initial=names,
                widget=forms.Textarea(attrs=plain(rows=12)),
                help_text="Their names, one a line.",
            )
        else:
            self.fields["tenants"] = forms.ModelMultipleChoiceField(
                Tenant.objects.all(),
                label="Tenants",
                initial=[tenant.pk for tenant in members],
                widget=forms.CheckboxSelectMultiple,
            )


class GroupForm(MembersForm):
    """A group to make."""

    name = forms.CharField(
        label="Name",
        max_length=63,
        validators=[TENANT_NAME],
        widget=forms.TextInput(attrs=plain()),
        help_text="Lower-case letters, digits and hyphens. Everybody who sees one of its tenants sees this name.",
    )
