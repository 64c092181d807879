"""The containers as Azure has them: what is written is read, once; a signed address reads one file and nothing else."""

import io
import time
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient

from governance import storage

CONTENT = b"name,type\r\nvm-1,microsoft.compute/virtualmachines\r\n"


@pytest.fixture
def blob(blobs: str) -> Iterator[str]:
    """The name of a stored export."""
    storage.save("exports", "2026/11/one.csv", io.BytesIO(CONTENT))
    yield "2026/11/one.csv"
    storage.delete("exports", "2026/11/one.csv")


def read(blob: str, name: str = "exports") -> bytes:
    """All of a stored file."""
    with storage.container(name).open(blob) as file:
        return bytes(file.read())


def address_of(blob: str) -> str:
    """A signed address of a blob."""
    found = storage.signed_address("exports", blob, disposition='attachment; filename="a.csv"', content_type="text/csv")
    assert found is not None
    return found


def test_what_is_saved_is_read_back_whole(blob: str) -> None:
    store = storage.container("exports")

    assert store.exists(blob)
    assert store.size(blob) == len(CONTENT)
    assert read(blob) == CONTENT


def test_a_large_file_is_sent_in_blocks_and_comes_back_whole(blobs: str) -> None:
    content = bytes(range(256)) * 4096 * 70  # 70 MiB: beyond what is sent in one request

    storage.save("exports", "large.bin", io.BytesIO(content))

    assert read("large.bin") == content
    storage.delete("exports", "large.bin")


def test_a_name_is_written_once(blob: str) -> None:
    with pytest.raises(FileExistsError):
        storage.save("exports", blob, io.BytesIO(b"another"))

    assert read(blob) == CONTENT


def test_the_containers_are_apart(blob: str) -> None:
    assert not storage.container("reports").exists(blob)


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(blob: str) -> None:
    storage.delete("exports", blob)
    storage.delete("exports", blob)

    assert not storage.container("exports").exists(blob)


def test_a_signed_address_reads_the_file_under_the_name_we_gave(blob: str) -> None:
    answer = requests.get(address_of(blob), timeout=10)

    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.csv"'
    assert answer.headers["Content-Type"] == "text/csv"


def test_without_the_signature_nothing_is_read(blob: str) -> None:
    plain = urlunsplit(urlsplit(address_of(blob))._replace(query=""))

    assert requests.get(plain, timeout=10).status_code == 403


def test_a_signature_is_for_one_file(blob: str) -> None:
    storage.save("exports", "2026/11/two.csv", io.BytesIO(b"of somebody else"))
    parts = urlsplit(address_of(blob))
    other = urlunsplit(parts._replace(path=parts.path.replace("one.csv", "two.csv")))

    answer = requests.get(other, timeout=10)

    assert answer.status_code == 403
    assert b"somebody else" not in answer.content
    storage.delete("exports", "2026/11/two.csv")


def test_a_signed_address_is_for_reading_only(blob: str) -> None:
    address = address_of(blob)

    with pytest.raises(HttpResponseError), BlobClient.from_blob_url(address) as client:
        client.delete_blob()
    assert requests.put(address, b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10).status_code == 403
    assert read(blob) == CONTENT


def test_a_signed_address_expires(blob: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The address is signed as if an hour ago: nobody waits in a test.
    import storages.backends.azure_storage as backend

    before = backend.AzureStorage._expire_at
    monkeypatch.setattr(backend.AzureStorage, "_expire_at", lambda own, seconds: before(own, seconds - 3600))

    answer = requests.get(address_of(blob), timeout=10)

    assert answer.status_code == 403


def test_the_address_names_its_end(blob: str) -> None:
    said = parse_qs(urlsplit(address_of(blob)).query)

    ends = datetime.fromisoformat(said["se"][0]).timestamp()
    assert 0 < ends - time.time() <= storage.ADDRESS_SECONDS + 1
    assert said["sp"] == ["r"]
