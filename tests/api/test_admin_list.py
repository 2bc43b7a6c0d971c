"""GET /users: what an admin finds, in which order, on which page."""

import re
import uuid

import pytest

from harness import data, problem


@pytest.fixture(scope="module")
def crowd(instance):
    """Profiles of their own word, as if their events had made them; removed at the end."""
    word = "q" + uuid.uuid4().hex[:10]
    people = [  # first and last name, role
        ("Zoë", "Martin"), ("zoe", "Dupont"), ("Chloé", "Martinez"), ("Ada", "Lovelace"), ("ADA", "O'Neil"),
        (None, None), ("100%", "under_score"), ("back\\slash", "x"), ("Jean Pierre", "de la Tour"), ("𝄞", "🛒"),
    ]
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GREATEST(MAX(id), 4000000000) AS top FROM profile")
        base = cursor.fetchone()["top"]
        rows = []
        for n, (first, last) in enumerate(people, 1):
            row = (base + n, f"{word}{chr(ord('z') - n)}", f"m{n}.{word}@Example.com",
                   "admin" if n == 4 else "customer", first, last, 20 - n // 2)
            rows.append(row)
            cursor.execute(
                "INSERT INTO profile (id, username, email, role, first_name, last_name, created_at, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, '2026-01-01' + INTERVAL %s DAY, '2026-01-01')", row)
    yield word, rows
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM profile WHERE id > %s AND id <= %s", (base, base + len(people)))


def found(admin, query):
    return [row["id"] for row in data(admin.get("/users?" + query))]


def ids(crowd, *numbers):
    return [crowd[1][n - 1][0] for n in numbers]


def test_a_row_is_a_whole_profile(admin, crowd):
    row = data(admin.get(f"/users?q={crowd[0]}&limit=1"))[0]
    assert row == data(admin.get(f"/users/{row['id']}"))


def test_the_alias_gives_the_same_list(admin, crowd):
    one, two = (admin.get(f"{path}?q={crowd[0]}").json() for path in ("/users", "/api/users"))
    assert one == two and one["count"] == 10


@pytest.mark.parametrize(
    "words,numbers",
    [("", range(1, 11)), ("zoe", (1, 2)), ("ZOE", (1, 2)), ("Zoë", (1, 2)), ("mart", (1, 3)), ("ada", (4, 5)),
     ("ada love", (4,)), ("love ada", (4,)), ("ada martin", ()), ("m3.", (3,)), ("M10.", (10,)), ("m1", (1, 10)),
     ("100%25", (7,)), ("1%25", ()), ("under_", (7,)), ("underX", ()), ("back\\s", (8,)), ("o'n", (5,)),
     ("jean", (9,)), ("Pierre", ()), ("ovelace", ()), ("𝄞", (10,)), ("de", (9,)), ("nobody", ()),
     ("m2. zo du z d m", (2,))],
)
def test_every_word_begins_something_of_the_user(admin, crowd, words, numbers):
    """The crowd's own word comes first, so that nobody else is found."""
    assert found(admin, f"q={crowd[0]}+{words.replace(' ', '+')}") == ids(crowd, *numbers)


def test_words_that_many_have_are_found_too(admin, instance, crowd):
    """A word of everybody is not looked up, but compared."""
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile (id, username, email, role, last_name, created_at, updated_at)"
            " SELECT 5000000000 + seq, CONCAT('Everybody', seq), CONCAT('common', seq, '@example.com'), 'customer',"
            " IF(seq > 11990, 'Seldom', IF(seq % 2, 'Odd', 'Even')), '2025-01-01', '2025-01-01' FROM seq_1_to_12000")
    try:
        first = found(admin, "q=everybody&limit=3")
        assert first == [5000000001, 5000000002, 5000000003]
        assert found(admin, "q=everybody+common&sort=-id&limit=2") == [5000012000, 5000011999]
        assert found(admin, "q=common+ODD&limit=2") == [5000000001, 5000000003]
        assert found(admin, "q=odd+even") == [] and found(admin, "q=everybody+odd+even&sort=username") == []
        assert len(found(admin, "q=seldom+every&limit=100")) == 10
        assert found(admin, "q=everybody&sort=username&limit=2") == [5000000001, 5000000010]
        assert found(admin, "q=everybody&role=admin") == []
    finally:
        with instance.database("users") as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM profile WHERE id > 5000000000")


def test_the_role_filters(admin, crowd):
    assert found(admin, f"q={crowd[0]}&role=admin") == ids(crowd, 4)
    assert found(admin, f"q={crowd[0]}&role=customer") == ids(crowd, 1, 2, 3, 5, 6, 7, 8, 9, 10)
    roles = {row["role"] for row in data(admin.get("/users?role=admin&limit=100"))}
    assert roles == {"admin"}


ORDERS = {
    "id": lambda r: r[0], "-id": lambda r: -r[0],
    "username": lambda r: r[1], "-username": lambda r: [-ord(c) for c in r[1]],
    "date_creation": lambda r: (r[6], r[0]), "-date_creation": lambda r: (-r[6], -r[0]),
}


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("sort", ORDERS)
def test_the_cursor_walks_over_every_row_once_in_order(admin, crowd, sort, search):
    word, rows = crowd
    path = f"/users?sort={sort}&limit=3" + (f"&q={word}" if search else "")
    walked, pages = [], 0
    while path:
        answer = admin.get(path)
        walked += [row["id"] for row in data(answer)]
        pages += 1
        link = re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])
        assert bool(link) == ("next_cursor" in answer.json())
        assert answer.json()["count"] == len(answer.json()["data"]) <= 3
        assert f"sort={sort}" in re.search(r'<([^>]+)>; rel="first"', answer.headers["Link"])[1]
        path = link and link[1]
    own = {r[0] for r in rows}
    assert [i for i in walked if i in own] == [r[0] for r in sorted(rows, key=ORDERS[sort])]
    assert len(walked) == len(set(walked))
    assert not search or pages == 4


def test_pages_by_number_hold_the_same_rows(admin, crowd):
    rows = [i for n in (1, 2, 3, 4) for i in found(admin, f"q={crowd[0]}&limit=3&page={n}&sort=username")]
    assert rows == found(admin, f"q={crowd[0]}&sort=username")
    assert found(admin, f"q={crowd[0]}&page=5") == []


def test_a_page_has_twenty_rows_unless_told_otherwise(admin, instance):
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile (id, username, email, role, created_at, updated_at) SELECT 6000000000 + seq,"
            " CONCAT('many', seq), CONCAT('many', seq, '@example.com'), 'customer', NOW(6), NOW(6) FROM seq_1_to_120")
        try:
            assert len(found(admin, "q=many")) == 20 and len(found(admin, "q=many&limit=100")) == 100
        finally:
            cursor.execute("DELETE FROM profile WHERE id > 6000000000")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "page=0", "page=-1", "page=2001", "sort=email", "sort=", "cursor=!!",
     "cursor=AAAA", "role=root", "role=", "q=", "q=+++", "q=%ff", "q=%00", "q=" + "x" * 201, "colour=red",
     "limit=1&limit=2", "page=99999999999999999999", "page=102&limit=20"],
)
def test_a_query_that_is_none_is_refused_naming_the_parameter(admin, query):
    got = problem(admin.get("/users?" + query), 400, "VALIDATION_FAILED")
    assert got["errors"][0]["parameter"] == query.split("=")[0]


def test_a_cursor_of_another_order_or_beside_a_page_is_refused(admin, crowd):
    cursor = admin.get(f"/users?q={crowd[0]}&limit=2").json()["next_cursor"]
    for query in (f"sort=-id&cursor={cursor}", f"page=2&cursor={cursor}"):
        problem(admin.get("/users?" + query), 400, "VALIDATION_FAILED")


def test_only_admins_list(anyone, customer):
    for path in ("/users", "/api/users"):
        problem(anyone.get(path), 401, "UNAUTHENTICATED")
        problem(customer.get(path), 403, "FORBIDDEN")
        assert anyone.request("OPTIONS", path).headers["Allow"].startswith("GET, HEAD")
