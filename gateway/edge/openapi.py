"""The API's description (OpenAPI 3.1), made from the routes and their types, and a page to read it without any script."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version as installed
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.edge.failures import PROBLEM_TYPE, Problem
from gateway.edge.operations import OPERATIONS, PATH_PARAMETERS, Operation, Operations, Parameter
from gateway.edge.operator_operations import OPERATOR_OPERATIONS

REF = "#/components/schemas/{name}"
STREAM = ("GET", "/v1/channels/{channel}/stream")
"""Answered by the door, which has no routes."""
PAGE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
CACHE = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Api:
    """An API that is described.

    Args:
        prefix: of its routes; its document and the page of that are below it.
        besides: operations that have no route.
    """

    title: str
    description: str
    prefix: str
    operations: Operations
    besides: tuple[tuple[str, str], ...] = ()
    cache: str = CACHE

    @property
    def document_path(self) -> str:
        """Where programs read it."""
        return f"{self.prefix}/openapi.json"


PUBLIC = Api(
    "Grandstand",
    "Live matches, their past, leaderboards and players' stats. The messages of /v1/live and of event streams are described in "
    "the protocol's own document.",
    "/v1",
    OPERATIONS,
    (STREAM,),
)
OPERATORS = Api(
    "Grandstand for operators",
    "What everything is doing. On the admin port without a token; overview, channel and connection on the public one, too, with "
    "a token of scope admin.",
    "/admin/v1",
    OPERATOR_OPERATIONS,
    cache="no-store",
)


def document(api: Api, routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI document of an API's routes.

    Raises:
        KeyError: a route is not described.
    """
    described = [
        (method, route.path.replace(":path}", "}"))
        for route in routes
        if isinstance(route, Route) and route.path.startswith(f"{api.prefix}/")
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    operations = {key: api.operations[key] for key in [*described, *api.besides]}
    types = list(dict.fromkeys([Problem, *(one for each in operations.values() for one in _types(each))]))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in sorted(operations.items(), key=lambda item: (item[0][1], item[0][0])):
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": api.title,
            "version": installed("grandstand"),
            "description": api.description,
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{}, {"token": []}],
    }


def _types(operation: Operation) -> list[type]:
    bodies = [schema for _, schema in operation.body if isinstance(schema, type)]
    return ([operation.answer] if isinstance(operation.answer, type) else []) + bodies


def _operation(method: str, path: str, operation: Operation, by_type: dict[type, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}
        for name in (part[1:-1] for part in path.split("/") if part.startswith("{"))
    ]
    parameters += [_parameter(parameter) for parameter in operation.parameters]
    responses: dict[str, Any] = {
        str(code): {"description": _phrase(code), **_content(operation, by_type)} for code in operation.success
    }
    if operation.validated:
        responses["304"] = {"description": _phrase(304)}
    for name, description, schema in operation.headers:
        for answered in responses.values():
            answered.setdefault("headers", {})[name] = {"description": description, "schema": schema}
    problem = {PROBLEM_TYPE: {"schema": by_type[Problem]}}
    responses |= {str(code): {"description": _phrase(code), "content": problem} for code in operation.problems}
    described: dict[str, Any] = {
        "operationId": method.lower() + path.partition("/v1")[2].replace("/", "_").replace("{", "").replace("}", ""),
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    }
    if operation.body:
        content = {
            media: {"schema": by_type[schema] if isinstance(schema, type) else schema}
            for media, schema in operation.body
        }
        described["requestBody"] = {"required": True, "content": content}
    return described


def _content(operation: Operation, by_type: dict[type, Any]) -> dict[str, Any]:
    match operation.answer:
        case None:
            return {}
        case str(media):
            return {"content": {media: {"schema": {"type": "string"}}}}
        case kind:
            return {"content": {"application/json": {"schema": by_type[kind]}}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase


def page(api: Api, described: dict[str, Any]) -> str:
    """The document as a plain page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{html.escape(api.title)} API {html.escape(described['info']['version'])}</title>",
        f"<h1>{html.escape(api.title)} API</h1><p>{html.escape(described['info']['description'])}</p>",
        f"<p>For programs: <a href='{api.document_path}'>openapi.json</a></p>",
    ]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>")
            parts.append(f"<p>{html.escape(operation['summary'])}</p>")
            if operation["parameters"]:
                parts.append("<table><tr><th>parameter<th>in<th>what it is")
                for one in operation["parameters"]:
                    about = one.get("description") or msgspec.json.encode(one["schema"]).decode()
                    parts.append(
                        f"<tr><td><code>{html.escape(one['name'])}</code><td>{one['in']}<td>{html.escape(about)}"
                    )
                parts.append("</table>")
            answers = ", ".join(f"{code} {answer['description']}" for code, answer in operation["responses"].items())
            parts.append(f"<p>Answers: {html.escape(answers)}</p>")
    return "\n".join(parts)


def openapi_routes(api: Api, routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """The document of these routes and its page, made once."""
    described = document(api, routes)
    body, text = msgspec.json.encode(described), page(api, described)

    async def as_json(_request: Request) -> Response:
        return Response(body, 200, {"cache-control": api.cache}, media_type="application/json")

    async def as_page(_request: Request) -> Response:
        headers = {
            "cache-control": api.cache, "content-security-policy": PAGE_POLICY, "x-content-type-options": "nosniff",
        }  # fmt: skip
        return HTMLResponse(text, 200, headers)

    return [
        Route(api.document_path, as_json, methods=["GET"]),
        Route(f"{api.prefix}/docs", as_page, methods=["GET"]),
    ]
