"""The keys of a provider: how they roll over, how often it is asked for them, what holds while it does not answer."""

import threading

import orjson
import pytest
from django.conf import LazySettings

from governance import provider_keys
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.provider_keys import COOLDOWN_SECONDS, FRESH_SECONDS, LIVE_SECONDS
from tenants.models import User
from tests.api.bearers import claims_of, let_in, readings, reason_of, take_b2c, token_of
from tests.api.program import Program, problem

pytestmark = pytest.mark.once  # a provider's keys are not in the database

DISCOVERY = "openid-configuration"
KEYS = "discovery/v2.0/keys"


class Clock:
    """By which the age of the keys is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until it is told otherwise."""
    clock = Clock()
    monkeypatch.setattr(provider_keys, "monotonic", lambda: clock.seconds)
    return clock


@pytest.fixture
def b2c(azure: Simulator, settings: LazySettings, alice: User, clock: Clock) -> Simulator:
    """The simulated Azure AD B2C; alice's account there is hers here. Nobody has asked for its keys yet."""
    take_b2c(azure, settings)
    let_in(alice, azure)
    azure.application.log.clear()
    return azure


def is_let_in(token: str) -> bool:
    """Whether the API takes it; anything but yes and no fails."""
    answer = Program.with_token(token).ask("me/")
    assert answer.status_code in {200, 401}, answer.content
    return bool(answer.status_code == 200)


def unavailable(token: str) -> int:
    """The provider does not answer: nobody is let in, and it is said when to try again."""
    answer = Program.with_token(token).ask("me/")
    assert "identity provider does not answer" in problem(answer, 503)["detail"]
    return int(answer["Retry-After"])


def test_keys_are_read_once_for_many_calls(b2c: Simulator, alice: User) -> None:
    token = token_of(b2c, alice.email)

    assert all(is_let_in(token) for _ in range(5))

    assert readings(b2c) == 1


def test_a_new_key_is_taken_without_a_restart_beside_the_old_one(b2c: Simulator, alice: User, clock: Clock) -> None:
    old = token_of(b2c, alice.email)
    assert is_let_in(old)

    b2c.directory.keys.rotate(keep_old=True)
    clock.pass_(COOLDOWN_SECONDS)
    new = token_of(b2c, alice.email)

    assert is_let_in(new)
    assert is_let_in(old)
    assert readings(b2c) == 2


def test_a_key_that_was_replaced_is_accepted_no_longer_than_stated(b2c: Simulator, alice: User, clock: Clock) -> None:
    old = token_of(b2c, alice.email)
    assert is_let_in(old)

    b2c.directory.keys.rotate(keep_old=False)
    clock.pass_(FRESH_SECONDS - 1)
    assert is_let_in(old)
    clock.pass_(1)

    assert reason_of(old) == "unknown key"
    assert is_let_in(token_of(b2c, alice.email))


def test_a_replaced_key_is_refused_as_soon_as_its_successor_was_seen(b2c: Simulator, alice: User, clock: Clock) -> None:
    old = token_of(b2c, alice.email)
    assert is_let_in(old)

    b2c.directory.keys.rotate(keep_old=False)
    clock.pass_(COOLDOWN_SECONDS)

    assert is_let_in(token_of(b2c, alice.email))
    assert reason_of(old) == "unknown key"


def test_forged_key_ids_have_the_keys_read_once_in_a_while(b2c: Simulator, alice: User, clock: Clock) -> None:
    claims = claims_of(b2c, alice.email)
    assert is_let_in(b2c.directory.sign(claims))
    clock.pass_(COOLDOWN_SECONDS)

    for number in range(20):
        assert reason_of(b2c.directory.sign(claims, {"kid": f"forged-{number}"})) == "unknown key"
    assert readings(b2c) == 2  # the first one's own, and one for all the forged ones
    clock.pass_(COOLDOWN_SECONDS)
    for number in range(20):
        assert reason_of(b2c.directory.sign(claims, {"kid": f"forged-{number}"})) == "unknown key"

    assert readings(b2c) == 3
    assert is_let_in(b2c.directory.sign(claims))


@pytest.mark.parametrize("where", [DISCOVERY, KEYS])
def test_a_provider_that_was_never_reached_lets_nobody_in(
    b2c: Simulator, alice: User, clock: Clock, where: str
) -> None:
    token = token_of(b2c, alice.email)
    b2c.faults.add(Fault("server_error", path=where))

    assert unavailable(token) == COOLDOWN_SECONDS
    asked = len(b2c.application.log.all())
    clock.pass_(10)
    assert [unavailable(token) for _ in range(5)] == [COOLDOWN_SECONDS - 10] * 5

    assert len(b2c.application.log.all()) == asked  # and nobody waits for it meanwhile
    b2c.faults.clear()
    clock.pass_(COOLDOWN_SECONDS)
    assert is_let_in(token)


def test_known_keys_go_on_for_their_lifetime_while_the_provider_is_down(
    b2c: Simulator, alice: User, clock: Clock
) -> None:
    claims = claims_of(b2c, alice.email)
    token = b2c.directory.sign(claims)
    assert is_let_in(token)
    b2c.faults.add(Fault("reset", path=KEYS))

    clock.pass_(FRESH_SECONDS)
    assert is_let_in(token)
    assert unavailable(b2c.directory.sign(claims, {"kid": "not seen yet"}))  # it may be new: nobody can tell
    assert reason_of(token[:-8] + "A" * 8) == "signature"
    clock.pass_(LIVE_SECONDS - FRESH_SECONDS - 1)
    assert is_let_in(token)
    clock.pass_(1)

    assert unavailable(token)
    b2c.faults.clear()
    clock.pass_(COOLDOWN_SECONDS)
    assert is_let_in(token)


@pytest.mark.parametrize("where", [DISCOVERY, KEYS])
@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[]",
        "{}",
        "[" * 100_000,
        '{"keys": []}',
        '{"keys": [{}, 1, {"kty": "RSA", "kid": "a"}, {"kty": "oct", "kid": "b", "k": "eA"}]}',
        '{"issuer": "https://evil.example/", "jwks_uri": "https://evil.example/keys"}',
        '{"jwks_uri": "http://evil.example/keys"}',
        '{"padding": "' + "x" * 300_000 + '"}',
    ],
    ids=["page", "list", "nothing", "nested", "no-keys", "no-usable-keys", "other-issuer", "no-issuer", "too-large"],
)
def test_an_answer_that_cannot_be_used_lets_nobody_in(b2c: Simulator, alice: User, where: str, body: str) -> None:
    b2c.faults.add(Fault("not_json", path=where, body=body))

    assert unavailable(token_of(b2c, alice.email))


def test_keys_are_fetched_by_https_alone(b2c: Simulator, alice: User) -> None:
    issuer = claims_of(b2c, alice.email)["iss"]
    plain = {"issuer": issuer, "jwks_uri": f"{b2c.url.replace('https', 'http')}/{KEYS}"}
    b2c.faults.add(Fault("not_json", path=DISCOVERY, body=orjson.dumps(plain).decode()))

    assert unavailable(token_of(b2c, alice.email))
    assert readings(b2c) == 0


def test_keys_are_fetched_from_whom_the_ca_vouches_for_alone(
    b2c: Simulator, alice: User, settings: LazySettings
) -> None:
    settings.AZURE_CA_FILE = ""  # the system's, which know nothing of the simulator

    assert unavailable(token_of(b2c, alice.email))
    assert b2c.application.log.all() == []


def test_a_token_says_nothing_about_where_its_keys_are(b2c: Simulator, alice: User) -> None:
    claims = claims_of(b2c, alice.email)
    header = {"kid": "x", "jku": f"{b2c.url}/elsewhere", "x5u": f"{b2c.url}/elsewhere"}

    assert reason_of(b2c.directory.sign(claims, header)) == "unknown key"
    assert not [path for _, path in b2c.application.log.all() if "elsewhere" in path]


@pytest.mark.django_db(transaction=True)
def test_nobody_with_a_known_key_waits_while_the_keys_are_read(b2c: Simulator, alice: User, clock: Clock) -> None:
    keys = provider_keys.ProviderKeys(
        f"{b2c.url}/{b2c.directory.tenant_id}/b2c_1_signupsignin1/v2.0/.well-known/openid-configuration",
        issuer=claims_of(b2c, alice.email)["iss"],
        ca_file=str(b2c.ca_file),
    )
    key_id = b2c.directory.keys.current.key_id
    keys.key(key_id)
    clock.pass_(FRESH_SECONDS)
    b2c.faults.add(Fault("slow", path=KEYS, seconds=1.0, times=1))
    reader = threading.Thread(target=keys.key, args=(key_id,))
    reader.start()
    while not any("/discovery/" in path for _, path in b2c.application.log.all()[2:]):
        assert reader.is_alive()

    keys.key(key_id)

    assert reader.is_alive()  # it is still reading, and we did not wait for it
    reader.join()
