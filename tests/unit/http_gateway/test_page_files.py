"""The page's files: what is served, how, and what the page may reach."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from http_gateway.page.page_files import FILES
from tests.support.answers import error_of

IMPORT = re.compile(r"""^(?:import|export)\s[^;]*?from\s+["']([^"']+)["'];""", re.M | re.S)
OWN = sorted(p for p in FILES.rglob("*") if p.is_file() and "vendor" not in p.parts)
SCRIPTS = [path for path in OWN if path.suffix == ".js"]
MAX_LINES = 300


def test_the_page_may_reach_nothing_but_its_gateway(http: FlaskClient) -> None:
    policy = http.get("/").headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy and "http" not in policy
    assert http.get("/page/app/main.js").headers["Content-Security-Policy"] == policy


def test_each_file_has_the_type_that_a_browser_wants(http: FlaskClient) -> None:
    for name, mimetype in [
        ("", "text/html"),
        ("page/app/main.js", "text/javascript"),
        ("page/style/base.css", "text/css"),
        ("page/icon.svg", "image/svg+xml"),
    ]:
        with http.get(f"/{name}") as response:
            assert (response.status_code, response.mimetype) == (200, mimetype)
            assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_browser_asks_whether_a_file_is_still_the_same(http: FlaskClient) -> None:
    with http.get("/page/app/main.js") as first:
        assert first.headers["Cache-Control"] == "no-cache"
        tag = first.headers["ETag"]
    assert http.get("/page/app/main.js", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    "name", ["nope.js", "../page_files.py", "..%2fpage_files.py", "app", "app/", "/etc/passwd", ""]
)
def test_nothing_but_its_files_is_served(http: FlaskClient, name: str) -> None:
    error_of(http.get(f"/page/{name}"), 404)


def test_the_first_page_names_every_module(http: FlaskClient) -> None:
    page = http.get("/").text
    names = [f"/page/{path.relative_to(FILES)}" for path in SCRIPTS]
    missing = [name for name in names if f'<link rel="modulepreload" href="{name}">' not in page]
    assert missing == ["/page/app/first_theme.js"]
    assert page.count("<script ") == 2 and page.count("</head>") == 1


def test_every_script_imports_what_is_there(http: FlaskClient) -> None:
    for path in SCRIPTS:
        url = f"/page/{path.relative_to(FILES)}"
        for name in IMPORT.findall(path.read_text("utf-8")):
            with http.get(urljoin(url, name)) as response:
                assert response.status_code == 200, (url, name)


def test_no_text_becomes_html_and_no_string_becomes_code() -> None:
    banned = re.compile(r"innerHTML|outerHTML|insertAdjacent|dangerouslySet|\beval\b|new Function")
    found = {path.name: banned.findall(path.read_text("utf-8")) for path in SCRIPTS}
    assert {name: words for name, words in found.items() if words} == {}


def test_files_stay_short() -> None:
    assert [p.name for p in SCRIPTS if p.read_text("utf-8").count("\n") > MAX_LINES] == []


def test_what_others_wrote_has_its_licence_beside_it() -> None:
    vendor = FILES / "vendor"
    libraries = {p.name.partition(".")[0] for p in vendor.iterdir() if p.suffix in (".js", ".css")}
    assert {name for name in libraries if not (vendor / f"{name}.LICENSE.txt").exists()} == set()
