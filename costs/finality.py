"""How much a month may still move, judged by the day it was read. Pure.

Azure recomputes the open month about every four hours, closes a month within 72 hours of its end and changes charges up
to the 5th: https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgmt-data
"""

from datetime import date, timedelta
from enum import StrEnum

LATE_CHARGES_UNTIL = 5  # the day of the next month up to which charges still come


class State(StrEnum):
    """The values of costs.models.Finality."""

    ESTIMATE = "estimate"
    CLOSING = "closing"
    FINAL = "final"


def finality(month: date, read_on: date) -> State:
    """What a month, named by any of its days, is worth when it was read on that day."""
    after = next_month(month)
    if read_on < after:
        return State.ESTIMATE
    if read_on <= after.replace(day=LATE_CHARGES_UNTIL):
        return State.CLOSING
    return State.FINAL


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def last_day(month: date) -> date:
    """The last day of a month."""
    return next_month(month) - timedelta(days=1)
