"""The tests of accounts once more, where tokens are signed ES256."""

import pytest

from test_auth import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def instance(es256_instance):
    return es256_instance
