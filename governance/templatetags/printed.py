"""How a report prints a value: without the links and hints of a page."""

from datetime import UTC, date, datetime

from django import template

from governance.exports import Value
from governance.ui.cells import grouped

register = template.Library()


@register.filter
def printed(value: Value) -> str:
    """Times in UTC to the minute, whole numbers in groups, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, int) and not isinstance(value, bool):
        return grouped(value)
    return str(value)
