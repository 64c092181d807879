"""Documents as pages print them: bounded, cut honestly, and nothing lost without being counted."""

from typing import Any

from governance.ui.document import LONGEST, Budget, Row, Tree, before_and_after, text_of, tree, values_in

PLENTY = {"rows": 10_000, "size": 1_000_000}


def leaves(rows: tuple[Row, ...]) -> list[Row]:
    """The rows that hold a value."""
    return [leaf for row in rows for leaf in ([row] if row.value else leaves(row.rows))]


def shown_and_hidden(found: Tree) -> int:
    """How many values are shown, and how many are said not to be."""
    return len(leaves(found.rows)) + found.hidden


def nested(depth: int) -> dict[str, Any]:
    """Objects within objects."""
    return {"inner": nested(depth - 1)} if depth else {"end": 1}


def test_a_document_becomes_rows_with_their_kinds() -> None:
    found = tree(
        {"a": "x", "b": 1, "c": True, "d": None, "e": {}, "f": [], "g": ["1", "2"], "h": {"i": [{"j": ""}]}},
        Budget(**PLENTY),
    )

    values = {row.name: row.value for row in leaves(found.rows) if row.value}
    assert {name: (value.shown, value.kind) for name, value in values.items()} == {
        "a": ("x", "text"),
        "b": ("1", "number"),
        "c": ("true", "truth"),
        "d": ("null", "nothing"),
        "e": ("{}", "json"),
        "f": ("[]", "json"),
        "g": ('["1","2"]', "json"),
        "j": ("", "text"),
    }
    assert [row.name for row in found.rows[-1].rows] == ["i"]
    assert [row.name for row in found.rows[-1].rows[0].rows] == ["[0]"]
    assert found.hidden == 0


def test_long_values_are_cut_and_say_how_long_they_are() -> None:
    assert text_of("x" * LONGEST).is_cut is False
    cut = text_of("x" * (LONGEST + 1))
    assert (len(cut.shown), cut.length, cut.is_cut) == (LONGEST, LONGEST + 1, True)
    long_name = tree({"n" * 500: 1}, Budget(**PLENTY)).rows[0].name
    assert long_name.endswith("… (500 characters)")
    assert len(long_name) < 200


def test_what_does_not_fit_is_counted_value_by_value() -> None:
    document = {f"group {number}": {f"field {place}": place for place in range(10)} for number in range(50)}

    for rows in (0, 1, 5, 11, 12, 100, 549, 550):
        found = tree(document, Budget(rows=rows, size=1_000_000))
        assert shown_and_hidden(found) == values_in(document) == 500, rows
        assert len(leaves(found.rows)) <= rows
    assert tree(document, Budget(rows=550, size=1_000_000)).hidden == 0
    assert tree(document, Budget(rows=549, size=1_000_000)).hidden == 1


def test_the_size_counts_what_escaping_makes_of_it() -> None:
    budget = Budget(rows=100, size=1000)

    found = tree({f"{number}": "<" * 100 for number in range(10)}, budget)

    assert len(found.rows) == 2  # 400 bytes each
    assert found.hidden == 8
    assert budget.size < 1000 - 2 * 400


def test_depth_is_bounded_and_the_rest_is_printed_as_json() -> None:
    found = tree(nested(200), Budget(**PLENTY))

    (leaf,) = leaves(found.rows)
    assert leaf.value
    assert leaf.value.kind == "json"
    assert leaf.value.shown.startswith('{"inner":{"inner"')
    assert leaf.value.is_cut


def test_a_value_leads_where_it_is_known_to_lead() -> None:
    found = tree({"id": "/Subscriptions/X", "other": "/y"}, Budget(**PLENTY), {"/subscriptions/x": "/resources/1/"})

    assert [row.address for row in found.rows] == ["/resources/1/", ""]


def test_two_long_values_are_cut_where_they_differ() -> None:
    same = "s" * 1000

    before, after = before_and_after(f"{same}before{same}", f"{same}after{same}", 100)

    assert "before" in before.shown
    assert "after" in after.shown
    assert before.shown.startswith("…")
    assert len(before.shown) == len(after.shown) == 101
    assert (before.length, after.length) == (2006, 2005)
    assert before.is_cut
    assert after.is_cut


def test_short_values_are_shown_whole_and_json_side_by_side_too() -> None:
    before, after = before_and_after({"a": [1, "x"]}, None)

    assert (before.shown, before.kind, before.is_cut) == ('{"a":[1,"x"]}', "json", False)
    assert (after.shown, after.kind) == ("null", "nothing")
    one, other = before_and_after("a" * 500, "a" * 600, 100)
    assert one.is_cut
    assert other.is_cut
    assert other.shown.endswith("a")
