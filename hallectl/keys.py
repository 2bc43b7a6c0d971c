"""hallectl keys: showing and exchanging the keys that sign tokens."""

import datetime
import os
import time

from . import keyfile, workers
from .say import Failure, Usage, say

SHOW_EN = """\
keys show

Shows the keys of access tokens and those of the services: kid, algorithm, which one signs, and
the next step of a rotation under way. Never a key itself.

  hallectl keys show
"""
SHOW_FR = """\
keys show

Montre les clés des jetons d'accès et celles des services : kid, algorithme, laquelle signe, et
l'étape suivante d'un échange en cours. Jamais une clé elle-même.

  hallectl keys show
"""
ROTATE_EN = """\
keys rotate {step} [--service] [--no-restart]{force}

{what}

An exchange of the key that signs, without refusing a single good token, takes three steps:

  hallectl keys rotate next       a new key, which verifies and does not sign yet
  hallectl keys rotate activate   it signs from now on; the old one still verifies
  hallectl keys rotate retire     the old one goes, access_ttl_s later at the earliest

Each step restarts the workers one by one, so that all know what it did.

  --service      the keys that services show each other, not those of access tokens
  --no-restart   change the files alone, and say what is to be restarted
"""
ROTATE_FR = """\
keys rotate {step} [--service] [--no-restart]{force}

{what}

Changer la clé qui signe sans refuser un seul bon jeton prend trois étapes :

  hallectl keys rotate next       une nouvelle clé, qui vérifie et ne signe pas encore
  hallectl keys rotate activate   elle signe désormais ; l'ancienne vérifie encore
  hallectl keys rotate retire     l'ancienne s'en va, au plus tôt après access_ttl_s

Chaque étape redémarre les processus un par un, pour que tous sachent ce qu'elle a fait.

  --service      les clés que les services se montrent, pas celles des jetons d'accès
  --no-restart   ne changer que les fichiers, et dire ce qu'il faut redémarrer
"""
NEW_EN = """\
keys new --alg ES256|HS256 [--no-restart]

Replaces the keys of access tokens by one new key of this algorithm, at once: to change the
algorithm, or when a key was stolen. Every access token given so far is refused from then on;
sessions stay, so browsers and apps refresh and nobody logs in again. To change a key and not
the algorithm, rotate it: hallectl keys rotate next --help

  ES256   the private key lies with halle-auth alone (jwt_private_file), the others only verify
  HS256   one secret that all services share

  hallectl keys new --alg ES256
"""
NEW_FR = """\
keys new --alg ES256|HS256 [--no-restart]

Remplace les clés des jetons d'accès par une nouvelle clé de cet algorithme, d'un coup : pour
changer d'algorithme, ou quand une clé fut volée. Tout jeton d'accès donné jusque-là est refusé
dès lors ; les sessions restent : navigateurs et applications rafraîchissent, personne ne se
reconnecte. Pour changer de clé sans changer d'algorithme : hallectl keys rotate next --help

  ES256   la clé privée est chez halle-auth seul (jwt_private_file), les autres vérifient
  HS256   un secret que tous les services partagent

  hallectl keys new --alg ES256
"""
NO_PRIVATE = "# no private key: jwt.keys are HS256 keys\n"
SERVICE_TTL_S = 60  # of a token between services
LEEWAY_S = 5


class KeySet:
    """The one or two keys of a kind of token, and the files they lie in."""

    def __init__(self, config, service):
        self.service = service
        self.path = config.secret("service_keys_file" if service else "jwt_keys_file")
        if self.path is None:
            raise Failure(say("{} names no key file.", "{} ne nomme pas de fichier de clés.").format(config.file))
        self.private_path = None if service else config.secret("jwt_private_file")
        self.conf = config.file
        self.ttl_s = SERVICE_TTL_S if service else config.seconds("access_ttl_s")
        self.keys = keyfile.read(self.path)

    @property
    def waiting(self):
        """The second key is a new one that does not sign yet."""
        return len(self.keys) == 2 and not keyfile.is_newer(self.keys[0], self.keys[1])

    @property
    def changed(self):
        return self.path.stat().st_mtime

    def private(self):
        """The private halves, where the algorithm has any."""
        if self.private_path is None:
            raise Failure(say(
                "ES256 needs a file for the private key: write “auth.jwt_private_file = jwt.private” into {}, "
                "then repeat this.", "ES256 demande un fichier pour la clé privée : écrivez "
                "« auth.jwt_private_file = jwt.private » dans {}, puis répétez.").format(self.conf))
        return keyfile.read(self.private_path, private=True) if self.private_path.exists() else []

    def make(self, alg):
        """A key that verifies; its private half, kept first of all, signs for nobody yet."""
        halves = self.private() if alg == "ES256" else []
        verifying, signing = keyfile.make(alg, keyfile.new_kid(self.keys + halves))
        if alg == "ES256":
            keyfile.write(self.private_path, [*halves, signing])
        return verifying

    def store(self, keys):
        """Then forgets the private halves of keys that are gone."""
        keyfile.write(self.path, keys)
        self.keys = keys
        if self.private_path is None or not self.private_path.exists():
            return
        kids = {key.kid for key in keys if key.alg == "ES256"}
        halves = [key for key in self.private() if key.kid in kids]
        keyfile.write(self.private_path, halves, "" if halves else NO_PRIVATE)


def clock(moment):
    return datetime.datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")


def command(step, service):
    return f"hallectl keys rotate {step}" + (" --service" if service else "")


# -- showing


def next_step(found):
    if len(found.keys) == 1:
        return say("No rotation is under way.", "Aucun échange en cours.")
    if found.waiting:
        return say("A new key waits. Next: {}", "Une nouvelle clé attend. Ensuite : {}").format(
            command("activate", found.service))
    return say("The old key may go from {}: {}", "L'ancienne clé peut partir dès {} : {}").format(
        clock(found.changed + found.ttl_s + LEEWAY_S), command("retire", found.service))


def show(config, _, __):
    for service in (False, True):
        found = KeySet(config, service)
        title = say("services", "services") if service else say("access tokens", "jetons d'accès")
        print(say("{}: {}, changed {}", "{} : {}, changé le {}").format(title, found.path, clock(found.changed)))
        for i, key in enumerate(found.keys):
            role = say("verifies", "vérifie") if i else say("signs and verifies", "signe et vérifie")
            print(f"  {key.kid:<16}  {key.alg}  {role}")
        print("  " + next_step(found))
    return 0


# -- changing


def tell_restart(found, step):
    names = " ".join(unit.removesuffix(".service") for unit in workers.units()) or "halle-SERVICE@N"
    print(say("Restart the workers now, one after the other when the one before is active: {}",
              "Redémarrez maintenant les processus, l'un quand le précédent est actif : {}").format(names))
    if step == "activate":
        print(say("Then wait {} s before {}", "Attendez ensuite {} s avant {}").format(
            found.ttl_s + LEEWAY_S, command("retire", found.service)))


def finish(found, step, options):
    """The workers learn of it."""
    restarted = "no-restart" not in options and workers.restart()
    if not restarted:
        tell_restart(found, step)
    elif step == "activate":
        # until here some worker may have signed with the old key
        os.utime(found.path)
    if restarted and len(found.keys) == 2:
        print(next_step(found))
    return 0


def rotate_next(config, _, options):
    with keyfile.locked(KeySet(config, "service" in options).path):
        found = KeySet(config, "service" in options)
        if len(found.keys) == 2:
            raise Failure(say("A rotation is under way already. {}", "Un échange est déjà en cours. {}").format(
                next_step(found)))
        new = found.make(found.keys[0].alg)
        found.store([*found.keys, new])
        print(say("New key {}: it verifies, {} still signs.", "Nouvelle clé {} : elle vérifie, {} signe encore."
                  ).format(new.kid, found.keys[0].kid))
        return finish(found, "next", options)


def check_activate(found):
    if len(found.keys) == 1:
        raise Failure(say("There is no second key to activate. First: {}",
                          "Il n'y a pas de seconde clé à activer. D'abord : {}").format(command("next", found.service)))
    if not found.waiting:
        raise Failure(say("The newest key signs already. {}", "La clé la plus neuve signe déjà. {}").format(
            next_step(found)))
    late = workers.started_before(found.changed)
    if late:
        raise Failure(say("These workers do not know the new key yet: {}. Restart them first, or --force.",
                          "Ces processus ne connaissent pas encore la nouvelle clé : {}. Redémarrez-les d'abord, "
                          "ou --force.").format(", ".join(late)))


def rotate_activate(config, _, options):
    with keyfile.locked(KeySet(config, "service" in options).path):
        found = KeySet(config, "service" in options)
        if "force" not in options or len(found.keys) == 1:
            check_activate(found)
        found.store([found.keys[1], found.keys[0]])
        print(say("{} signs from now on, {} still verifies.", "{} signe désormais, {} vérifie encore.").format(
            found.keys[0].kid, found.keys[1].kid))
        return finish(found, "activate", options)


def check_retire(found):
    if found.waiting:
        raise Failure(say("The second key is the new one, which does not sign yet. First: {} (or --force drops it)",
                          "La seconde clé est la nouvelle, qui ne signe pas encore. D'abord : {} (ou --force la "
                          "retire)").format(command("activate", found.service)))
    until = found.changed + found.ttl_s + LEEWAY_S
    if time.time() < until:
        raise Failure(say("Tokens of the old key may live until {}. Wait; or --force, then who holds one must refresh.",
                          "Des jetons de l'ancienne clé peuvent vivre jusqu'à {}. Attendez ; ou --force, et leurs "
                          "porteurs devront rafraîchir.").format(clock(until)))


def rotate_retire(config, _, options):
    with keyfile.locked(KeySet(config, "service" in options).path):
        found = KeySet(config, "service" in options)
        if len(found.keys) == 1:
            raise Failure(say("There is one key only; nothing can be retired.",
                              "Il n'y a qu'une clé ; rien à retirer."))
        if "force" not in options:
            check_retire(found)
        gone = found.keys[1]
        found.store(found.keys[:1])
        print(say("{} is retired, {} signs.", "{} est retirée, {} signe.").format(gone.kid, found.keys[0].kid))
        return finish(found, "retire", options)


def new(config, _, options):
    alg = options.get("alg")
    if alg not in ("ES256", "HS256"):
        raise Usage(say("Which algorithm? Give --alg ES256 or --alg HS256.",
                        "Quel algorithme ? Donnez --alg ES256 ou --alg HS256."))
    with keyfile.locked(KeySet(config, False).path):
        found = KeySet(config, False)
        found.store([found.make(alg)])
        print(say("{} signs from now on ({}). Access tokens given so far are refused; sessions stay and refresh.",
                  "{} signe désormais ({}). Les jetons d'accès donnés jusqu'ici sont refusés ; les sessions restent "
                  "et rafraîchissent.").format(found.keys[0].kid, alg))
        return finish(found, "new", options)


def rotation(step, run, what_en, what_fr, forcible=True):
    options = ("service", "no-restart", "force") if forcible else ("service", "no-restart")
    force = " [--force]" if forcible else ""
    force_en = "  --force        although tokens may be refused\n" if forcible else ""
    force_fr = "  --force        bien que des jetons puissent être refusés\n" if forcible else ""
    return (f"keys rotate {step}", 0, options, run,
            ROTATE_EN.format(step=step, force=force, what=what_en) + force_en,
            ROTATE_FR.format(step=step, force=force, what=what_fr) + force_fr)


COMMANDS = [
    ("keys show", 0, (), show, SHOW_EN, SHOW_FR),
    rotation("next", rotate_next,
             "Adds a new key of the same algorithm, which verifies and does not sign yet.",
             "Ajoute une nouvelle clé du même algorithme, qui vérifie et ne signe pas encore.", forcible=False),
    rotation("activate", rotate_activate,
             "Lets the new key sign. Refused while a worker runs that does not know it.",
             "Fait signer la nouvelle clé. Refusé tant qu'un processus ne la connaît pas."),
    rotation("retire", rotate_retire,
             "Drops the old key. Refused while a token that it signed may live; with --force also\n"
             "drops a new key that does not sign yet.",
             "Retire l'ancienne clé. Refusé tant qu'un jeton qu'elle a signé peut vivre ; avec --force\n"
             "retire aussi une nouvelle clé qui ne signe pas encore."),
    ("keys new", 0, ("alg=", "no-restart"), new, NEW_EN, NEW_FR),
]
