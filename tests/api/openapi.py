"""openapi.yaml as the tests use it: which bodies a route takes, and one that it would accept."""

import functools
import uuid

import jsonschema
import yaml

import pictures
from harness import ROOT

# what a caller may try to pass off as a proxy's word, or as ours
SPOOFS = {
    "X-User-Id": "1", "X_User_Id": "1", "X-User": "admin", "X-Role": "admin", "X_Role": "admin", "Role": "admin",
    "X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "admin", "X-Forwarded-Host": "halle.internal",
    "X-Forwarded-Proto": "http", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=halle.internal",
    "Remote-User": "admin", "REMOTE_USER": "admin", "Proxy": "http://127.0.0.1:1", "Halle-Internal": "1",
    "HALLE_INTERNAL": "1", "X-Halle-Internal": "1", "Halle-Deadline-Ms": "1", "HALLE_DEADLINE_MS": "1",
    "X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics", "X-HTTP-Method-Override": "DELETE",
    "X-Request-Id": "me", "HALLE_REQUEST_ID": "me",
}


@functools.cache
def spec():
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


@functools.cache
def resolver():
    return jsonschema.RefResolver.from_schema(spec())


def resolved(node):
    """A $ref followed; what stands beside it wins, as for descriptions in 3.1."""
    if "$ref" not in node:
        return node
    return {**resolved(resolver().resolve(node["$ref"])[1]), **{k: v for k, v in node.items() if k != "$ref"}}


def body_of(method, path):
    """{media type: {schema, example}} of an operation; empty when it has no body or is none."""
    operation = spec()["paths"].get(path, {}).get(method.lower(), {})
    return resolved(operation.get("requestBody", {})).get("content", {})


def members(schema):
    """Names that an object of this schema may have."""
    schema = resolved(schema)
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", []) + schema.get("anyOf", []) + schema.get("oneOf", []):
        found |= members(part)
    return found


def request_for(method, path):
    """Arguments of a request with the documented body, or with {} where one may be wanted."""
    content = body_of(method, path)
    if "application/json" in content:
        body = dict(content["application/json"]["example"])
        name = "x" + uuid.uuid4().hex[:16]  # a name that nobody has, and whose log-ins nobody counts
        fresh = {"username": name, "email": f"{name}@example.com"}
        return {"json": {k: fresh.get(k, v) for k, v in body.items()}}
    if content:
        return {"data": pictures.png(), "headers": {"Content-Type": "image/png"}}
    return {} if method in ("GET", "DELETE") else {"json": {}}
