"""Charts on known numbers."""

from decimal import Decimal

from governance.ui.charts import Mark, bars, columns


def test_bars_are_in_the_order_of_size_and_lose_nothing() -> None:
    counts = [(f"type{number}", number) for number in range(13)]

    chart = bars("Types", counts, unit="resources", most=4)

    assert [(bar.label, bar.value) for bar in chart.rows] == [
        ("type12", 12),
        ("type11", 11),
        ("type10", 10),
        ("type9", 9),
    ]
    assert (chart.others, chart.others_value) == (8, sum(range(9)))
    assert sum(bar.value for bar in chart.rows) + chart.others_value == chart.total == sum(range(13))
    assert [bar.share for bar in chart.rows] == [100.0, 91.67, 83.33, 75.0]
    assert chart.rows[0].part == 15.38


def test_one_more_than_fits_is_shown_rather_than_called_one_other() -> None:
    chart = bars("Types", [("a", 3), ("b", 2), ("c", 1)], unit="resources", most=2)

    assert [bar.label for bar in chart.rows] == ["a", "b", "c"]
    assert chart.others == 0


def test_bars_of_nothing() -> None:
    chart = bars("Types", [("a", 0)], unit="resources")

    assert (chart.rows, chart.total) == ((), 0)


def test_a_bar_leads_somewhere_and_a_nameless_one_has_a_word() -> None:
    chart = bars("Types", [("a", 1), ("", 1)], unit="resources", addresses={"a": "/x"})

    assert {bar.label: bar.address for bar in chart.rows} == {"(none)": "", "a": "/x"}


def test_columns_stack_up_to_the_highest() -> None:
    chart = columns("Changes", ["mon", "tue"], {"created": [1, 0], "deleted": [1, 4]}, unit="changes")

    assert chart.highest == 4
    assert chart.total == 6
    assert [(line.label, line.values) for line in chart.table] == [("mon", ("1", "1")), ("tue", ("0", "4"))]
    assert [(block.series, block.y, block.height) for block in chart.blocks] == [
        (1, 75.0, 25.0),
        (2, 50.0, 25.0),
        (2, 0.0, 100.0),
    ]
    assert [block.words for block in chart.blocks][-1] == "tue: 4 changes deleted"
    assert chart.blocks[0].x + chart.blocks[0].width <= 50 <= chart.blocks[2].x


def test_columns_of_nothing() -> None:
    assert columns("Changes", [], {"created": []}, unit="changes").total == 0


def test_bars_of_steps_keep_their_order_and_their_zeros() -> None:
    chart = bars("Ages", [("young", 1), ("middle", 0), ("old", 4)], unit="orphans", in_order=True)

    assert [(bar.label, bar.value, bar.share) for bar in chart.rows] == [
        ("young", 1, 25.0),
        ("middle", 0, 0.0),
        ("old", 4, 100.0),
    ]
    assert bars("Ages", [("young", 0)], unit="orphans", in_order=True).rows == ()


def test_a_column_below_nothing_hangs_from_the_line() -> None:
    chart = columns("Costs", ["mon", "tue"], {"vm": [Decimal(3), Decimal(-1)]}, unit="EUR")

    assert chart.zero == 75.0
    assert [(block.y, block.height) for block in chart.blocks] == [(0.0, 75.0), (75.0, 25.0)]
    assert [line.values for line in chart.table] == [("3.00",), ("\u22121.00",)]


def test_what_is_unknown_is_a_gap_and_not_a_column_of_nothing() -> None:
    chart = columns("Costs", ["mon", "tue"], {"vm": [None, Decimal(2)]}, unit="EUR", marks=[Mark(), Mark("unfinished")])

    assert [gap.words for gap in chart.gaps] == ["mon: unknown"]
    assert [(block.words, block.state) for block in chart.blocks] == [("tue: 2.00 EUR vm", "unfinished")]
    assert chart.table[0].values == ("unknown",)


def test_the_rest_is_grey() -> None:
    chart = columns("Costs", ["mon"], {"a": [1], "b": [1], "c": [1], "others": [1]}, unit="EUR", with_rest=True)

    assert [series.colour for series in chart.series] == [1, 2, 4, 3]


def test_bars_of_amounts_are_shown_to_the_coin() -> None:
    chart = bars("Services", [("vm", Decimal("1234.5")), ("refund", Decimal("-2.004"))], unit="EUR")

    assert [(bar.label, bar.shown, bar.share) for bar in chart.rows] == [
        ("vm", "1\u202f234.50", 100.0),
        ("refund", "\u22122.00", 0.0),
    ]
