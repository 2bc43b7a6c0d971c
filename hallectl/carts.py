"""hallectl cart: carts in MariaDB and in their mirror compared, repaired, shown, restored."""

import json
import time

from .internal import Service
from .progress import Progress
from .say import Failure, Usage, complain, count, say, visible

VERIFY_EN = """\
cart verify [--user ID]

Compares every cart, or that of one user, in MariaDB and in the mirror. Changes nothing. Carts
that seem different are looked at again while nobody can write them, and writes that are being
finished are waited for, so the shop may be open. Each wrong one is told on standard error:

  behind     the mirror has an older version, or none: cart repair
  differs    the same version with another content: cart repair
  ahead      the mirror has seen writes that MariaDB does not know: MariaDB lost them.
             The cart refuses writes until: cart restore --from-mirror
  prepared   a write that did not end is left in the mirror: cart repair
  busy       somebody kept writing it; nothing is known

Exit status 1 when one is wrong.

  hallectl cart verify
  hallectl cart verify --user 3
"""
VERIFY_FR = """\
cart verify [--user ID]

Compare chaque panier, ou celui d'un utilisateur, dans MariaDB et dans le miroir. Ne change
rien. Ce qui semble différent est regardé encore sans que personne puisse l'écrire, et les
écritures en cours sont attendues : la boutique peut être ouverte. Les mauvais sont dits sur la
sortie d'erreur :

  behind     le miroir a une version plus ancienne, ou aucune : cart repair
  differs    la même version avec un autre contenu : cart repair
  ahead      le miroir a vu des écritures que MariaDB ignore : MariaDB les a perdues.
             Le panier refuse les écritures jusqu'à : cart restore --from-mirror
  prepared   une écriture inachevée est restée dans le miroir : cart repair
  busy       quelqu'un l'écrivait sans cesse ; on n'en sait rien

Code de retour 1 s'il y en a un mauvais.

  hallectl cart verify
  hallectl cart verify --user 3
"""
REPAIR_EN = """\
cart repair [--user ID]

As cart verify, and brings the mirror into step with MariaDB, as the reconciler does by itself.
What is ahead is not touched: MariaDB lost it, and cart restore --from-mirror brings it back.
Exit status 1 when a cart is wrong still.

  hallectl cart repair
"""
REPAIR_FR = """\
cart repair [--user ID]

Comme cart verify, et remet le miroir en accord avec MariaDB, comme le fait le réconciliateur.
Ce qui est en avance n'est pas touché : MariaDB l'a perdu, et cart restore --from-mirror le
rend. Code de retour 1 s'il reste un mauvais panier.

  hallectl cart repair
"""
SHOW_EN = """\
cart show USER

The cart of the user with this number: what MariaDB, the mirror and its prepared slot hold, and
the last operations.

  hallectl cart show 3
"""
SHOW_FR = """\
cart show UTILISATEUR

Le panier de l'utilisateur de ce numéro : ce qu'en ont MariaDB, le miroir et sa case préparée,
et les dernières opérations.

  hallectl cart show 3
"""
RESTORE_EN = """\
cart restore --from-mirror [--committed-only]

Brings back carts that MariaDB lost (its table was emptied, or an older backup put in): every
state of the mirror that is newer than MariaDB's is written there, with an operation that says
so. A newer version is never overwritten; carts that lost nothing are not touched. May be
repeated, broken off, and run while the shop is open: lost carts refuse writes until then.

A write that was under way in the moment of the loss is in the mirror's prepared slot, and
nobody knows any more whether it was acknowledged. An acknowledged write may not be lost, so it
is taken, unless the history that MariaDB still has says that it was not made; it is told as
“prepared”, for it may be one that was refused. With --committed-only those are left out.

Of a backup, put it in while the carts are stopped, start them, and run this at once.

  hallectl cart restore --from-mirror
"""
RESTORE_FR = """\
cart restore --from-mirror [--committed-only]

Rend les paniers que MariaDB a perdus (sa table fut vidée, ou une sauvegarde plus ancienne
remise) : chaque état du miroir plus récent que celui de MariaDB y est écrit, avec une opération
qui le dit. Jamais une version plus récente n'est écrasée ; ce qui n'a rien perdu n'est pas
touché. Peut être répété, interrompu, et lancé boutique ouverte : les paniers perdus refusent
les écritures jusque-là.

Une écriture en cours au moment de la perte est dans la case préparée du miroir, et nul ne sait
plus si elle fut confirmée. Une écriture confirmée ne doit pas se perdre : elle est donc prise,
sauf si l'histoire que MariaDB a gardée dit qu'elle ne fut pas faite ; elle est dite « prepared »,
car elle a pu être refusée. Avec --committed-only, celles-là sont laissées.

Une sauvegarde se remet paniers arrêtés ; démarrez-les, et lancez ceci aussitôt.

  hallectl cart restore --from-mirror
"""

ROLLBACK_EN = """\
cart rollback USER VERSION

Makes the cart of the user with this number what it was in that version: a new version with the
old lines, as POST /cart/rollback of the user himself. Versions are kept for cart_history_days;
cart show tells the last ones. Repeated, it makes one more version with the same lines.

  hallectl cart rollback 3 17
"""
ROLLBACK_FR = """\
cart rollback UTILISATEUR VERSION

Rend au panier de l'utilisateur de ce numéro ce qu'il avait dans cette version : une nouvelle
version avec les anciennes lignes, comme POST /cart/rollback de l'utilisateur. Les versions sont
gardées cart_history_days jours ; cart show dit les dernières. Répété, il fait une version de plus
avec les mêmes lignes.

  hallectl cart rollback 3 17
"""

ROUNDS = 6  # so often a cart with an unfinished write is looked at again
PAUSE_S = 0.5
PASSING = ("prepared", "busy")


def number(text):
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 63):
        raise Usage(say("“{}” is not a number above 0.",
                        "« {} » n'est pas un nombre supérieur à 0.").format(visible(text)))
    return int(text)


def post(carts, step, **body):
    return carts.post(f"/internal/carts/{step}", json.dumps(body).encode())


# -- verify, repair


class Sweep(Progress):
    def __init__(self, carts, repair):
        super().__init__()
        self.carts, self.repair = carts, repair
        self.checked = self.repaired = 0
        self.wrong = dict.fromkeys(("behind", "ahead", "differs", "prepared", "busy"), 0)

    def text(self):
        equal = self.checked - sum(self.wrong.values())
        parts = [
            count(self.checked, "cart|carts", "panier|paniers"),
            count(equal, "equal|equal", "égal|égaux"),
            count(self.wrong["behind"], "behind|behind", "en retard|en retard"),
            count(self.wrong["ahead"], "ahead|ahead", "en avance|en avance"),
            count(self.wrong["differs"], "differs|differ", "diffère|diffèrent"),
            count(self.wrong["prepared"], "prepared left|prepared left", "préparé resté|préparés restés"),
            count(self.wrong["busy"], "busy|busy", "occupé|occupés"),
        ]
        if self.repair:
            parts.append(count(self.repaired, "repaired|repaired", "réparé|réparés"))
        return ", ".join(parts)

    def step(self, **body):
        """Settles what can be told now; the users to ask for again, and where to go on."""
        got = post(self.carts, "verify", repair=self.repair, **body)
        again = [cart for cart in got["carts"] if not self.settle(cart)]
        return got, again

    def settle(self, cart):
        if cart["repaired"]:
            self.repaired += cart["verdict"] not in PASSING
            return True
        if cart["verdict"] in PASSING:
            return False
        self.blame(cart)
        return True

    def blame(self, cart):
        self.wrong[cart["verdict"]] += 1
        self.clear()
        complain(say("user {user_id}: {verdict}: MariaDB has version {database_version}, the mirror {mirror_version}",
                     "utilisateur {user_id} : {verdict} : MariaDB a la version {database_version}, le miroir"
                     " {mirror_version}").format(**cart))

    def everybody(self):
        where = {}
        while where is not None:
            got, again = self.step(**where)
            self.checked += got["checked"]
            self.wait_for(again)
            self.show()
            where = {"after": got["next"]} if "next" in got else None

    def one(self, user):
        got, again = self.step(user_id=user)
        self.checked += got["checked"]
        self.wait_for(again)

    def wait_for(self, unfinished):
        """A write under way ends within moments; what is left then was left behind."""
        for _ in range(ROUNDS):
            if not unfinished:
                return
            time.sleep(PAUSE_S)
            unfinished = [cart for old in unfinished for cart in self.step(user_id=old["user_id"])[1]]
        for cart in unfinished:
            self.blame(cart)

    def summary(self):
        self.clear()
        print(say("{} in {:.1f} s.", "{} en {:.1f} s.").format(self.text(), self.seconds()), flush=True)


def sweep(config, chosen, repair):
    work = Sweep(Service(config, "carts"), repair)
    if "user" in chosen:
        work.one(number(chosen["user"]))
    else:
        work.everybody()
    work.summary()
    return 1 if any(work.wrong.values()) else 0


def verify(config, _, chosen):
    return sweep(config, chosen, repair=False)


def repair(config, _, chosen):
    return sweep(config, chosen, repair=True)


# -- show


def cells(state):
    """{row: text} of one store's state."""
    if state is None:
        return {}
    there = say("deleted", "supprimé") if state["deleted"] else say("there", "là")
    found = {"version": state["version"], "fence": state["fence"], say("state", "état"): there}
    if state["items"] is None:
        found[say("state", "état")] = say("unreadable", "illisible")
    for line in state["items"] or []:
        found[say("product {}", "produit {}").format(line["product_id"])] = \
            "{} x {:.2f}".format(line["quantity"], line["unit_price"])
    return found


def table(columns):
    """Rows of names and one cell per column, aligned."""
    heads = [("", *(name for name, _ in columns))]
    names = list(dict.fromkeys(name for _, found in columns for name in found))
    rows = heads + [(name, *(str(found.get(name, "-")) for _, found in columns)) for name in names]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def show(config, arguments, _):
    got = post(Service(config, "carts"), "inspect", user_id=number(arguments[0]))
    print(say("user {}: {}", "utilisateur {} : {}").format(got["user_id"], got["verdict"]))
    stores = [("MariaDB", cells(got["database"])), (say("mirror", "miroir"), cells(got["mirror"])),
              (say("prepared", "préparé"), cells(got["prepared"]))]
    print("\n".join(table(stores)))
    print(say("highest fence seen by the mirror: {}", "plus haute barrière vue par le miroir : {}").format(
        got["mirror_fence"]))
    print(say("last operations:", "dernières opérations :") if got["operations"]
          else say("no operations", "aucune opération"))
    for op in got["operations"]:
        print(visible("  {version}  {created_at}  {status}  {operation}".format(**op)))
        print("     op_id {op_id}  fence {fence}".format(**op))
    return 0


# -- rollback


def rollback(config, arguments, _):
    user, version = number(arguments[0]), number(arguments[1])
    cart = post(Service(config, "carts"), "rollback", user_id=user, version=version)
    print(say("user {}: version {} has the lines of version {}: {}.",
              "utilisateur {} : la version {} a les lignes de la version {} : {}.").format(
        user, cart["version"], version, count(len(cart["items"]), "line|lines", "ligne|lignes")))
    return 0


# -- restore


class Restore(Progress):
    def __init__(self):
        super().__init__()
        self.checked = 0
        self.results = dict.fromkeys(("restored", "prepared", "bad", "busy"), 0)

    def text(self):
        return ", ".join([
            count(self.checked, "cart in the mirror|carts in the mirror", "panier du miroir|paniers du miroir"),
            count(self.results["restored"] + self.results["prepared"], "restored|restored", "rendu|rendus"),
            count(self.results["prepared"], "of them prepared|of them prepared", "dont préparé|dont préparés"),
            count(self.results["bad"], "bad|bad", "mauvais|mauvais"),
            count(self.results["busy"], "busy|busy", "occupé|occupés"),
        ])

    def take(self, cart):
        self.results[cart["result"]] += 1
        if cart["result"] == "restored":
            return
        self.clear()
        complain(say("user {user_id}: {result}: version {before} in MariaDB, now {after}",
                     "utilisateur {user_id} : {result} : version {before} dans MariaDB, maintenant {after}"
                     ).format(**cart))

    def summary(self):
        self.clear()
        print(say("{} in {:.1f} s.", "{} en {:.1f} s.").format(self.text(), self.seconds()))
        if self.results["prepared"]:
            print(say("“prepared”: these writes were under way when MariaDB lost them; they may have been refused.",
                      "« prepared » : ces écritures étaient en cours à la perte ; elles ont pu être refusées."))


def restore(config, _, chosen):
    if "from-mirror" not in chosen:
        raise Usage(say("Restore from what? Give --from-mirror.", "Restaurer d'où ? Donnez --from-mirror."))
    carts, work = Service(config, "carts"), Restore()
    where = {"fence": 0}
    while where is not None:
        got = post(carts, "restore", committed_only="committed-only" in chosen, **where)
        work.checked += got["checked"]
        for cart in got["carts"]:
            work.take(cart)
        work.show()
        where = {"fence": got["fence"], "after": got["next"]} if "next" in got else None
    work.summary()
    if work.results["bad"] or work.results["busy"]:
        raise Failure(say("Some carts were not restored; repeat for those that were busy.",
                          "Des paniers n'ont pas été rendus ; recommencez pour ceux qui étaient occupés."))
    return 0


COMMANDS = [
    ("cart verify", 0, ("user=",), verify, VERIFY_EN, VERIFY_FR),
    ("cart repair", 0, ("user=",), repair, REPAIR_EN, REPAIR_FR),
    ("cart show", 1, (), show, SHOW_EN, SHOW_FR),
    ("cart rollback", 2, (), rollback, ROLLBACK_EN, ROLLBACK_FR),
    ("cart restore", 0, ("from-mirror", "committed-only"), restore, RESTORE_EN, RESTORE_FR),
]
