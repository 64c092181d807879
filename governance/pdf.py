"""HTML as a tagged PDF (PDF/UA-1), in a worker: WeasyPrint and its libraries are never loaded by a web process.

The renderer fetches nothing, neither from the network nor from the file system: our styles are handed to it, and a
document that names an address ends the rendering. Memory grows with what is laid out, so a caller prints at most
PRINTED_ROWS rows of tables in one document and attaches the rest: docs/adr/0012-pdf.md.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from django.contrib.staticfiles import finders

PRINTED_ROWS = 1_000  # of all tables of one document
VARIANT = "pdf/ua-1"
STYLES = ("governance/tokens.css", "governance/print.css")
# What WeasyPrint loads by name, and the Debian packages that hold it.
LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}


class ForbiddenAddressError(Exception):
    """A document named something to fetch."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file inside the PDF: what did not fit on its pages."""

    name: str
    description: str
    content: bytes


def write_pdf(html: str, out: IO[bytes], *, attachments: Sequence[Attached] = ()) -> int:
    """Write the document into `out` and give back its number of pages. It needs a title, a language and alt texts."""
    from weasyprint import CSS, HTML, Attachment
    from weasyprint.urls import FatalURLFetchingError

    fetcher = _fetcher()()
    styles = [CSS(string=_style(name), url_fetcher=fetcher) for name in STYLES]
    options: Any = {"pdf_variant": VARIANT, "presentational_hints": True}  # hints: the widths of columns
    inside = [
        Attachment(string=one.content, name=one.name, description=one.description, relationship="Data")
        for one in attachments
    ]
    try:
        document = HTML(string=html, url_fetcher=fetcher).render(**options, stylesheets=styles)
        document.write_pdf(out, **options, attachments=inside)
    except FatalURLFetchingError as error:  # it ends processes: no Exception
        raise ForbiddenAddressError(str(error)) from error
    return len(document.pages)


def missing_packages() -> list[str]:
    """The Debian packages whose libraries cannot be loaded here; none where PDFs can be made."""
    return [package for library, package in LIBRARIES.items() if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _style(name: str) -> str:
    path = finders.find(name)
    if not isinstance(path, str):
        raise FileNotFoundError(f"The style {name} is not among the static files.")
    return Path(path).read_text(encoding="utf-8")


@cache
def _fetcher() -> Any:
    """A fetcher of WeasyPrint that refuses. A class made here, because its base is not there in the web."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class NothingToFetch(URLFetcher):  # type: ignore[misc]  # untyped library
        """Ends the rendering of a document that wants something from somewhere."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            """Raises; its base class would answer."""
            raise FatalURLFetchingError(f"A document asked for {url[:200]!r}; reports fetch nothing.")

    return NothingToFetch
