"""One blueprint a noun; each function is one call of the JobClient."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, Tag

from http_gateway.schemas_responses import ERRORS


def new_blueprint(noun: str, url_prefix: str | None = None) -> APIBlueprint:
    """An empty one, each of whose routes is documented to answer with the API's errors."""
    return APIBlueprint(
        noun, __name__, url_prefix=url_prefix, abp_tags=[Tag(name=noun)], abp_responses=ERRORS
    )
