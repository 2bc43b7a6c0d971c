"""A worker does not start with keys that are not sound, and says what to do about it."""

import base64
import os
import pathlib
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness import ROOT, SERVICES

BUILD = pathlib.Path(os.environ.get("HALLE_BUILD") or ROOT / "build").resolve()
HEX = os.urandom(32).hex()


def pair(curve=ec.SECP256R1):
    """The lines of both halves, private and public, without a KID."""
    key = ec.generate_private_key(curve())
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return ["ES256 " + base64.b64encode(der).decode() for der in (private, public)]


PRIVATE, PUBLIC = pair()


@pytest.fixture
def start(tmp_path):
    """Writes the files (None: none) and lets a worker check them: exit status, what it says."""

    def run(service="auth", jwt=f"k {HEX}", private=None, service_keys=f"s {HEX}", conf=""):
        for name, text in (("jwt.keys", jwt), ("jwt.private", private), ("service.keys", service_keys)):
            (tmp_path / name).unlink(missing_ok=True)
            if text is not None:
                (tmp_path / name).touch(0o600)
                (tmp_path / name).write_text(text and text + "\n")
        (tmp_path / "halle.conf").write_text(conf or "auth.jwt_private_file = jwt.private\n")
        done = subprocess.run(
            [BUILD / f"halle-{service}", "--config", tmp_path / "halle.conf", "--check"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
        )
        for secret in (HEX, PRIVATE[6:], PUBLIC[6:]):
            assert secret[-40:] not in done.stdout and secret[:40] not in done.stdout
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize("service", SERVICES)
def test_sound_keys_are_taken(start, service):
    assert start(service) == (0, "")
    assert start(service, jwt=f"k {HEX}\nold {HEX[::-1]}") == (0, "")
    assert start(service, jwt=f"k {PUBLIC}", private=f"k {PRIVATE}") == (0, "")


def test_with_hmac_keys_the_private_file_may_be_missing_or_empty(start):
    for private in (None, "", "# nothing", "whatever"):
        assert start(private=private) == (0, "")
    assert start(conf="log_level = info\n") == (0, "")


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "auth"])
def test_only_auth_asks_for_the_private_key(start, service):
    assert start(service, jwt=f"k {PUBLIC}") == (0, "")


@pytest.mark.parametrize(
    "private, says",
    [
        (None, "jwt.private: No such file"),
        ("", "jwt.private: it is empty"),
        ("# nothing yet", 'add its line "k ES256 BASE64"'),
        (f"old {PRIVATE}", 'add its line "k ES256 BASE64"'),
        (f"k {pair()[0]}", "jwt.private: Line 1 is not the private key"),
        (f"k {pair(ec.SECP384R1)[0]}", "jwt.private: Line 1 is not the private key"),
        (f"k {PUBLIC}", "jwt.private: Line 1 is not"),
        (f"k {HEX}", "jwt.private: Line 1 is not"),
        (f"# a\nk {PRIVATE}\nnonsense", "jwt.private: Line 3 is not"),
    ],
)
def test_auth_does_not_start_without_the_right_private_key(start, private, says):
    status, said = start(jwt=f"k {PUBLIC}", private=private)
    assert status == 1 and says in said and said.startswith("halle-auth: ")


def test_auth_says_that_the_private_file_has_no_name(start):
    status, said = start(jwt=f"k {PUBLIC}", conf="log_level = info\n")
    assert status == 1 and "jwt_private_file must name" in said


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "jwt, says",
    [
        (None, "jwt.keys: No such file"),
        ("", "jwt.keys: it is empty"),
        ("k", "jwt.keys: Line 1 is not"),
        (HEX, "jwt.keys: Line 1 is not"),
        (f"k {HEX[:62]}", "jwt.keys: Line 1 has a key that is not 32 to 64 bytes long"),
        ("k " + "00" * 32, "jwt.keys: Line 1 has a key whose bytes are all alike"),
        (f"k {HEX}\nk {HEX}", "jwt.keys: Line 2 has the KID of the first"),
        (f"k {HEX}\nl {PUBLIC}", "jwt.keys: Line 2 is of another kind"),
        (f"k {PUBLIC}\nl {HEX}", "jwt.keys: Line 2 is of another kind"),
        (f"k {PRIVATE}", "jwt.keys: Line 1 holds a private key"),
        (f"k {pair(ec.SECP384R1)[1]}", "jwt.keys: Line 1 has a key that is not the DER"),
        (f"k {pair(ec.SECP256K1)[1]}", "jwt.keys: Line 1 has a key that is not the DER"),
        (f"k {PUBLIC[:-8]}", "jwt.keys: Line 1 has a key that is not the DER"),
    ],
)
def test_no_worker_starts_with_a_key_that_is_not_sound(start, service, jwt, says):
    status, said = start(service, jwt=jwt, private=f"k {PRIVATE}")
    assert status == 1 and says in said


@pytest.mark.parametrize("service", SERVICES)
def test_services_sign_with_hmac_keys_only(start, service):
    status, said = start(service, service_keys=f"k {PUBLIC}")
    assert status == 1 and "service_keys_file" in said and "openssl rand -hex 32" in said


def test_a_key_file_that_everybody_can_read_is_refused(start, tmp_path):
    start(jwt=f"k {PUBLIC}", private=f"k {PRIVATE}")
    for name in ("jwt.keys", "jwt.private", "service.keys"):
        (tmp_path / name).chmod(0o604)
        done = subprocess.run([BUILD / "halle-auth", "--config", tmp_path / "halle.conf", "--check"],
                              stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.returncode == 1 and name in done.stderr
        (tmp_path / name).chmod(0o600)
