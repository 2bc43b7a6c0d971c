#!/usr/bin/python3
"""Makes an account as registration does: the row, and the events that make profile and cart.

The password comes on standard input. For installation and demo data; users register through
POST /auth/register.
"""

import argparse
import secrets
import subprocess
import sys
import time


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def uuid7():
    """RFC 9562 5.7, as 32 hex digits."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"


def password_hash(program, password):
    done = subprocess.run([program, "--hash-password"], input=password, stdout=subprocess.PIPE,
                          check=True)
    return done.stdout.decode().strip()


def statements(username, email, hashed, role):
    """For one transaction in halle_auth."""
    yield (
        "INSERT INTO account (username, email, password, role, created_at, updated_at) VALUES"
        f" ({quote(username)}, {quote(email)}, {quote(hashed)}, {quote(role)},"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6));"
    )
    yield "SET @id = LAST_INSERT_ID();"
    for service in ("users", "carts"):
        yield (
            "INSERT INTO outbox (event_id, service, type, data, due_at) VALUES"
            f" (X'{uuid7()}', {quote(service)}, 'user.created',"
            " JSON_OBJECT('user_id', CAST(@id AS UNSIGNED),"
            f" 'username', {quote(username)}, 'email', {quote(email)}, 'role', {quote(role)}),"
            " UTC_TIMESTAMP(6));"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--defaults-file", help="options of MariaDB's client")
    parser.add_argument("--auth-program", required=True, help="halle-auth, which hashes passwords")
    parser.add_argument("--username", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--role", choices=("customer", "admin"), default="customer")
    options = parser.parse_args()
    hashed = password_hash(options.auth_program, sys.stdin.buffer.read())
    client = ["mariadb", "--default-character-set=utf8mb4", "halle_auth"]
    if options.defaults_file:
        client.insert(1, f"--defaults-file={options.defaults_file}")
    text = "\n".join([
        "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES';",
        "START TRANSACTION;",
        *statements(options.username, options.email, hashed, options.role),
        "COMMIT;",
    ])
    sys.exit(subprocess.run(client, input=text.encode()).returncode)


if __name__ == "__main__":
    main()
