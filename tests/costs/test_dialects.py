"""Which kind of file a header is, what is read from where, and tags as each kind writes them."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.dialects import (
    EA,
    EVERY_FOCUS_COLUMN,
    MCA,
    UnreadableFileError,
    canonical_tags,
    dialect_of,
    folded,
    places,
    unknown_columns,
)
from tests.costs.cost_files import EA_HEADER, FOCUS_HEADER
from tests.processes import ROOT

SCHEMAS = Path(os.environ.get("AZURE_PAYLOADS", ROOT.parent / "shared" / "azure")) / "schemas"
official = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="No official Azure payloads: set AZURE_PAYLOADS.")


def schema(name: str) -> object:
    """An official list of columns."""
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


@official
def test_every_official_column_is_known() -> None:
    details = schema("cost_details_columns.json")
    exports = schema("export_dataset_columns.json")
    assert isinstance(details, dict)
    assert isinstance(exports, dict)

    ea = {folded(name) for kind, names in details.items() if kind.startswith("EA") for name in names}
    mca = {folded(name) for kind, names in details.items() if kind.startswith("MCA") for name in names}
    focus = {folded(row["name"]) for kind, rows in exports.items() if kind.startswith("focus") for row in rows}
    for version in ("1.0-preview-v1", "1.0", "1.2-preview"):
        document = schema(f"FocusCost_{version}.json")
        assert isinstance(document, dict)
        focus |= {folded(column["ColumnName"]) for column in document["Columns"]}

    assert EA.columns == ea
    assert MCA.columns == mca
    assert focus == EVERY_FOCUS_COLUMN


@official
@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("MCA 2023-12-01-preview", "mca"),
        ("EA 2023-12-01-preview", "ea"),
        ("EA 2024-08-01", "ea"),
        ("EA sample file header (older order, as in costdata/ea_*.csv)", "ea"),
    ],
)
def test_an_official_header_is_told_by_its_names(kind: str, dialect: str) -> None:
    names = schema("cost_details_columns.json")
    assert isinstance(names, dict)

    found = dialect_of(names[kind])

    assert found.name == dialect
    assert unknown_columns(names[kind], found) == ()


@official
@pytest.mark.parametrize(
    ("version", "dialect"),
    [("1.0-preview-v1", "focus-1.0-preview"), ("1.0", "focus-1.0"), ("1.2-preview", "focus-1.2")],
)
def test_the_versions_of_focus_are_told_apart(version: str, dialect: str) -> None:
    document = schema(f"FocusCost_{version}.json")
    assert isinstance(document, dict)

    assert dialect_of([column["ColumnName"] for column in document["Columns"]]).name == dialect


def test_case_spaces_and_underscores_of_names_do_not_count() -> None:
    header = [" Subscription Id", "DATE", "cost_in_billing_currency", "billing currency code", "meter category", "Tags"]

    assert dialect_of(header).name == "ea"
    assert places(header, EA)["amount"] == (2,)


def test_a_missing_column_is_named_with_its_alternatives() -> None:
    header = [name for name in EA_HEADER if name not in {"Cost", "Date"}]

    with pytest.raises(UnreadableFileError, match="Date, CostInBillingCurrency or Cost"):
        dialect_of(header)


def test_a_column_that_no_list_has_is_told_as_written() -> None:
    header = [*FOCUS_HEADER, "Id", "x_Mine"]

    assert unknown_columns(header, dialect_of(header)) == ("Id", "x_Mine")


def test_a_column_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="twice: Cost, cost"):
        dialect_of([*EA_HEADER, "cost"])


def test_the_amount_is_read_of_one_column_only() -> None:
    header = [*EA_HEADER, "CostInBillingCurrency"]

    assert places(header, dialect_of(header))["amount"] == (header.index("CostInBillingCurrency"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("NULL", ""),
        ("{}", ""),
        ('"b": "2","a": "1"', '{"a":"1","b":"2"}'),
        ('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'),
        ('"a": "1",', '{"a":"1"}'),
        ('{"n": 1.50, "t": true, "o": null}', '{"n":"1.5","o":"","t":"true"}'),
        ('"Größe": "L\\u0000"', '{"Größe":"L "}'),
        ('"half": "\\ud800"', '{"half":"?"}'),
        ("env=prod", '{"(unreadable tags)":"env=prod"}'),
        ("[" * 100_000, None),
    ],
)
def test_tags_have_one_form_however_they_are_written(text: str, told: str | None) -> None:
    canonical = canonical_tags(text)

    assert canonical == told if told is not None else canonical.startswith('{"(unreadable tags)"')


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=99),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=99),
        max_size=5,
    )
)
def test_any_tags_come_back_as_they_were(tags: dict[str, str]) -> None:
    with_braces = json.dumps(tags)

    for text in (with_braces, with_braces[1:-1]):
        assert json.loads(canonical_tags(text) or "{}") == tags
