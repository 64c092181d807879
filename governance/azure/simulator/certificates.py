"""A local certificate authority: kept in a folder, so that clients trust the same one after every restart."""

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trustme

CERTIFICATE_FILE = "ca.pem"
AUTHORITY_FILE = "ca-key.pem"  # key and certificate: one file, so that two starting processes cannot mix theirs
HOST_NAMES = ("127.0.0.1", "localhost", "::1")
CERTIFICATE_START = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class LocalAuthority:
    authority: trustme.CA
    certificate_file: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "LocalAuthority":
        folder.mkdir(parents=True, exist_ok=True)
        stored = folder / AUTHORITY_FILE
        if not stored.exists():
            _store_new_authority(stored)
        key, _, certificate = stored.read_bytes().partition(CERTIFICATE_START)
        pem = CERTIFICATE_START + certificate
        certificate_file = folder / CERTIFICATE_FILE
        if not certificate_file.exists() or certificate_file.read_bytes() != pem:
            _write_at_once(certificate_file, pem)
        return cls(trustme.CA.from_pem(pem, key), certificate_file)

    def server_certificate(self) -> trustme.LeafCert:
        return self.authority.issue_cert(*HOST_NAMES)

    def configure(self, context: ssl.SSLContext) -> None:
        self.server_certificate().configure_cert(context)


def _store_new_authority(stored: Path) -> None:
    """Never overwrites: the process that comes second takes the first one's."""
    new = trustme.CA()
    content = new.private_key_pem.bytes() + new.cert_pem.bytes()
    handle, name = tempfile.mkstemp(dir=stored.parent)  # readable by its owner only
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    try:
        os.link(name, stored)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def _write_at_once(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
