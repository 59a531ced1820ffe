"""What a model may be made of, and what it may be trained on."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint

from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint
from http_gateway.schemas_models import ArchitectureList, LayerList, SourceList


def blueprint(client: JobClient) -> APIBlueprint:
    """GET /api/layers, /api/architectures and /api/sources."""
    routes = new_blueprint("models")

    @routes.get(
        "/api/layers",
        summary="The kinds of layers for model_config.layers, with their fields",
        responses={200: LayerList},
    )
    def list_layers() -> Any:
        return {"layers": client.list_layers()}

    @routes.get(
        "/api/architectures",
        summary="The architectures for model_config.architecture, with the fields of config",
        responses={200: ArchitectureList},
    )
    def list_architectures() -> Any:
        return {"architectures": client.list_architectures()}

    @routes.get(
        "/api/sources",
        summary="The sources of data for dataset_config.name, with their own fields",
        responses={200: SourceList},
    )
    def list_sources() -> Any:
        return {"sources": client.list_sources()}

    return routes
