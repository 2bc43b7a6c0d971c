"""Never more is sold than there is, whoever buys at once and in whatever order."""

import pytest

from checkout import LONG, StockWatch, at_once, audit_is_clean, buyers, items, order, pay, persist, shown, stock
from harness import PATIENT, data, eventually, private_instance, problem

ROUNDS = 20 if LONG else 3


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_hundred_buyers_of_fifty(instance, round_):
    """Exactly 50 have an order, 150 are told what there is; half of the 50 pay, the rest cancel."""
    product = instance.new_product(instance.admin(), storage_quantity=50)["id"]
    crowd = buyers(instance, 200)
    with StockWatch(instance, {product: 50}):
        answers = at_once(crowd, lambda c, i: persist(lambda: order(c, items((product, 1)), f"{round_}-{i}")))
        bought = [(c, a) for c, a in zip(crowd, answers) if a.status_code == 201]
        for answer in answers:
            if answer.status_code != 201:
                line, = problem(answer, 409, "OUT_OF_STOCK")["lines"]
                assert line == {"product_id": product, "requested": 1, "available": line["available"]}
        assert len(bought) == 50
        assert stock(instance, product)["available"] == 0
        paid = at_once(bought[:25], lambda b, _: persist(lambda: pay(b[0], b[1].json()["data"]["id"], key="p")))
        assert [a.status_code for a in paid] == [201] * 25
        for client, answer in bought[25:]:
            data(client.delete(f"/orders/{answer.json()['data']['id']}"))
        eventually(lambda: (now := stock(instance, product))["sold"] == 25 and now["available"] == 25)
    audit_is_clean(instance)


def test_crossed_orders_of_many_lines_give_no_5xx(instance):
    """Two thirds of the stock is wanted; lines come in opposite orders, as deadlocks like it."""
    admin = instance.admin()
    products = [instance.new_product(admin, storage_quantity=200)["id"] for _ in range(6)]
    crowd = buyers(instance, 32)

    def shop(client, i):
        statuses = []
        for n in range(20 if LONG else 4):
            lines = [(p, 1 + (i + n) % 3) for p in products]
            answer = order(client, items(*(lines if (i + n) % 2 else reversed(lines))))
            statuses.append(answer.status_code)
            if answer.status_code == 201:
                assert client.delete(f"/orders/{answer.json()['data']['id']}").status_code == 200
        return statuses

    with StockWatch(instance, dict.fromkeys(products, 200)):
        statuses = [s for list_ in at_once(crowd, shop) for s in list_]
    assert set(statuses) <= {201, 409} and statuses.count(201) > len(statuses) // 2
    eventually(lambda: all(stock(instance, p)["available"] == 200 for p in products))


@pytest.mark.parametrize("quantity", [-5, 0, 1.5, 1000, "1", None, True])
def test_the_published_quantities_are_refused(instance, quantity):
    """What the shops of before took: a negative one raised the stock and lowered the total."""
    product = instance.new_product(instance.admin(), storage_quantity=5)["id"]
    buyer, = buyers(instance, 1)
    problem(order(buyer, {"items": [{"product_id": product, "quantity": quantity}]}), 400, "VALIDATION_FAILED")
    assert stock(instance, product)["available"] == 5


def test_the_same_product_on_two_lines_is_one_wish(instance):
    product = instance.new_product(instance.admin(), storage_quantity=15)["id"]
    buyer, = buyers(instance, 1)
    line, = problem(order(buyer, items((product, 10), (product, 10))), 409, "OUT_OF_STOCK")["lines"]
    assert line == {"product_id": product, "requested": 20, "available": 15}
    got = data(order(buyer, items((product, 7), (product, 8))), 201)
    assert [i["quantity"] for i in shown(buyer, got["id"])["items"]] == [15]
