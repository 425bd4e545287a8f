"""What Discord would not take: its OpenAPI document where it is at hand, and what that misses.

The document says of itself that it is a preview; the counters below are from discord-api-docs at
c98d64bc (2026-08-06): content of 2,000 characters, 40 components over all levels, 4,000 characters
of Components V2 text, no content beside them, no empty message, no unknown keys, custom_ids once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).parents[3] / "shared" / "data" / "discord-openapi.json"
COMPONENTS_V2 = 1 << 15
HIDDEN_BYTES = 10_170  # discord-api-docs #8554: beyond it Discord answers 500
TEXT, BUTTON = 10, 2
KNOWN_KEYS = {
    *("content", "nonce", "enforce_nonce", "tts", "embeds", "allowed_mentions", "components"),
    *("flags", "message_reference", "sticker_ids", "attachments", "poll"),
}


class _Anything:
    def __contains__(self, value: object) -> bool:
        return True


_ANYTHING = _Anything()


def _enumerated(schema: dict[str, Any]) -> dict[str, Any]:
    """One of several constants is an enumeration, which is looked at without a schema for each."""
    members = schema.get("oneOf")
    if not isinstance(members, list) or not all("const" in each for each in members):
        return schema
    return {**schema, "oneOf": [{"enum": [each["const"] for each in members]}]}


class Document:
    """Discord's OpenAPI document as validators, one for each route."""

    def __init__(self, path: Path) -> None:
        text = json.loads(path.read_text(encoding="utf-8"), object_hook=_enumerated)
        self._paths = text["paths"]
        self._schemas = text["components"]["schemas"]
        self._routes = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", template)), template)
            for template in sorted(self._paths, key=lambda each: each.count("{"))
        ]  # literal routes before those with a parameter
        resource = DRAFT202012.create_resource(text)
        self._registry: Registry[Any] = Registry().with_resource("urn:discord", resource)
        changed = {"oneOf": self._one_of}
        self._make = extend(Draft202012Validator, changed)  # type: ignore[no-untyped-call]
        self._validators: dict[tuple[str, str], Any] = {}

    def faults(self, method: str, path: str, body: Any) -> list[str]:
        """What the document says against a request; nothing about routes that it does not know."""
        template = next((each for route, each in self._routes if route.fullmatch(path)), "")
        operation = self._paths.get(template, {}).get(method.lower(), {})
        if "application/json" not in operation.get("requestBody", {}).get("content", {}):
            return []
        key = template, method.lower()
        if key not in self._validators:
            self._validators[key] = self._validator(*key)
        return [
            f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in self._validators[key].iter_errors(body)
        ]

    def _one_of(self, validator: Any, members: Any, instance: Any, schema: Any) -> Iterator[Any]:
        """The same verdict as the keyword's own, without trying the members that are for another
        ``type``: of components there are a dozen, in one another."""
        if isinstance(instance, dict) and "type" in instance:
            fitting = [each for each in members if instance["type"] in self._types(each)]
            if len(fitting) == 1:
                yield from validator.descend(instance, fitting[0])
                return
        yield from Draft202012Validator.VALIDATORS["oneOf"](validator, members, instance, schema)

    def _types(self, member: Mapping[str, Any]) -> Container[object]:
        """Which values of ``type`` a member of ``oneOf`` allows."""
        name = member.get("$ref", "").removeprefix("#/components/schemas/")
        allowed: Mapping[str, Any] = self._schemas.get(name, {}).get("properties", {})
        types: Container[object] = allowed.get("type", {}).get("enum", _ANYTHING)
        return types

    def _validator(self, template: str, method: str) -> Any:
        pointer = quote(template.replace("~", "~0").replace("/", "~1"), safe="~")
        where = f"#/paths/{pointer}/{method}/requestBody/content/application~1json/schema"
        return self._make({"$ref": f"urn:discord{where}"}, registry=self._registry)


@cache
def document() -> Document | None:
    """``None`` where the document is not beside the checkout; the counters then stand alone."""
    return Document(DOCUMENT) if DOCUMENT.exists() else None


def nested(components: Any) -> Iterator[Mapping[str, Any]]:
    for component in components or ():
        yield component
        yield from nested(component.get("components"))
        yield from nested([component["accessory"]] if "accessory" in component else ())


def message_faults(body: Mapping[str, Any]) -> Iterator[str]:
    """The counters that the document lacks."""
    yield from (f"unknown key {key}" for key in body.keys() - KNOWN_KEYS)
    content = body.get("content") or ""
    if len(content) > 2000:
        yield f"content has {len(content)} characters"
    parts = list(nested(body.get("components")))
    modern = bool(body.get("flags", 0) & COMPONENTS_V2)
    texts = [part["content"] for part in parts if part["type"] == TEXT]
    if modern and (content or body.get("embeds")):
        yield "content stands beside Components V2"
    if texts and not modern:
        yield "Components V2 without their flag"
    if not content and not parts and not body.get("embeds"):
        yield "the message is empty"
    if len(parts) > 40:
        yield f"{len(parts)} components"
    if sum(map(len, texts)) > 4000:
        yield f"{sum(map(len, texts))} characters of text"
    if any(not text.strip() for text in texts):
        yield "an empty text"
    ids = [part["custom_id"] for part in parts if "custom_id" in part]
    yield from (f"custom_id {each} twice" for each in {i for i in ids if ids.count(i) > 1})
    for part in parts:
        if part["type"] == BUTTON and part.get("style") != 5 and not part.get("custom_id"):
            yield "a button without custom_id"
        if part["type"] == 9 and ("accessory" not in part or not part["components"]):
            yield "a section without text or accessory"
    if body.get("enforce_nonce") and not body.get("nonce"):
        yield "enforce_nonce without a nonce"
    if len(str(body.get("nonce", ""))) > 25:
        yield "the nonce is too long"


def too_heavy(body: Mapping[str, Any]) -> bool:
    """The limit that nobody documents: Discord fails with a 500 of its own."""
    texts = [part["content"] for part in nested(body.get("components")) if part["type"] == TEXT]
    return sum(len(text.encode()) + 12 for text in texts) > HIDDEN_BYTES
