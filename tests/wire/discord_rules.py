"""What Discord would not take: its OpenAPI document where it is at hand, and what that misses.

The document says of itself that it is a preview; the counters below are from discord-api-docs at
c98d64bc (2026-08-06): content of 2,000 characters, 40 components over all levels, 4,000 characters
of Components V2 text, no content beside them, no empty message, no unknown keys, custom_ids once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator
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


class Document:
    """Discord's OpenAPI document as validators, one for each route."""

    def __init__(self, path: Path) -> None:
        text = json.loads(path.read_text(encoding="utf-8"))
        self._paths = text["paths"]
        resource = DRAFT202012.create_resource(text)
        self._registry: Registry[Any] = Registry().with_resource("urn:discord", resource)

    def faults(self, method: str, path: str, body: Any) -> list[str]:
        """What the document says against a request; nothing about routes that it does not know."""
        template = next((each for each in self._candidates(path)), None)
        operation = self._paths.get(template or "", {}).get(method.lower(), {})
        if "application/json" not in operation.get("requestBody", {}).get("content", {}):
            return []
        validator = self._validator(template or "", method.lower())
        return [
            f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in validator.iter_errors(body)
        ]

    def _candidates(self, path: str) -> Iterator[str]:
        """Literal routes before those with a parameter."""
        for template in sorted(self._paths, key=lambda each: each.count("{")):
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                yield template

    def _validator(self, template: str, method: str) -> Draft202012Validator:
        pointer = quote(template.replace("~", "~0").replace("/", "~1"), safe="~")
        where = f"#/paths/{pointer}/{method}/requestBody/content/application~1json/schema"
        return Draft202012Validator({"$ref": f"urn:discord{where}"}, registry=self._registry)


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
