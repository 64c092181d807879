"""From a credential reference to a token credential. The only place that ever holds a secret, and only in memory.

`env:NAME` is a client secret in the environment variable NAME. `federated:PATH` is a token file that the platform
keeps fresh (workload identity federation: no secret at all, preferred).
"""

import os
from pathlib import Path

from azure.core.credentials import TokenCredential
from azure.identity import ClientAssertionCredential, ClientSecretCredential

from governance.azure.access import AzureAccess
from governance.azure.errors import SignInFailedError

FORMS = "Use env:NAME (a client secret in an environment variable) or federated:PATH (a federated token file)."


def check_reference(reference: str) -> None:
    """Raise ValueError unless `reference` has one of the known forms. Does not look whether the secret is there."""
    form, _, target = reference.partition(":")
    if form not in {"env", "federated"} or not target.strip():
        raise ValueError(f"That is not a credential reference. {FORMS}")  # not repeated: it may be the secret


def missing_secret(reference: str) -> str:
    """Why the secret behind `reference` cannot be read here, or "" when it can."""
    form, _, target = reference.partition(":")
    if form == "env" and not os.environ.get(target):
        return f"The environment variable {target} is not set in this process."
    if form == "federated" and not Path(target).is_file():
        return f"The token file {target} does not exist."
    return ""


def open_credential(access: AzureAccess) -> TokenCredential:
    """A token credential for this tenant alone. Raises SignInFailedError when the secret is not there."""
    reason = missing_secret(access.credential_reference)
    if reason:
        raise SignInFailedError(reason, remedy="Provide it to every process that syncs: web, worker and commands.")
    form, _, target = access.credential_reference.partition(":")
    # Instance discovery would ask Microsoft's public host about any other authority, the simulator's among them.
    public = access.authority_host == "https://login.microsoftonline.com"
    options = {"authority": access.authority_host, "disable_instance_discovery": not public}
    if access.ca_file:
        options["connection_verify"] = access.ca_file
    if form == "env":
        return ClientSecretCredential(access.tenant_id, access.client_id, os.environ[target], **options)
    return ClientAssertionCredential(
        access.tenant_id, access.client_id, lambda: Path(target).read_text(encoding="utf-8").strip(), **options
    )
