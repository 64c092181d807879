"""How tests go through the doors of invitations: the page that invites, the worker that sends, the link in the mail."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core import mail
from django.test import Client
from django.utils import timezone

from governance.tenancy import Scope, entered
from tenants.invitations import letters_due
from tenants.models import Invitation, Membership, Tenant, User
from tenants.tasks import send_letter
from tests.conftest import signed_in

LINK = re.compile(r"http://127\.0\.0\.1:8000(/invitation/\?token=\S+)")
ERIN = "erin@elsewhere.example"


def invite_by_page(user: User, tenant: Tenant, email: str = ERIN, role: str = "reader") -> Any:
    """What the form on the page of the tenant's people sends."""
    return signed_in(user).post(f"/tenants/{tenant.id}/people/", {"email": email, "role": role})


def delivered() -> list[Any]:
    """Let a worker send every letter that is due. The mails that left."""
    before = len(mail.outbox)
    for letter in letters_due(timezone.now()):
        send_letter(str(letter))
    return list(mail.outbox[before:])


def link_in(message: Any) -> str:
    """The path of the link in a mail."""
    (path,) = LINK.findall(message.body)
    return str(path)


def invited(user: User, tenant: Tenant, email: str = ERIN, role: str = "reader") -> str:
    """Invite somebody and have the mail sent. The path of its link."""
    assert invite_by_page(user, tenant, email, role).status_code == 303
    (message,) = delivered()
    return link_in(message)


def follow(client: Client, link: str) -> Any:
    """Follow the link of a mail to the page that shows the offer."""
    answer: Any = client.get(link)
    return client.get(answer["Location"]) if answer.status_code == 303 else answer


def accept_with(client: Client, link: str) -> Any:
    """Follow the link and press the button."""
    follow(client, link)
    return client.post("/invitation/")


def held_in(tenant: Tenant) -> dict[str, str]:
    """Who has which role, by e-mail."""
    with entered(Scope.of(tenant.id)):
        return dict(Membership.objects.values_list("user__email", "role"))


def rows_of(tenant: Tenant) -> list[Invitation]:
    """Every invitation there ever was, in the order they were made."""
    with entered(Scope.of(tenant.id)):
        return list(Invitation.objects.order_by("id"))


def path_of(link: str) -> str:
    """The address without what is secret in it."""
    return urlsplit(link).path
