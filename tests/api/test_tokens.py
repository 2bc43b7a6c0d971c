"""Access tokens made by hand: only a sound one of ours opens anything."""

import json
import time

import pytest

from forge import EcKey, Forge, encode, keys_of, part
from harness import data, problem


@pytest.fixture(scope="module")
def customer(instance):
    return instance.new_user()


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


@pytest.fixture
def forge(instance, customer):
    return Forge(instance, customer)


def refused(anyone, token, code="INVALID_TOKEN"):
    answer = anyone.get("/auth/profile", headers={"Authorization": f"Bearer {token}"})
    problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    problem(anyone.post("/auth/verify", {"token": token}), 401, code)
    problem(anyone.get("/cart", headers={"Authorization": f"Bearer {token}"}), 401, code)


def test_a_sound_token_made_by_hand_is_accepted(anyone, forge, customer):
    answer = anyone.get("/auth/profile", headers={"Authorization": f"Bearer {forge.token()}"})
    assert data(answer)["user_id"] == customer.user_id


def test_an_expired_token_is_told_apart(anyone, forge):
    now = int(time.time())
    old = {"iat": now - 60, "nbf": now - 60, "exp": now - 1}
    refused(anyone, forge.token(claims=old), "TOKEN_EXPIRED")
    refused(anyone, forge.token(claims=old, key=b"x" * 32))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", None, 1])
def test_another_algorithm_is_refused_even_with_a_good_signature(anyone, forge, alg):
    if alg == forge.key.alg:
        alg = "HS256"
    refused(anyone, forge.token(header={"alg": alg}))


def test_alg_none_without_a_signature_is_refused(anyone, forge):
    text = forge.token(header={"alg": "none"}).rsplit(".", 1)[0]
    refused(anyone, text + ".")
    refused(anyone, text)


def test_the_other_hashes_of_the_family_are_refused(anyone, forge):
    for digest in ("sha384", "sha512"):
        refused(anyone, forge.token(header={"alg": forge.key.alg[:2] + digest[3:]}, digest=digest))
        refused(anyone, forge.token(digest=digest))


@pytest.mark.parametrize("key", [b"secret", b"\0" * 32, b"halle", b"x" * 64, b"", EcKey()], ids=str)
def test_another_key_is_refused(anyone, forge, key):
    for alg in ("HS256", "ES256"):
        refused(anyone, forge.token(header={"alg": alg}, key=key))


def test_the_services_key_opens_nothing_for_users(anyone, forge, instance):
    kid, key = keys_of(instance, "service_keys_file")[0]
    refused(anyone, forge.token(header={"kid": kid}, key=key))
    refused(anyone, forge.token(key=key))


@pytest.mark.parametrize("header", [{"kid": "other"}, {"kid": ""}, {"kid": "../../etc/passwd"}, {"kid": None},
                                    {"kid": "a' OR '1'='1"}, {"kid": "x" * 17}, {"kid": ["a"]}, {"crit": ["exp"]},
                                    {"crit": []}, {"b64": False}, {"typ": "at+jwt"}, {"typ": None}, {"jwk": {}},
                                    {"jku": "https://example.com"}, {"x5u": "https://example.com"}, {"x5c": []},
                                    {"zip": "DEF"}])
def test_a_header_that_is_not_ours_is_refused(anyone, forge, header):
    refused(anyone, forge.token(header=header))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"aud": "products"}, {"aud": ["halle"]}, {"type": "refresh"}, {"type": "service"},
        {"role": "service"}, {"role": "root"}, {"role": ""}, {"role": None},
        {"user_id": 0}, {"user_id": -1}, {"user_id": "1"}, {"user_id": 1.5}, {"user_id": 2**63},
        {"sub": ""}, {"sub": 7}, {"sub": "a" * 65},
        {"exp": "9999999999"}, {"exp": 1e12}, {"exp": True}, {"exp": None}, {"exp": 2**64},
    ],
    ids=str,
)
def test_a_claim_that_is_not_as_it_should_be_is_refused(anyone, forge, claims):
    refused(anyone, forge.token(claims=claims))


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_of_the_future_is_refused(anyone, forge, name):
    refused(anyone, forge.token(claims={name: int(time.time()) + 600}))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "user_id", "role", "type", "iat", "nbf", "exp"])
def test_every_claim_must_be_there(anyone, forge, name):
    refused(anyone, forge.token(without=(name,)))


def test_no_byte_can_be_changed(anyone, forge):
    token = forge.token()
    places = [*range(0, len(token), 17), len(token) - 1, token.index("."), token.rindex(".")]
    for i in places:
        other = "A" if token[i] != "A" else "B"
        if i == len(token) - 1:  # the last letter holds bits that mean nothing: also refused
            other = chr(ord(token[i]) + 1) if token[i].isalnum() and token[i] not in "zZ9" else "A"
        answer = anyone.get(
            "/auth/profile", headers={"Authorization": "Bearer " + token[:i] + other + token[i + 1 :]}
        )
        problem(answer, 401, "INVALID_TOKEN")


def test_no_part_can_be_left_out_or_added(anyone, forge):
    token = forge.token()
    first, second, third = token.split(".")
    for bad in (first, f"{first}.{second}", f"{first}.{second}.", f".{second}.{third}", f"{first}..{third}",
                token + ".x", token + "=", token[:-1], token + "A", "." + token, "..", ".", "x.y.z"):
        refused(anyone, bad)


def test_a_token_cut_anywhere_is_refused(anyone, forge):
    token = forge.token()
    for length in range(1, len(token), 29):
        problem(anyone.get("/cart", headers={"Authorization": "Bearer " + token[:length]}), 401, "INVALID_TOKEN")


def test_a_payload_with_a_name_twice_is_refused(anyone, forge, admin):
    text = json.dumps(forge.claims)[:-1] + ',"role":"admin"}'
    signed = encode(json.dumps(forge.header).encode()) + "." + encode(text.encode())
    refused(anyone, signed + "." + forge.sign(signed))


def test_a_header_with_a_name_twice_is_refused(anyone, forge):
    for first in ("none", forge.key.alg):
        head = f'{{"alg":"{first}",' + json.dumps(forge.header)[1:]
        text = encode(head.encode()) + "." + forge.text().split(".")[1]
        refused(anyone, text + "." + forge.sign(text))
        refused(anyone, text + ".")


def test_base64_has_one_form(anyone, forge):
    """The same bytes in another spelling are another token, and none of ours."""
    header, payload, signature = forge.token().split(".")
    for other in (f"{header}=", f"{header}==", header[:-1] + chr(ord(header[-1]) + 1)):
        refused(anyone, f"{other}.{payload}.{signature}")
    standard = forge.token(claims={"sid": "???>>>"})
    assert "_" in standard or "-" in standard
    refused(anyone, standard.replace("_", "/").replace("-", "+"))


def test_a_long_token_is_refused_in_a_header_and_in_a_body(anyone, forge):
    long = forge.token(claims={"sub": "a" * 5000})
    problem(anyone.get("/cart", headers={"Authorization": "Bearer " + long}), 401, "INVALID_TOKEN")
    problem(anyone.post("/auth/verify", {"token": long}), 401, "INVALID_TOKEN")


def test_a_token_of_a_mebibyte_is_refused(anyone):
    huge = "a" * 2**20
    problem(anyone.post("/auth/verify", {"token": huge}), 413, "BODY_TOO_LARGE")
    answer = anyone.get("/cart", headers={"Authorization": "Bearer " + huge})
    assert answer.status_code in (400, 431)
    problem(answer, answer.status_code)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer a b", "null", "{}"])
def test_other_values_of_the_header_open_nothing(anyone, value):
    answer = anyone.get("/auth/profile", headers={"Authorization": value})
    problem(answer, 401)


def test_a_customer_cannot_make_himself_admin(anyone, customer, product):
    header, _, signature = customer.token.split(".")
    claims = part(customer.token, 1)
    assert claims["role"] == "customer"
    forged = encode(json.dumps({**claims, "role": "admin"}).encode())
    answer = anyone.delete(
        f"/products/{product['id']}", headers={"Authorization": f"Bearer {header}.{forged}.{signature}"}
    )
    problem(answer, 401, "INVALID_TOKEN")
    assert data(customer.get(f"/products/{product['id']}"))


def test_another_users_token_shows_only_his_own_things(customer, other, product):
    customer.add(product["id"])
    assert other.cart()["items"] == [] and other.cart()["user_id"] == other.user_id
    assert data(other.get("/users/profile"))["id"] == other.user_id
    problem(other.get(f"/users/{customer.user_id}"), 404, "USER_NOT_FOUND")
