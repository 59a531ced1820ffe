"""Decides who may use the API, from tokens, addresses and request headers. Pure.

No text made here contains a token, neither the gateway's own nor one that was sent.
"""

from __future__ import annotations

import hmac
import ipaddress
import re

from actors.core.addresses import is_loopback
from actors.core.errors import InvalidRequest
from http_gateway.operations.validation_text import shorten

TOKEN_VARIABLE = "TANDEM_API_TOKEN"
MIN_TOKEN_CHARS = 16
MAX_TOKEN_CHARS = 512
MAKE_TOKEN = (
    f'export {TOKEN_VARIABLE}=$(python3 -c "import secrets; print(secrets.token_urlsafe(32))")'
)
CURL_HEADER = f'-H "Authorization: Bearer ${TOKEN_VARIABLE}"'
SEND_TOKEN = f"send the header `Authorization: Bearer <token>`, with curl: {CURL_HEADER}"
HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]*)?")


def check_token(token: str, source: str) -> str:
    """Returns the token if it is allowed; ``source`` is its place.

    Raises ``InvalidRequest`` with the limit. A token has to be hard to guess, and must pass
    unchanged through a header, a shell and a file.
    """
    if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS:
        raise InvalidRequest(
            f"The token of {source} has {len(token)} characters, but must have {MIN_TOKEN_CHARS} "
            f"to {MAX_TOKEN_CHARS}; make one with: {MAKE_TOKEN}"
        )
    if not all("!" <= character <= "~" for character in token):
        raise InvalidRequest(
            f"The token of {source} has a space, a control character or one outside ASCII, but "
            f"must have letters, digits and ASCII signs only; make one with: {MAKE_TOKEN}"
        )
    return token


def check_exposure(host: str, token: str | None) -> None:
    """Raises ``InvalidRequest`` for a gateway that others can reach and anyone could use."""
    if token is None and not is_loopback(host):
        raise InvalidRequest(
            f"The gateway would listen on {host}, where others reach it, without a token. Make "
            f"one, then start it again:\n  {MAKE_TOKEN}\nOr listen on this host alone, with "
            "--host 127.0.0.1, and reach it by: ssh -L 4000:127.0.0.1:4000 <this host>"
        )


def refuse_credentials(authorization: str | None, token: str) -> str | None:
    """Why a request with this Authorization header is refused; None when it has the token."""
    if not authorization:
        return f"This gateway needs its token: {SEND_TOKEN}"
    scheme, _, sent = authorization.partition(" ")
    sent = sent.strip(" ")
    if scheme.lower() != "bearer" or not sent:
        return f"The Authorization header is not of the form `Bearer <token>`: {SEND_TOKEN}"
    # UTF-8 maps different texts to different bytes; only ASCII ones can be the token's.
    if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), token.encode()):
        return (
            "The token that was sent is not this gateway's: use the one it was started with, by "
            f"{TOKEN_VARIABLE} or the file of its setting api_token_file"
        )
    return None


def refuse_web_page(
    host: str | None, origin: str | None, site: str | None = None, opens_public_page: bool = False
) -> str | None:
    """Why a gateway without a token refuses a request: it may come from a foreign web page.

    A browser on this host sends requests to loopback for any page it shows. It adds the page's
    ``Origin``, except if the page only asks its own origin. A page whose DNS name was changed to
    127.0.0.1 in the meantime ("DNS rebinding") looks like that. It still has its name as ``Host``;
    an address as ``Host`` can't be changed in this way. Things that a page merely shows, such as a
    picture, are requested without an Origin, but with ``Sec-Fetch-Site``. A link may lead to a
    public page: ``opens_public_page``. Programs other than browsers need not send any of these
    headers.
    """
    if host is not None and not _is_localhost_or_address(host):
        return (
            f"Without a token this gateway answers only to localhost and IP addresses, not to "
            f"the Host {shorten(host)!r}: use the address, or start the gateway with a token"
        )
    if origin is not None and (host is None or origin.lower() != f"http://{host}".lower()):
        return (
            f"Without a token this gateway takes no requests of web pages but its own, and "
            f"{shorten(origin)!r} is another Origin: start the gateway with a token"
        )
    if site not in (None, "same-origin", "none") and not opens_public_page:
        return (
            "Without a token this gateway takes no requests of web pages but its own, and the "
            f"Sec-Fetch-Site of this one is {shorten(site)!r}: type the address into the "
            "browser yourself, or start the gateway with a token"
        )
    return None


def _is_localhost_or_address(host: str) -> bool:
    parts = HOST.fullmatch(host)
    if parts is None:
        return False
    if parts["ipv6"] is not None:
        return isinstance(_address(parts["ipv6"]), ipaddress.IPv6Address)
    name = parts["name"].lower()
    return name == "localhost" or isinstance(_address(name), ipaddress.IPv4Address)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
