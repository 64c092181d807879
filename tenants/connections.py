"""From a tenant's row to what `governance.azure` needs to know. The only bridge between the two."""

from django.conf import settings

from governance.azure.access import AzureAccess
from tenants.models import Tenant


def azure_access(tenant: Tenant) -> AzureAccess:
    """How to reach this tenant's Azure, with the endpoints of the settings."""
    return AzureAccess(
        tenant_id=str(tenant.azure_tenant_id),
        client_id=str(tenant.client_id),
        credential_reference=tenant.secret_ref,
        authority_host=settings.AZURE_AUTHORITY_HOST,
        arm_endpoint=settings.AZURE_ARM_ENDPOINT,
        ca_file=settings.AZURE_CA_FILE,
        blob_endpoint=settings.AZURE_BLOB_ENDPOINT,
        read_timeout_seconds=settings.AZURE_READ_TIMEOUT_SECONDS,
        longest_wait_seconds=settings.AZURE_LONGEST_WAIT_SECONDS,
    )
