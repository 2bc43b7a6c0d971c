"""Messages in English and French; codes never change."""

import pytest

from harness import problem


def wrong(anyone, header):
    headers = {"Accept-Language": header} if header is not None else {"Accept-Language": ""}
    answer = anyone.post("/auth/login", {"username": "x"}, headers=headers)
    problem(answer, 400, "MISSING_CREDENTIALS")
    return answer


@pytest.mark.parametrize("header", ["fr", "fr-FR", "fr-CA, en;q=0.5", "de, fr;q=0.8, en;q=0.3", "FR"])
def test_french_is_spoken_to_those_who_prefer_it(anyone, header):
    answer = wrong(anyone, header)
    assert answer.json()["error"]["message"] == "Envoyez username et password."
    assert answer.headers["Content-Language"] == "fr"


@pytest.mark.parametrize(
    "header",
    [None, "en", "de", "*", "en, fr", "fr;q=0", "nonsense;;;", "fr;q=0.1, en", "x" * 3000],
)
def test_english_is_spoken_to_everybody_else(anyone, header):
    answer = wrong(anyone, header)
    assert answer.json()["error"]["message"] == "Send username and password."
    assert answer.headers["Content-Language"] == "en"


def test_what_is_wrong_with_a_field_is_told_in_french_too(anyone):
    body = {"username": "ab", "email": "a@example.com", "password": "long enough now"}
    answer = anyone.post("/auth/register", body, headers={"Accept-Language": "fr"})
    error = problem(answer, 400)["errors"][0]
    assert error["detail"] == "Il faut au moins 3 caractères." and error["code"] == "min_length"


def test_nginx_speaks_both_languages_too(anyone):
    english = anyone.get("/nowhere", headers={"Accept-Language": "en"}).json()
    french = anyone.get("/nowhere", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).json()
    assert english["error"]["code"] == french["error"]["code"] == "NOT_FOUND"
    assert "Il n'y a rien" in french["error"]["message"] and "nothing" in english["error"]["message"]


def test_answers_in_two_languages_say_so_to_caches(anyone):
    for answer in (wrong(anyone, "fr"), anyone.get("/nowhere")):
        assert "Accept-Language" in answer.headers["Vary"]
