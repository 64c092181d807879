"""Whether what is held of a slice stays when files are imported that tell it otherwise."""

from datetime import date

from costs.finality import State, finality
from costs.models import CostSlice, Source

BETTER = (Source.EXPORT, Source.REPORT)


def why_held_stays(held: CostSlice, content_hash: str, exported_on: date | None) -> str:
    """Why the files are not to replace it, in words; "" when they may.

    A better source stays. So does what tells of a later day than the files, unless it comes from a query and the files
    are of a month that was final: they name resources. Files of an unknown day are taken to be of today.
    """
    if held.source in BETTER:
        return f"was read from a better source: {held.get_source_display().lower()}"
    if exported_on is None or held.content_hash == content_hash or held.read_at.date() <= exported_on:
        return ""
    if held.source == Source.QUERY and finality(held.month, exported_on) is State.FINAL:
        return ""
    return f"is held as of {held.read_at:%Y-%m-%d}, later than these files"
