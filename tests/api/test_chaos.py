"""The database dies under load: answers are 503 until it is back, and nothing is lost."""

import signal
import uuid

import pytest

from harness import HEALTH, PASSWORD, SERVICES, data, eventually, private_instance, problem
from shoppers import Crowd, nothing_was_lost, stores_agree


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


def says(client, path, status, code):
    """Once it does: with the database just gone and every thread waiting for it, a worker may be busy first."""
    answer = None

    def said():
        nonlocal answer
        answer = client.get(path)
        return answer.status_code == status and answer.json()["error"]["code"] == code

    eventually(said)
    problem(answer, status, code)


def test_a_killed_database_loses_no_acknowledged_write(instance):
    with Crowd(instance) as crowd:
        for _ in range(2):
            instance.stop("mariadb", signal.SIGKILL)
            customer = crowd.members[0].client.another()
            says(customer, "/cart", 503, "DATABASE_UNAVAILABLE")
            says(customer, "/health", 500, "UNHEALTHY")
            for service in SERVICES:
                says(customer, HEALTH[service], 503, "NOT_READY")
            instance.dev("up")
            crowd.wait_for_more(10)
    print(f"{crowd.done} writes acknowledged; troubles: {crowd.troubles()}")
    nothing_was_lost(crowd)
    stores_agree(instance)


def test_every_service_recovers_by_itself(instance):
    instance.stop("mariadb", signal.SIGKILL)
    instance.dev("up")
    client = instance.client()
    for service in SERVICES:
        eventually(lambda: client.get(HEALTH[service]).status_code == 200)
    instance.new_user()


def test_a_new_user_gets_his_profile_and_cart_although_their_services_were_away(instance):
    """The outbox delivers when they are back."""
    instance.stop("users")
    instance.stop("carts")
    name = "o" + uuid.uuid4().hex[:16]
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    data(instance.client().post("/auth/register", body), 201)
    customer = instance.login(name, PASSWORD)
    assert customer.get("/users/profile").status_code in (502, 503)
    instance.dev("up")
    assert eventually(lambda: customer.get("/users/profile").status_code == 200, 90)
    eventually(lambda: customer.cart()["version"] == 1, 90)
    eventually(lambda: not instance.rows("auth", "SELECT * FROM outbox"))
