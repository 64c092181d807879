"""The command as an operator runs it: its own process, ended by a signal."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from governance.azure.simulator.server import Simulator
from governance.token_providers import providers_in

TIMEOUT_SECONDS = 30
COMMAND = (sys.executable, "-m", "django", "runsimulator", "--settings", "governance.settings", "--port", "0")
SMALL_WORLD = ("--tenants", "2", "--subscriptions", "1", "--resources", "5")


@contextmanager
def simulator_process(folder: Path, *arguments: str, end: signal.Signals) -> Iterator["subprocess.Popen[str]"]:
    command = [*COMMAND, *SMALL_WORLD, "--folder", str(folder), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(end)
            process.wait(TIMEOUT_SECONDS)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


def test_json_tells_all_and_the_day_is_kept(tmp_path: Path) -> None:
    with simulator_process(tmp_path, "--json", "--day", "4", end=signal.SIGTERM) as process:
        started = json.loads(line_of(process))
        clock = f"{started['url']}/_simulator/clock"
        requests.post(clock, json={"advance_days": 2}, verify=started["ca_file"], timeout=TIMEOUT_SECONDS)

    tenant = started["tenants"][0]
    assert started["day"] == 4
    assert started["environment"]["AZURE_AUTHORITY_HOST"] == started["url"]
    assert started["environment"]["AZURE_CA_FILE"] == started["ca_file"]
    (b2c,) = providers_in(json.loads(started["environment"]["API_TOKEN_PROVIDERS"]))
    assert b2c.discovery_url.startswith(started["url"])
    assert tenant["connect"] == (
        f"manage.py connect_tenant contoso --azure-tenant-id {tenant['tenant_id']} "
        f"--client-id {tenant['client_id']} --secret-ref env:CONTOSO_CLIENT_SECRET"
    )
    assert process.returncode == 0
    assert json.loads((tmp_path / "world.json").read_bytes()) == {"day": 6}


def test_words_name_every_variable_and_the_stored_day(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text('{"day": 6}')

    with simulator_process(tmp_path, end=signal.SIGINT) as process:
        lines = [line_of(process)]
        while not lines[-1].startswith("manage.py connect_tenant fabrikam"):
            lines.append(line_of(process))

    assert ", day 6 (2026-01-07)." in lines[0]
    assert {line.split("=")[0] for line in lines if line.startswith("export ")} == {
        "export AZURE_AUTHORITY_HOST",
        "export AZURE_ARM_ENDPOINT",
        "export AZURE_GRAPH_ENDPOINT",
        "export AZURE_BLOB_ENDPOINT",
        "export AZURE_CA_FILE",
        *(f"export SIGN_IN_B2C_{word}" for word in ("HOST", "TENANT", "POLICY", "CLIENT_ID", "CLIENT_SECRET")),
        "export API_TOKEN_PROVIDERS",
        "export CONTOSO_CLIENT_SECRET",
        "export FABRIKAM_CLIENT_SECRET",
    }
    assert process.returncode == 0


def test_a_chosen_first_day_is_kept_too(tmp_path: Path) -> None:
    options = ("--day-zero", "2026-11-20", "--day", "3", "--cost-source", "mca-report", "--meters-per-resource", "2")
    with simulator_process(tmp_path, "--json", *options, end=signal.SIGTERM) as process:
        first = json.loads(line_of(process))
        truth = f"{first['url']}/_simulator/truth/contoso"
        told = requests.get(truth, verify=first["ca_file"], timeout=TIMEOUT_SECONDS).json()

    with simulator_process(tmp_path, "--json", end=signal.SIGTERM) as process:
        second = json.loads(line_of(process))

    assert (first["date"], second["date"]) == ("2026-11-23", "2026-11-23")
    assert json.loads((tmp_path / "world.json").read_bytes()) == {"day": 3, "day_zero": "2026-11-20"}
    assert told["date"] == "2026-11-23"
    assert [row["billing"]["agreement"] for row in told["subscriptions"]] == ["MCA"]
    assert first["environment"]["AZURE_BLOB_ENDPOINT"] == f"{first['url']}/{{account}}"


def test_a_billing_account_is_named_in_the_lines_that_connect_its_tenants(tmp_path: Path) -> None:
    options = ("--tenants", "3", "--billing-exports", "ea-details-csv")
    with simulator_process(tmp_path, "--json", *options, end=signal.SIGTERM) as process:
        tenants = json.loads(line_of(process))["tenants"]

    told = [" --cost-export-scope providers/Microsoft.Billing/billingAccounts/" in row["connect"] for row in tenants]
    assert told == [True, True, False]


def test_people_and_redirects_are_given_on_the_command_line(tmp_path: Path) -> None:
    options = ("--person", "pat@platform.example=Pat", "--redirect-uri", "http://127.0.0.1:8000/sign-in/")
    with simulator_process(tmp_path, "--json", *options, end=signal.SIGTERM) as process:
        started = json.loads(line_of(process))
        people = requests.get(
            f"{started['url']}/_simulator/people", verify=started["ca_file"], timeout=TIMEOUT_SECONDS
        ).json()["people"]

    assert [person["email"] for person in people] == ["pat@platform.example"]
    assert people[0]["issuer"].startswith(started["url"])
    with pytest.raises(CommandError, match="is not EMAIL=NAME"):
        call_command("runsimulator", port=0, folder=tmp_path, person=["pat"])


def test_taken_port_is_a_clear_error(small_azure: Simulator, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1:{small_azure.port}"):
        call_command("runsimulator", port=small_azure.port, folder=tmp_path)


def test_world_cannot_start_before_its_first_day(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="day 0"):
        call_command("runsimulator", day=-1, folder=tmp_path)
