from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from tests.azure.simulator_client import COUNT_QUERY, Caller


def resources_path(caller: Caller) -> str:
    return f"/subscriptions/{caller.tenant.subscription_ids[0]}/resources"


def test_throttle_of_resource_graph_names_no_retry_after(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("throttle", path="ResourceGraph", times=1))

    first, second = contoso_caller.graph(), contoso_caller.graph()

    assert (first.status_code, second.status_code) == (429, 200)
    assert first.json()["error"]["details"][0]["code"] == "RateLimiting"
    assert first.headers["x-ms-user-quota-remaining"] == "0"
    assert "Retry-After" not in first.headers


def test_throttle_may_name_seconds_or_a_date(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("throttle", times=1, retry_after=7))
    small_azure.faults.add(Fault("throttle", times=1, retry_after="http-date"))

    by_seconds, by_date = contoso_caller.get("/subscriptions"), contoso_caller.get("/subscriptions")

    assert by_seconds.headers["Retry-After"] == "7"
    assert by_seconds.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert parsedate_to_datetime(by_date.headers["Retry-After"]).tzinfo is not None


def test_forbidden(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("forbidden", path=contoso_caller.tenant.subscription_ids[0]))

    assert contoso_caller.get(resources_path(contoso_caller)).json()["error"]["code"] == "AuthorizationFailed"
    assert contoso_caller.get("/subscriptions").status_code == 200


def test_unauthorized(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("unauthorized", times=1))

    answer = contoso_caller.graph()

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_with_an_html_body(small_azure: Simulator, contoso_caller: Caller, status: int) -> None:
    small_azure.faults.add(Fault("server_error", status=status, body="<h1>Bad gateway</h1>"))

    answer = contoso_caller.graph()

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")


def test_server_error_in_json(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("server_error", retry_after=3))

    answer = contoso_caller.graph()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert answer.json()["error"]["code"] == "InternalServerError"


def test_not_json(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("not_json"))

    answer = contoso_caller.graph()

    assert answer.status_code == 200
    assert answer.text.startswith("<!DOCTYPE html>")


def test_slow_answer_outlasts_a_short_patience(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("slow", seconds=30, path="subscriptions"))
    url = f"{small_azure.url}/subscriptions?api-version=2022-12-01"

    with pytest.raises(requests.exceptions.ReadTimeout):
        contoso_caller.session.get(url, timeout=0.05)

    small_azure.application.stopping.set()
    small_azure.application.stopping.clear()


def test_reset_breaks_off_in_the_middle_of_the_body(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("reset", path="ResourceGraph", times=1))

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        contoso_caller.graph()

    assert contoso_caller.graph().status_code == 200


def test_half_page_is_whole_http_and_broken_json(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("half_page", path="ResourceGraph"))

    answer = contoso_caller.graph()

    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["Content-Length"])
    with pytest.raises(ValueError, match=r"."):
        answer.json()


def test_repeated_token_never_ends(small_azure: Simulator, contoso_caller: Caller) -> None:
    token = contoso_caller.graph(top=40).json()["$skipToken"]
    small_azure.faults.add(Fault("repeated_token", path="ResourceGraph"))

    assert contoso_caller.graph(top=40, skip_token=token).json()["$skipToken"] == token


def test_repeated_next_link_never_ends(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("repeated_token", path="resources"))
    link = contoso_caller.get(resources_path(contoso_caller), **{"$top": 20}).json()["nextLink"]

    assert contoso_caller.follow(link).json()["nextLink"] == link


def test_empty_page_continues_with_nothing_lost(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("empty_page", path="ResourceGraph", times=1, after=1))

    assert len(contoso_caller.graph_rows(top=20)) == 60
    assert small_azure.faults.report()[0]["fired"] == 1


def test_empty_first_page_of_a_list_has_a_next_link(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("empty_page", path="/resources$", times=1))

    first = contoso_caller.get(resources_path(contoso_caller)).json()

    assert first["value"] == []
    assert len(contoso_caller.follow(first["nextLink"]).json()["value"]) == 30


def test_foreign_next_link(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("foreign_next_link", path="/subscriptions$"))

    assert contoso_caller.get("/subscriptions").json()["nextLink"].startswith("https://evil.example/")


@pytest.mark.parametrize("how", ["missing_id", "null_name", "wrong_type", "oversized_name", "nul_character"])
def test_bad_row_spoils_one_row_only(small_azure: Simulator, contoso_caller: Caller, how: str) -> None:
    sound = contoso_caller.graph().json()["data"]
    small_azure.faults.add(Fault("bad_row", path="ResourceGraph", how=how, row=2))

    spoilt = contoso_caller.graph().json()["data"]

    signs: dict[str, Any] = {
        "missing_id": lambda row: "id" not in row,
        "null_name": lambda row: row["name"] is None,
        "wrong_type": lambda row: isinstance(row["tags"], list),
        "oversized_name": lambda row: len(row["name"]) > 1000,
        "nul_character": lambda row: row["name"].endswith("\x00"),
    }
    assert signs[how](spoilt[2])
    assert spoilt[:2] + spoilt[3:] == sound[:2] + sound[3:]


def test_lost_rows_go_without_a_word(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("lost_rows", path="ResourceGraph", rows=3))

    assert len(contoso_caller.graph_rows()) == 57
    assert sum(row["expected"] for row in contoso_caller.graph_rows(COUNT_QUERY)) == 60


def test_page_faults_touch_summaries_only_when_asked(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("lost_rows", query_contains="summarize"))

    assert len(contoso_caller.graph_rows(COUNT_QUERY)) == 1
    assert len(contoso_caller.graph_rows()) == 60


def test_truncated_without_token(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("truncated_without_token", path="ResourceGraph"))

    answer = contoso_caller.graph(top=10).json()

    assert answer["resultTruncated"] == "true"
    assert "$skipToken" not in answer


def test_missing_subscription_is_missing_everywhere(small_azure: Simulator, contoso_caller: Caller) -> None:
    lost, kept = contoso_caller.tenant.subscription_ids
    small_azure.faults.add(Fault("missing_subscription", subscription=lost))

    assert [row["subscriptionId"] for row in contoso_caller.get("/subscriptions").json()["value"]] == [kept]
    assert {row["subscriptionId"] for row in contoso_caller.graph_rows()} == {kept}
    assert contoso_caller.get(f"/subscriptions/{lost}").status_code == 404


def test_fault_waits_and_wears_off(small_azure: Simulator, contoso_caller: Caller) -> None:
    fault = small_azure.faults.add(Fault("forbidden", method="get", after=1, times=2))

    codes = [contoso_caller.get("/subscriptions").status_code for _ in range(4)]

    assert codes == [200, 403, 403, 200]
    assert (fault.seen, fault.fired) == (4, 2)


def test_fault_may_look_for_text_in_the_body(small_azure: Simulator, contoso_caller: Caller) -> None:
    small_azure.faults.add(Fault("forbidden", query_contains="SUMMARIZE"))

    assert contoso_caller.graph(COUNT_QUERY).status_code == 403
    assert contoso_caller.graph().status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "earthquake"},
        {"kind": "bad_row", "how": "odd"},
        {"kind": "server_error", "status": 418},
        {"kind": "missing_subscription"},
        {"kind": "slow", "path": "("},
        {"kind": "throttle", "retry_after": "soon"},
    ],
)
def test_fault_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault(**fields)
