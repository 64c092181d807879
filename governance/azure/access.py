"""What `governance.azure` needs to know to read one Azure tenant. Built by `tenants`, never a model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """The address of one Azure tenant and how to be let in. Holds a reference to the credential, never its value."""

    tenant_id: str
    client_id: str
    credential_reference: str  # "env:NAME" or "federated:PATH", see credentials.py
    authority_host: str
    arm_endpoint: str
    ca_file: str = ""  # a CA bundle for both hosts; empty: the system's
    read_timeout_seconds: float = 60.0
    longest_wait_seconds: float = 30.0  # a longer Retry-After raises Throttled instead of sleeping
