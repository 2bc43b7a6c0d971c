"""What the books of products, orders, payments and bank must say of each other.

Nothing here asks anybody: Books are filled with rows of the services' audit pages, and findings()
is what is wrong in them. What events have still to carry is no finding as long as it is young.
"""

from typing import NamedTuple

from .say import say

YOUNG_S = 60  # what changed since may still be on its way

PAID = ("paid", "preparing", "shipped", "delivered")
CLOSED = ("cancelled", "expired")
UNDER_WAY = ("initiated", "unknown")


class Finding(NamedTuple):
    """Equal findings of two looks are one: so numbers that move are not among them unless they matter."""

    what: str
    ids: tuple  # (name, value) pairs

    def text(self):
        return self.what + ": " + " ".join(f"{name}={value}" for name, value in self.ids)


def finding(english, french, **ids):
    return Finding(say(english, french), tuple(ids.items()))


class Books:
    def __init__(self):
        self.reservations, self.orders, self.payments, self.charges = {}, {}, {}, {}
        self.wrong = []  # (service, what it says of itself)
        self.checked = 0

    def take(self, service, page):
        """A page of POST /internal/<service>/audit."""
        books, key = {
            "products": (self.reservations, "reservation_id"), "orders": (self.orders, "order_id"),
            "payments": (self.payments, "payment_id"), "bank": (self.charges, "key"),
        }[service]
        for row in page["rows"]:
            books[row[key]] = row
        self.checked += len(page["rows"])
        self.wrong += [(service, entry) for entry in page["wrong"]]


def quantities(lines):
    """{product: quantity}, however the lines are split."""
    found = {}
    for line in lines:
        found[line["product_id"]] = found.get(line["product_id"], 0) + line["quantity"]
    return found


def young(*rows):
    return any(row is not None and row["age_s"] < YOUNG_S for row in rows)


def plain(value):
    return value if isinstance(value, (int, str)) else repr(value)


def own(books):
    """What the services found wrong in their own tables."""
    for service, entry in books.wrong:
        ids = tuple((name, plain(value)) for name, value in entry.items() if name != "what")
        yield Finding(f"{service}: {entry['what']}", ids)


# -- orders and their stock


def lines_of(order):
    if order["total_cents"] != order["lines_total_cents"]:
        yield finding("the lines do not add up to the total", "les lignes ne font pas le total",
                      order_id=order["order_id"], total_cents=order["total_cents"],
                      lines_total_cents=order["lines_total_cents"])


STOCK = {"pending": ("held", "expired"), **dict.fromkeys(PAID, ("committed",)),
         **dict.fromkeys(CLOSED, ("released", "expired", None))}


def stock_of(order, reservation):
    """A pending order whose hold was lost takes it anew when it is paid, so "expired" is sound."""
    state = reservation and reservation["state"]
    ids = {"order_id": order["order_id"], "reservation_id": order["reservation_id"]}
    if reservation and order["status"] not in CLOSED and quantities(order["lines"]) != quantities(reservation["lines"]):
        yield finding("the order and its reservation have other lines",
                      "la commande et sa réservation n'ont pas les mêmes lignes", **ids)
    if state not in STOCK[order["status"]] and not young(order):
        yield finding("the reservation does not fit the order", "la réservation ne va pas avec la commande",
                      **ids, status=order["status"], reservation=state or "none")


def unowned(books):
    """Stock sold for no order. A hold without an order ends by itself."""
    owned = {order["reservation_id"] for order in books.orders.values()}
    for name, reservation in books.reservations.items():
        if reservation["state"] == "committed" and name not in owned:
            yield finding("stock is sold for no order", "du stock est vendu pour aucune commande",
                          reservation_id=name)


# -- orders and their money


def by_order(payments):
    found = {}
    for payment in payments.values():
        found.setdefault(payment["order_id"], []).append(payment)
    return found


def amount_of(payment):
    return payment["amount_cents"] or 0  # null until it has begun


def refund_state(payment):
    refunded = payment["refunded_cents"]
    if not refunded:
        return "captured"
    return "refunded" if refunded == payment["amount_cents"] else "partially_refunded"


def paid_wrongly(order, captured):
    """An order that says that it is paid, and what was captured for it."""
    ids = {"order_id": order["order_id"], "status": order["status"]}
    mine = [p for p in captured if p["payment_id"] == order["payment_id"]]
    if not mine:
        yield finding("paid, but nothing was captured for it", "payée, mais rien n'est encaissé pour elle",
                      **ids, payment_id=order["payment_id"])
        return
    if amount_of(mine[0]) != order["total_cents"]:
        yield finding("captured is not the order's total", "l'encaissement n'est pas le total de la commande",
                      **ids, payment_id=order["payment_id"], amount_cents=amount_of(mine[0]),
                      total_cents=order["total_cents"])
    if order["payment_state"] not in (refund_state(mine[0]), "refunding"):
        yield finding("the order does not know what was refunded", "la commande ignore ce qui est remboursé",
                      **ids, payment_id=order["payment_id"], payment_state=order["payment_state"],
                      refunded_cents=mine[0]["refunded_cents"])


def money_of(order, payments):
    """Everything here is carried by events, so nothing is wrong while something is young."""
    if young(order, *payments):
        return
    captured = [p for p in payments if p["state"] == "captured"]
    if order["status"] in PAID:
        yield from paid_wrongly(order, captured)
    for payment in captured:
        kept = amount_of(payment) - payment["refunded_cents"]
        if kept > 0 and (order["status"] not in PAID or payment["payment_id"] != order["payment_id"]):
            yield finding("money is kept for nothing", "de l'argent est gardé pour rien",
                          order_id=order["order_id"], status=order["status"],
                          payment_id=payment["payment_id"], kept_cents=kept)
    if order["payment_state"] == "started":
        under_way = {p["payment_id"] for p in payments if p["state"] in UNDER_WAY}
        if order["payment_id"] not in under_way:
            yield finding("the order waits for a payment that is over", "la commande attend un paiement terminé",
                          order_id=order["order_id"], payment_id=order["payment_id"])


def orderless(books):
    """The order is there before any payment of it has begun."""
    for payment in books.payments.values():
        if payment["state"] == "captured" and payment["order_id"] not in books.orders:
            yield finding("captured for an order that is not there", "encaissé pour une commande qui n'existe pas",
                          payment_id=payment["payment_id"], order_id=payment["order_id"])


def refunds_of(payment):
    done = sum(r["amount_cents"] for r in payment["refunds"] if r["state"] == "done")
    if payment["refunded_cents"] != done or done > amount_of(payment):
        yield finding("the refunds are not what was refunded", "les remboursements ne font pas le remboursé",
                      payment_id=payment["payment_id"], refunded_cents=payment["refunded_cents"],
                      refunds_cents=done, amount_cents=amount_of(payment))


# -- payments and the bank

OUTCOMES = {"approved": ("captured",), "declined": ("declined", "failed"), "void": ("failed", "declined")}


def charge_of(payment, charge):
    """Both books of one key. A payment under way that the bank has approved may be young only."""
    ids = {"payment_id": payment["payment_id"], "order_id": payment["order_id"], "state": payment["state"]}
    if charge is None:
        if payment["state"] in ("captured", "declined"):
            yield finding("the bank does not know the payment", "la banque ignore le paiement", **ids)
        return
    if payment["state"] not in OUTCOMES.get(charge["outcome"], ()) and not young(payment):
        yield finding("the bank says otherwise", "la banque dit autre chose", **ids, outcome=charge["outcome"])
    if charge["outcome"] != "approved" or payment["state"] != "captured":
        return
    if charge["amount_cents"] != payment["amount_cents"]:
        yield finding("the bank charged another amount", "la banque a débité un autre montant", **ids,
                      amount_cents=payment["amount_cents"], bank_cents=charge["amount_cents"])
    refunding = young(payment) or any(r["state"] in UNDER_WAY for r in payment["refunds"])
    if charge["refunded_cents"] != payment["refunded_cents"] and not refunding:
        yield finding("the bank refunded another amount", "la banque a remboursé un autre montant", **ids,
                      refunded_cents=payment["refunded_cents"], bank_cents=charge["refunded_cents"])


def unknown_charges(books):
    """The attempt is committed before the bank is called."""
    for key, charge in books.charges.items():
        if charge["outcome"] == "approved" and key not in books.payments:
            yield finding("the bank charged for no payment", "la banque a débité pour aucun paiement",
                          key=key, amount_cents=charge["amount_cents"])


def findings(books):
    """Everything that is wrong, as a list without repetitions."""
    found = list(own(books))
    payments = by_order(books.payments)
    for order in books.orders.values():
        found += lines_of(order)
        found += stock_of(order, books.reservations.get(order["reservation_id"]))
        found += money_of(order, payments.get(order["order_id"], []))
    for payment in books.payments.values():
        found += refunds_of(payment)
        found += charge_of(payment, books.charges.get(payment["payment_id"]))
    found += unowned(books)
    found += orderless(books)
    found += unknown_charges(books)
    return list(dict.fromkeys(found))
