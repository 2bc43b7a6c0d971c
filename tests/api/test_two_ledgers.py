"""Orders, payments and the bank through the whole shop, while a fifth of the bank's answers do not
come in time and a twentieth come twice: what the bank took is what the shop has sold."""

import random

import pytest

from checkout import LONG, audit_is_clean, buyers, items, order, pay, persist, settled, shown, stock
from harness import data, eventually, in_threads, private_instance

COUNT = 5000 if LONG else 80
LATE, LOST, TWICE, DECLINED = "4000000000000044", "4000000000000036", "4000000000000101", "4000000000009995"
SOUND = "4242424242424242"
# of a hundred
CARDS = [LATE] * 10 + [LOST] * 10 + [TWICE] * 5 + [DECLINED] * 10 + [SOUND] * 65
ENDS = {SOUND: "paid", TWICE: "paid", LATE: "paid", LOST: "pending", DECLINED: "pending"}


@pytest.fixture(scope="module")
def instance():
    """Time-outs are many here, short, and no reason to leave the bank alone."""
    calm = "breaker_failures=100;breaker_calls=10000;breaker_percent=100;bank_ms=300;queue_ms=20000"
    with private_instance(HALLE_LIMITS="off", HALLE_THREADS="16", HALLE_SETTINGS=calm) as made:
        yield made


def test_both_ledgers_are_equal_after_time_outs_and_doubled_answers(instance):
    chance = random.Random(5)
    product = instance.new_product(instance.admin(), price=4, storage_quantity=2 * COUNT)["id"]
    plan = [chance.choice(CARDS) for _ in range(COUNT)]
    crowd = buyers(instance, COUNT)
    placed = [None] * COUNT

    def shop(worker):
        for i in range(worker, COUNT, 16):
            placed[i] = data(persist(lambda i=i: order(crowd[i], items((product, 1)), "o")), 201)["id"]
            persist(lambda i=i: pay(crowd[i], placed[i], plan[i], "p"))

    in_threads(16, shop, 600)
    settled(instance)
    audit_is_clean(instance)
    for client, number, card in zip(crowd, placed, plan):
        eventually(lambda c=client, n=number, s=ENDS[card]: shown(c, n)["status"] == s)
    paid = sum(ENDS[card] == "paid" for card in plan)
    taken = instance.rows("bank", "SELECT COUNT(*) AS n, SUM(amount_cents) AS cents FROM charge WHERE outcome = 'approved'")[0]
    captured = instance.rows("payments", "SELECT COUNT(*) AS n, SUM(amount_cents) AS cents FROM payment WHERE state = 'captured'")[0]
    assert taken == captured == {"n": paid, "cents": 400 * paid}
    now = stock(instance, product)
    assert (now["sold"], now["held"]) == (paid, COUNT - paid)
