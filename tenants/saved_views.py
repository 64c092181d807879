"""The questions of lists that a person keeps under a name."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.models import SavedView, User

MOST_VIEWS = 200  # saved by one person
LONGEST_VIEW_NAME = 80
LONGEST_VIEW_QUERY = 2000


@transaction.atomic
def save_view(user_id: UUID, *, listing: str, name: str, query: str) -> tuple[SavedView, bool]:
    """Keep a question under a name; one of that name on that list is replaced. Returns it and whether it is new.

    The caller has checked that the list exists and understands the query. Raises ValidationError, by field.
    """
    name = checked_view_name(name)
    if len(query) > LONGEST_VIEW_QUERY:
        raise ValidationError(
            {"query": f"It asks for too much: at most {LONGEST_VIEW_QUERY:,} characters can be kept."}
        )
    User.objects.select_for_update().get(id=user_id)  # one save at a time, so that the limit holds
    view = SavedView.objects.of(user_id).filter(listing=listing, name=name).first()
    if view is None and SavedView.objects.of(user_id).count() >= MOST_VIEWS:
        raise ValidationError({"name": f"You have {MOST_VIEWS} saved views already; delete one first."})
    saved = view or SavedView(user_id=user_id, listing=listing, name=name)
    saved.query = query
    saved.save()
    return saved, view is None


@transaction.atomic
def rename_view(view: SavedView, name: str) -> None:
    """Give a view another name. Raises ValidationError when it is none, or another view of that list has it."""
    name = checked_view_name(name)
    User.objects.select_for_update().get(id=view.user_id)
    namesakes = SavedView.objects.of(view.user_id).filter(listing=view.listing, name=name).exclude(id=view.pk)
    if namesakes.exists():
        raise ValidationError({"name": "Another view of this list has that name."})
    view.name = name
    view.save()


def delete_view(view: SavedView) -> None:
    """Forget a view."""
    view.delete()


def checked_view_name(name: str) -> str:
    """The name in one line, without spaces around it. Raises ValidationError."""
    name = " ".join(name.replace("\x00", " ").split())
    if not name:
        raise ValidationError({"name": "Give it a name."})
    if len(name) > LONGEST_VIEW_NAME:
        raise ValidationError({"name": f"A name has at most {LONGEST_VIEW_NAME} characters."})
    return name
