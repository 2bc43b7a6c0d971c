"""The checker of histories finds what is wrong, and nothing in what is right."""

import copy
import random

import pytest

from history import FAIL, INFO, OK, READ, Op, Row, applied, op_id, violations

USER = 7


def write(version, begun, ended, outcome=OK, **fields):
    key = fields.pop("key", str(version))
    fields = {"kind": "add", "product": 1, "quantity": 1, "content": {1: version}, **fields}
    return Op(user=USER, op_id=op_id(USER, key), begun=begun, ended=ended, outcome=outcome,
              version=version, **fields)


def read(version, begun, ended, content=None):
    return Op(user=USER, kind=READ, begun=begun, ended=ended, outcome=OK, version=version,
              content={1: version} if content is None else content)


def rows(count):
    return [Row(USER, v, op_id(USER, str(v)), {1: v}) for v in range(1, count + 1)]


def good():
    return [write(1, 0, 1), read(1, 1.5, 2), write(2, 3, 5), read(1, 3.5, 4), read(2, 4, 4.5),
            write(3, 5.5, 9), read(3, 6, 7)]


def letters(ops, there):
    return {found[0] for found in violations(ops, there)}


def test_a_history_that_is_right_is_let_pass():
    assert violations(good(), rows(3)) == []


def test_the_making_of_the_cart_needs_nobody_who_asked():
    made = [Row(USER, 1, b"event", {}), Row(USER, 2, op_id(USER, "2"), {1: 1})]
    assert violations([write(2, 0, 1, content={1: 1})], made) == []


def test_an_operation_names_itself_as_the_service_does():
    assert op_id(5, "k").hex() == "3aed77d4d5bae3796274207a3f59a5d2"


def test_unknown_outcomes_may_be_there_or_not():
    unknown = write(4, 10, 11, INFO)
    assert violations(good() + [unknown], rows(3)) == []
    assert violations(good() + [unknown], rows(4)) == []


def test_a_lost_write_is_found():
    assert "a" in letters(good(), rows(2))


def test_a_gap_in_the_versions_is_found():
    there = rows(3)
    del there[1]
    assert "a" in letters(good(), there)


def test_an_operation_nobody_asked_for_is_found():
    assert "a" in letters(good()[:-2], rows(3))


def test_one_version_told_to_two_writers_is_found():
    assert "a" in letters(good() + [write(3, 5.6, 9.1, key="x")], rows(3))


def test_a_write_made_twice_is_found():
    there = rows(3) + [Row(USER, 4, op_id(USER, "again"), {1: 4})]
    assert "a" in letters(good(), there)


def test_a_version_that_holds_something_else_is_found():
    there = rows(3)
    there[1].content = {1: 1}
    assert "b" in letters(good(), there)


def test_a_read_of_what_was_never_there_is_found():
    assert letters(good() + [read(2, 4, 4.6, content={1: 9})], rows(3)) == {"b"}


def test_a_read_of_what_is_not_committed_is_found():
    assert letters(good() + [read(4, 10, 11)], rows(3)) == {"b"}


def test_a_stale_read_is_found():
    assert letters(good() + [read(1, 5.2, 5.4)], rows(3)) == {"c"}


def test_a_read_older_than_another_read_is_found():
    assert letters(good() + [read(1, 4.6, 4.7)], rows(3)) == {"c"}


def test_a_write_that_took_a_known_version_is_found():
    """Told 2, though 2 had been read before it began."""
    ops = [write(1, 0, 1), read(2, 1.5, 2), write(2, 3, 4)]
    assert letters(ops, rows(2)) == {"c"}


def test_a_refused_write_that_is_there_is_found():
    assert letters(good()[:-2] + [write(3, 5.5, 9, FAIL)], rows(3)) == {"d"}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_changed_in_a_long_history_is_found(seed):
    rng = random.Random(seed)
    ops, there, content = [], [], {}
    for version in range(1, 200):
        kind = rng.choice(("add", "set", "remove", "empty"))
        op = write(version, version, version + 0.5, kind=kind, product=rng.randint(1, 3),
                   quantity=rng.randint(1, 9))
        content = op.content = applied(content, op)
        ops.append(op)
        there.append(Row(USER, version, op.op_id, content))
        ops.append(read(version, version + 0.6, version + 0.7, content))
    assert violations(ops, there) == []
    stale = copy.copy(rng.choice(ops[50:]))
    stale.version -= 1
    assert violations(ops + [stale], there)
    lost = list(there)
    del lost[rng.randrange(len(lost))]
    assert violations(ops, lost)
    wrong = list(there)
    victim = rng.randrange(len(wrong))
    wrong[victim] = Row(USER, victim + 1, wrong[victim].op_id, {**wrong[victim].content, 99: 1})
    assert violations(ops, wrong)
