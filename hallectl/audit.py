"""hallectl audit: every equation of money and stock, over the books of four services."""

import json
import time

from .books import Books, findings
from .internal import Service
from .progress import Progress
from .say import complain, count, say, visible

AUDIT_EN = """\
audit [--quiet] [--report]

Checks every equation of money and stock: ledger and stock, reservations and orders, lines and
totals, captured and refunded money against the state of the order, the bank's ledger against
the payments. Changes nothing, and the shop may be open: what seems wrong is looked at again
after a second, twice, and what changed within the last minute may still be on its way. Each finding
is told on standard error with the numbers of what it is about.

  --quiet    no progress, and a summary only when something is wrong
  --report   tells the service of orders the number of findings, which shows it in /metrics:
             halle_audit_wrong, halle_audit_timestamp_seconds (a timer does so every minute)

Exit status 1 when something is wrong.

  hallectl audit
"""
AUDIT_FR = """\
audit [--quiet] [--report]

Vérifie toutes les équations d'argent et de stock : registre et stock, réservations et commandes,
lignes et totaux, argent encaissé et remboursé selon l'état de la commande, registre de la banque et
paiements. Ne change rien, et la boutique peut être ouverte : ce qui semble faux est regardé encore
après une seconde, deux fois, et ce qui a changé dans la dernière minute peut être en route. Chaque
erreur est dite sur la sortie d'erreur avec les numéros de ce dont il s'agit.

  --quiet    pas de progression, et un bilan seulement si quelque chose est faux
  --report   dit au service des commandes le nombre d'erreurs, qu'il montre dans /metrics :
             halle_audit_wrong, halle_audit_timestamp_seconds (une minuterie le fait chaque minute)

Code de retour 1 si quelque chose est faux.

  hallectl audit
"""

# from what is made last to what is made first: what a row names is there when its book is read
SERVICES = ("bank", "payments", "orders", "products")
PAGE = 500
LOOKS = 3
PAUSE_S = 1


class Audit(Progress):
    def __init__(self, config, quiet=False):
        super().__init__()
        self.services = {name: Service(config, name) for name in SERVICES}
        self.quiet, self.books = quiet, Books()

    def text(self):
        books = self.books
        return ", ".join([
            count(len(books.orders), "order|orders", "commande|commandes"),
            count(len(books.reservations), "reservation|reservations", "réservation|réservations"),
            count(len(books.payments), "payment|payments", "paiement|paiements"),
            count(len(books.charges), "charge|charges", "débit|débits"),
        ])

    def read(self, name):
        after = 0
        while after is not None:
            body = json.dumps({"after": after, "limit": PAGE}).encode()
            page = self.services[name].post(f"/internal/{name}/audit", body)
            self.books.take(name, page)
            after = page["next"]
            if not self.quiet:
                self.show()

    def look(self):
        self.books = Books()
        for name in SERVICES:
            self.read(name)
        return findings(self.books)

    def wrong(self):
        """What stays wrong: what only moved between two pages is gone at the next look."""
        found = self.look()
        for _ in range(LOOKS - 1):
            if not found:
                break
            time.sleep(PAUSE_S)
            again = set(self.look())
            found = [f for f in found if f in again]
        return found

    def summary(self, found):
        self.clear()
        if found or not self.quiet:
            print(say("{}: {} in {:.1f} s.", "{} : {} en {:.1f} s.").format(
                self.text(), count(len(found), "finding|findings", "erreur|erreurs"), self.seconds()))


def audit(config, _, chosen):
    work = Audit(config, "quiet" in chosen)
    found = work.wrong()
    work.clear()
    for f in found:
        complain(visible(f.text(), 400))
    if "report" in chosen:
        body = {"wrong": len(found), "checked": work.books.checked}
        work.services["orders"].post("/internal/orders/audit-report", json.dumps(body).encode())
    work.summary(found)
    return 1 if found else 0


COMMANDS = [("audit", 0, ("quiet", "report"), audit, AUDIT_EN, AUDIT_FR)]
