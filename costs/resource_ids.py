"""What the id of a resource says about it. Pure."""

from itertools import pairwise
from typing import NamedTuple

LONGEST_ID, LONGEST_NAME, LONGEST_WORD, LONGEST_REGION = 2048, 512, 256, 64


class Named(NamedTuple):
    """The parts of an id. `type` and `resource_group` are lower case, and "" where the id names none."""

    name: str
    type: str
    resource_group: str


def parts_of(azure_id: str) -> Named:
    """Name, type and group out of an id such as /subscriptions/S/resourceGroups/G/providers/N/T/NAME/T2/NAME2.

    Of an extension resource, whose id goes on with a second provider, it is the extension's. What is no such id keeps
    its last part as its name.
    """
    words = [word for word in azure_id.split("/") if word]
    folded = [word.lower() for word in words]
    name = words[-1] if words else azure_id
    return Named(name[:LONGEST_NAME], _type(folded)[:LONGEST_WORD], _group(folded)[:LONGEST_WORD])


def _group(folded: list[str]) -> str:
    return next((after for word, after in pairwise(folded) if word == "resourcegroups"), "")


def _type(folded: list[str]) -> str:
    if "providers" not in folded:
        return ""
    provider = len(folded) - folded[::-1].index("providers")
    return "/".join([*folded[provider : provider + 1], *folded[provider + 1 :: 2]])
