"""Full-text search: accents and case do not matter, beginnings of words match."""

import uuid

import pytest

from harness import data


@pytest.fixture(scope="module")
def tag(instance, admin):
    """A word that this module's products share, so that others do not disturb."""
    word = "q" + uuid.uuid4().hex[:10]
    for name, text in (
        ("Étendoir pliable", "Sèche le linge en hiver"),
        ("Chaussure gauche", "pointure 42, cuir"),
        ("CRÈME brûlée", "dessert à l'œuf"),
        ("Naïve lamp", "über-hell"),
    ):
        instance.new_product(admin, name=f"{name} {word}", description=text)
    return word


def names(anyone, q):
    answer = anyone.session.get(
        anyone.instance.url + "/products", params={"q": q}, timeout=20
    )
    return [row["name"].rsplit(" ", 1)[0] for row in data(answer)]


@pytest.mark.parametrize(
    "words, found",
    [
        ("etendoir", "Étendoir pliable"),
        ("ÉTENDOIR", "Étendoir pliable"),
        ("eten", "Étendoir pliable"),
        ("creme brulee", "CRÈME brûlée"),
        ("Crème", "CRÈME brûlée"),
        ("naive", "Naïve lamp"),
        ("uber", "Naïve lamp"),
        ("linge seche", "Étendoir pliable"),
        ("chauss gau", "Chaussure gauche"),
    ],
)
def test_words_are_found_without_accents_case_or_ends(anyone, tag, words, found):
    assert names(anyone, f"{words} {tag}") == [found]


def test_every_word_must_be_there(anyone, tag):
    assert names(anyone, f"etendoir gauche {tag}") == []


def test_what_nothing_matches_is_an_empty_list(anyone):
    assert names(anyone, "xyzzyplughfrobozz") == []


@pytest.mark.parametrize(
    "q", ["+", "-", "*", "()", '"', "+-*", "@4 >", "~a <b", "' OR 1=1 --", "%", "_", "a", "\\", "é", "🛒", "x" * 200]
)
def test_signs_and_single_letters_are_no_syntax(anyone, q):
    answer = anyone.session.get(anyone.instance.url + "/products", params={"q": q}, timeout=20)
    assert answer.status_code in (200, 400), answer.text


def test_the_shipped_catalogue_has_the_drying_rack(anyone):
    assert "Étendoir de Noah" in [r["name"] for r in data(anyone.get("/products?q=etendoir&limit=100"))]
