"""Serves the page's own files. The page reaches nothing but the gateway that it came from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

FILES = Path(__file__).parent / "static"
# By a table of our own: the system's may know other types, and a browser refuses a module by them.
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


# Not a module: it runs before the page is drawn.
FIRST_SCRIPT = "app/first_theme.js"


def page_files() -> Blueprint:
    """``/`` and what it loads."""
    routes = Blueprint("page", __name__)
    known = {p.relative_to(FILES).as_posix(): p for p in FILES.rglob("*") if p.is_file()}
    first_page = _with_modules(known["index.html"].read_text("utf-8"), known).encode()

    @routes.get("/")
    def home() -> Response:
        return _answer(first_page, ".html")

    @routes.get("/page/<path:name>")
    def file(name: str) -> Response:
        if name not in known:
            raise NotFound
        return _answer(known[name].read_bytes(), known[name].suffix)

    @routes.after_request
    def restrict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return routes


def _with_modules(html: str, names: Iterable[str]) -> str:
    """Names all modules at once: a browser would find them one import after the other."""
    modules = sorted(name for name in names if name.endswith(".js") and name != FIRST_SCRIPT)
    links = [f'    <link rel="modulepreload" href="/page/{name}">\n' for name in modules]
    before, after = html.split("  </head>")
    return "".join([before, *links, "  </head>", after])


def _answer(content: bytes, suffix: str) -> Response:
    """A browser asks each time whether it has changed: after an update all belong together."""
    response = Response(content, mimetype=TYPES.get(suffix, "text/plain"))
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
