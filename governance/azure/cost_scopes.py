"""Scopes of Cost Management above a subscription, at which an enterprise sets up its exports.

Reference: https://learn.microsoft.com/azure/cost-management-billing/costs/understand-work-scopes
FOCUS is not offered at a management group.
"""

import re

LONGEST_SCOPE = 512
BILLING = "Microsoft.Billing"
_ID = r"([a-z0-9][a-z0-9_.:()-]{0,127})"  # never a dot alone: a scope becomes part of an address
_FORMS = (  # the names of the parts in Azure's own case
    ("providers", BILLING, "billingAccounts", _ID),
    ("providers", BILLING, "billingAccounts", _ID, "billingProfiles", _ID),
    ("providers", BILLING, "billingAccounts", _ID, "billingProfiles", _ID, "invoiceSections", _ID),
    ("providers", BILLING, "billingAccounts", _ID, "departments", _ID),
    ("providers", BILLING, "billingAccounts", _ID, "enrollmentAccounts", _ID),
    ("providers", BILLING, "billingAccounts", _ID, "customers", _ID),
    ("providers", "Microsoft.Management", "managementGroups", _ID),
)
FORMS = (
    f"providers/{BILLING}/billingAccounts/ID, alone or with one of /billingProfiles/ID, "
    "/billingProfiles/ID/invoiceSections/ID, /departments/ID, /enrollmentAccounts/ID or /customers/ID behind it; "
    "or providers/Microsoft.Management/managementGroups/ID"
)


def canonical_scope(text: str) -> str:
    """The scope in its one form: no slash around it, its words in Azure's case, its ids as given; "" for none.

    Raises ValueError for anything else, with what to write.
    """
    parts = text.strip().strip("/").split("/")
    if parts == [""]:
        return ""
    for form in _FORMS:
        if len(text) <= LONGEST_SCOPE and len(parts) == len(form) and all(map(_fits, form, parts)):
            return "/".join(part if word == _ID else word for word, part in zip(form, parts, strict=True))
    raise ValueError(f"This is no scope that cost exports stand at. Write {FORMS}.")


def remedy_at(scope: str) -> str:
    """What to do when Azure refuses to list the exports there."""
    role = "a role that reads costs there"
    if BILLING in scope:
        role = "Billing account reader or Cost Management Reader (of an Enterprise Agreement: EnrollmentReader)"
    return f"Give the application {role}, at the scope {scope}."


def _fits(word: str, part: str) -> bool:
    return re.fullmatch(word if word == _ID else re.escape(word), part, re.IGNORECASE) is not None
