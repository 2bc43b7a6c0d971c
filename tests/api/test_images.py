"""Pictures of products: raw and Base64 uploads, checked to be what they claim."""

import base64

import pytest

import pictures
from harness import data, problem

LIMIT = 2 * 1024 * 1024


def upload(admin, product, body, kind="image/png"):
    path = f"/products/{product['id']}/image"
    return admin.request("PUT", path, data=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", sorted(pictures.SOUND))
def test_an_uploaded_picture_comes_back_byte_by_byte(admin, anyone, product, kind):
    got = data(upload(admin, product, pictures.SOUND[kind], kind))
    answer = anyone.get(got["image"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert answer.content == pictures.SOUND[kind]
    assert answer.headers["ETag"] and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_picture_in_base64_is_taken_with_the_product(admin, anyone, instance):
    text = base64.b64encode(pictures.png()).decode()
    made = instance.new_product(admin, image=text)
    assert anyone.get(made["image"]).content == pictures.png()


def test_the_address_changes_with_the_content_and_may_be_kept_for_long(admin, anyone, product):
    first = data(upload(admin, product, pictures.png()))["image"]
    second = data(upload(admin, product, pictures.png(3, 3)))["image"]
    assert first != second
    assert "max-age" in anyone.get(second).headers["Cache-Control"]


def test_a_removed_picture_is_not_found(admin, anyone, product):
    upload(admin, product, pictures.png())
    path = f"/products/{product['id']}/image"
    assert admin.delete(path).status_code in (200, 204)
    problem(anyone.get(path), 404, "IMAGE_NOT_FOUND")


def test_a_product_without_a_picture_and_no_product_at_all(anyone, product):
    problem(anyone.get(f"/products/{product['id']}/image"), 404, "IMAGE_NOT_FOUND")
    problem(anyone.get("/products/9007199254740993/image"), 404, "PRODUCT_NOT_FOUND")


def test_a_picture_of_exactly_two_mebibytes_is_taken(admin, anyone, product):
    body = pictures.png_of(LIMIT)
    got = data(upload(admin, product, body))
    assert anyone.get(got["image"]).content == body


def test_one_byte_more_is_refused(admin, anyone, product, unharmed):
    problem(upload(admin, product, pictures.png_of(LIMIT + 1)), 413, "BODY_TOO_LARGE")
    problem(anyone.get(f"/products/{product['id']}/image"), 404, "IMAGE_NOT_FOUND")


GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"", "image/png"),
        (b"hello", "image/png"),
        (pictures.png()[:20], "image/png"),
        (pictures.png()[:-1], "image/png"),
        (pictures.png()[:8] + b"\0" * 60, "image/png"),
        (pictures.JPEG[:30], "image/jpeg"),
        (pictures.WEBP[:16], "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/png"),
        (b"<script>alert(1)</script>", "image/jpeg"),
        (pictures.JPEG, "image/png"),
        (pictures.png(), "image/webp"),
    ],
)
def test_what_is_not_the_picture_it_claims_to_be_is_refused(admin, anyone, product, body, kind, unharmed):
    problem(upload(admin, product, body, kind), 400, "INVALID_IMAGE")
    problem(anyone.get(f"/products/{product['id']}/image"), 404, "IMAGE_NOT_FOUND")


@pytest.mark.parametrize("kind", ["image/gif", "text/html", "image/svg+xml", "application/json", ""])
def test_other_media_types_are_refused(admin, product, kind):
    problem(upload(admin, product, GIF, kind), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("text", ["@@@", "aGVsbG8=", "aGVsbG8", "data:image/png;base64,AAAA", "a b="])
def test_base64_that_is_no_picture_is_refused(admin, text):
    problem(admin.post("/products", {"name": "x", "price": 1, "image": text}), 400)


def test_base64_of_two_mebibytes_is_taken_and_of_one_byte_more_refused(admin, anyone, unharmed):
    whole, over = (base64.b64encode(pictures.png_of(LIMIT + n)).decode() for n in (0, 1))
    made = data(admin.post("/products", {"name": "big", "price": 1, "image": whole}), 201)
    assert len(anyone.get(made["image"]).content) == LIMIT
    got = problem(admin.post("/products", {"name": "bigger", "price": 1, "image": over}), 400)
    assert got["errors"][0]["pointer"] == "#/image"
    problem(admin.post("/products", {"name": "biggest", "price": 1, "image": "A" * (4 << 20)}), 413)
