"""What `governance.azure` needs to know to read one Azure tenant. Built by `tenants`, never a model."""

import re
from dataclasses import dataclass

WITHHELD = "(withheld)"


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """The address of one Azure tenant and how to be let in. Holds a reference to the credential, never its value."""

    tenant_id: str
    client_id: str
    credential_reference: str  # "env:NAME" or "federated:PATH", see credentials.py
    authority_host: str
    arm_endpoint: str
    ca_file: str = ""  # a CA bundle for all hosts; empty: the system's
    blob_endpoint: str = "https://{account}.blob.core.windows.net"  # of a storage account, by its name
    read_timeout_seconds: float = 60.0
    longest_wait_seconds: float = 30.0  # a longer Retry-After raises Throttled instead of sleeping

    def withhold(self, words: str) -> str:
        """The same words for the eyes of the tenant's people: Azure's may repeat the application's id, and ours the
        place of its secret; neither is theirs to see."""
        place = self.credential_reference.partition(":")[2]
        for secret in filter(None, (self.client_id, self.credential_reference, place)):
            words = re.sub(re.escape(secret), WITHHELD, words, flags=re.IGNORECASE)
        return words
