"""Profiles: one's own, and another's for the admin."""

import pytest

from harness import data, problem

EMPTY = {"first_name": None, "last_name": None, "phone": None, "address": None}


def test_a_new_profile_has_the_documented_members(customer):
    got = data(customer.get("/users/profile"))
    assert set(got) == {"id", "username", "email", "role", "date_creation", "date_update", *EMPTY}
    assert {k: got[k] for k in EMPTY} == EMPTY


def test_patch_changes_only_what_it_names(customer):
    data(customer.patch("/users/profile", {"first_name": "Zoë", "phone": "+33 1"}))
    got = data(customer.patch("/users/profile", {"first_name": "Chloé"}))
    assert got["first_name"] == "Chloé" and got["phone"] == "+33 1"
    assert data(customer.get("/users/profile")) == got


def test_put_replaces_everything_that_is_the_owners(customer):
    data(customer.patch("/users/profile", {"phone": "+33 1", "address": "1 rue X"}))
    got = data(customer.put("/users/profile", {"last_name": "Ñ"}))
    assert {k: got[k] for k in EMPTY} == {**EMPTY, "last_name": "Ñ"}


def test_null_clears_a_member(customer):
    data(customer.patch("/users/profile", {"phone": "+33 1"}))
    assert data(customer.patch("/users/profile", {"phone": None}))["phone"] is None


def test_the_path_with_the_own_id_is_the_same_profile(customer):
    path = f"/users/{customer.user_id}"
    assert data(customer.get(path)) == data(customer.get("/users/profile"))
    assert data(customer.patch(path, {"first_name": "Ada"}))["first_name"] == "Ada"


def test_another_users_profile_does_not_exist_for_a_customer(customer, other):
    path = f"/users/{other.user_id}"
    for answer in (customer.get(path), customer.put(path, {}), customer.patch(path, {"phone": "1"})):
        problem(answer, 404, "USER_NOT_FOUND")
    assert data(other.get("/users/profile"))["phone"] is None


def test_an_admin_reads_and_changes_any_profile(admin, customer):
    path = f"/users/{customer.user_id}"
    assert data(admin.get(path))["username"] == customer.username
    assert data(admin.patch(path, {"address": "1 rue X\n75000 Paris"}))["address"].endswith("Paris")


@pytest.mark.parametrize(
    "body",
    [{"first_name": ""}, {"first_name": "x" * 101}, {"first_name": 1}, {"first_name": ["a"]},
     {"first_name": "a\nb"}, {"phone": "x" * 33}, {"address": "x" * 501}],
)
def test_a_member_out_of_bounds_changes_nothing(customer, body):
    before = data(customer.get("/users/profile"))
    problem(customer.patch("/users/profile", body), 400, "VALIDATION_FAILED")
    assert data(customer.get("/users/profile")) == before


@pytest.mark.parametrize("name", ["Robert'); DROP TABLE profile;--", "<script>alert(1)</script>", "\\\"'`", "𝄞🛒é"])
def test_any_text_comes_back_as_it_was_sent(customer, name):
    assert data(customer.patch("/users/profile", {"first_name": name}))["first_name"] == name
