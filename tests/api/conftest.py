"""Fixtures: one instance for all modules that only read and write through the API.

HALLE_TEST_VAR, HALLE_HTTPS_PORT and HALLE_HTTP_PORT name a running instance to use instead.
"""

import os

import pytest

import harness


@pytest.fixture(scope="session")
def instance():
    var = os.environ.get("HALLE_TEST_VAR")
    if var:
        ports = [os.environ[k] for k in ("HALLE_HTTPS_PORT", "HALLE_HTTP_PORT")]
        yield harness.Instance(var, *ports)
        return
    with harness.private_instance(HALLE_LIMITS="off", **harness.PATIENT) as made:
        yield made


@pytest.fixture(scope="session")
def es256_instance():
    """For the modules that run tests of others once more, with this as their instance."""
    with harness.private_instance(HALLE_LIMITS="off", HALLE_JWT="ES256", **harness.PATIENT) as made:
        yield made


@pytest.fixture
def anyone(instance):
    return instance.client()


@pytest.fixture(scope="session")
def admin(instance):
    return instance.admin()


@pytest.fixture
def customer(instance):
    return instance.new_user()


@pytest.fixture
def other(instance):
    return instance.new_user()


@pytest.fixture
def product(instance, admin):
    return instance.new_product(admin)


@pytest.fixture
def unharmed(instance):
    """When the test is over, no worker has died and none has answered 5xx."""

    before = instance.wounds()
    yield
    assert instance.wounds() == before


def pytest_make_parametrize_id(val, argname):
    """Names that are the same in every process, and fit a line: long values may be random."""
    if isinstance(val, (str, bytes)) and len(val) > 40:
        return argname
    return None
