"""Taking a list along as a file: all that the filters leave, or only the rows that are ticked; and a report."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal
from tests.e2e.test_finding_resources import names

MINUTE_MILLISECONDS = 60_000


def exported(page: Page, name: str) -> Path:
    """Press the button and wait for the file."""
    with page.expect_download() as waiting:
        page.get_by_role("form", name="Export").get_by_role("button", name=name).click()
    return Path(waiting.value.path())


def rows_of(file: Path) -> list[str]:
    """The names in a CSV file, each of whose rows says how complete its tenant was read."""
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert {row["tenant_coverage"] for row in rows} == {"partial"}
    return [row["name"] for row in rows]


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_the_file_holds_what_the_filters_leave_not_only_this_page(
    portal: Portal, open_page: OpenPage, javascript: str
) -> None:
    page = open_page("bob", "/resources/", java_script_enabled=javascript == "on")

    assert rows_of(exported(page, "CSV")) == portal.estate["resources"]


def test_ticked_rows_are_exported_alone(open_page: OpenPage) -> None:
    page = open_page("bob", "/resources/")
    wanted = names(page)[1:3]

    for name in wanted:
        page.get_by_role("checkbox", name=f"Choose {name} for export").check()

    assert rows_of(exported(page, "CSV")) == wanted


@pytest.mark.usefixtures("worker")
def test_a_report_is_asked_for_appears_by_itself_and_is_downloaded(open_page: OpenPage) -> None:
    page = open_page("bob", "/files/")
    reports = page.get_by_role("rowheader").get_by_role("link", name="Inventory report")
    before = reports.count()

    page.get_by_role("button", name="Make inventory report").click()
    expect(reports).to_have_count(before + 1, timeout=MINUTE_MILLISECONDS)  # without a reload by hand
    with page.expect_download() as waiting:
        reports.first.click()

    report = PdfReader(waiting.value.path())
    assert len(report.pages) > 1
    assert "contoso" in report.pages[0].extract_text()
