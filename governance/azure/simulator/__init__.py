"""A local Azure: the parts of Entra ID, Resource Manager and Resource Graph that the portal speaks to, over TLS.

Unmodified Azure SDKs work against it. It is for development, demonstrations and tests, and is never deployed.
"""
