"""A program that uses the API for a person."""

from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlencode

from django.test import Client

from tenants.models import User
from tests.conftest import signed_in

PROBLEM = "application/problem+json"


class Program:
    """Requests below /api/v1/ for one person, or for nobody."""

    def __init__(self, user: User | None) -> None:
        self.client: Client = signed_in(user)

    @classmethod
    def with_token(cls, text: str, **options: Any) -> Self:
        """With this bearer token and no session."""
        program = cls(None)
        program.client = Client(headers={"Authorization": f"Bearer {text}"}, **options)
        return program

    def ask(self, path: str, *pairs: tuple[str, Any], **parameters: Any) -> Any:
        """The answer as it is. `pairs` are for parameters given twice."""
        question = urlencode([*pairs, *parameters.items()])
        return self.client.get(f"/api/v1/{path}?{question}" if question else f"/api/v1/{path}")

    def page(self, path: str, **parameters: Any) -> dict[str, Any]:
        """A page that must be there."""
        response = self.ask(path, **parameters)
        assert response.status_code == 200, response.content
        found: dict[str, Any] = response.json()
        return found

    def rows(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a list, in one page."""
        page = self.page(path, **{"page_size": 1000, **parameters})
        assert page["next"] is None
        rows: list[dict[str, Any]] = page["results"]
        return rows

    def walk(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, page by page, following `next` as it was given."""
        page = self.page(path, **parameters)
        while True:
            yield from page["results"]
            if page["next"] is None:
                return
            assert page["results"], "an empty page names a next one"
            response: Any = self.client.get(page["next"])
            assert response.status_code == 200, response.content
            page = response.json()

    def post(self, path: str, body: Any) -> Any:
        """Send JSON."""
        return self.client.post(f"/api/v1/{path}", body, content_type="application/json")

    def put(self, path: str, body: Any) -> Any:
        """Replace by JSON."""
        return self.client.put(f"/api/v1/{path}", body, content_type="application/json")

    def patch(self, path: str, body: Any) -> Any:
        """Change by JSON."""
        return self.client.patch(f"/api/v1/{path}", body, content_type="application/json")

    def delete(self, path: str) -> Any:
        """Delete."""
        return self.client.delete(f"/api/v1/{path}")


def problem(response: Any, status: int) -> dict[str, Any]:
    """The body of a refusal, checked to be what RFC 9457 asks for."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].split(";")[0] == PROBLEM
    body: dict[str, Any] = response.json()
    assert set(body) >= {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert all(isinstance(body[name], str) and body[name] for name in ("type", "title", "detail"))
    return body


def refused(response: Any, parameter: str) -> str:
    """The sentence of a 400 about this parameter. A parameter without a field of its own is named in the sentence."""
    errors = problem(response, 400)["errors"]
    sentences = errors.get(parameter) or [text for text in errors.get("parameters", []) if parameter in text]
    assert sentences, f"{parameter} is not named in {errors}"
    return " ".join(sentences)
