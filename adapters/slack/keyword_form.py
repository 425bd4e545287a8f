"""The form in which a keyword is composed, and what was filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.slack.blocks import plain, preformatted, rich, section, words
from adapters.slack.fields import entered, input_block, line, option
from adapters.slack.limits import SECTION, Block, cut
from adapters.slack.replies import ADD, View, window
from bot.model.subscriptions import MAX_KEYWORD_NAME_LENGTH
from bot.references import refer_to
from bot.text import clean
from bot.text.keyword_forms import ANYWHERE, FIELDS, ONLY_CATEGORIES

PHRASE, CHANNEL = "phrase", "channel"  # the fields that a mistake can stand below
MAX_PHRASE_LENGTH: Final = 3000  # as many as Slack takes; the core limits a keyword's length
ADD_AT_HOME: Final = f"{ADD}_at_home"  # the same form, opened from App Home
HINT: Final = "These words together, as they stand in titles and abstracts."
NOT_OPENED: Final = (
    "Slack did not open the form. Please try again, or type the keyword after the command:"
    f" {refer_to('add reward model')}"
)
NOWHERE: Final = (
    "Which channel is it for? I can't see which ones you are in, so please say it there:"
    f" {refer_to('add reward model')}"
)
# arXiv's categories (arxiv.org/category_taxonomy, November 2026): those of computer science,
# statistics and electrical engineering one by one, the others by their archive. Slack takes 100.
_CS = (
    "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH"
    " OS PF PL RO SC SD SE SI SY"
)
CATEGORIES: Final = (
    "cs.*", *(f"cs.{each}" for each in _CS.split()),
    "stat.*", *(f"stat.{each}" for each in ("AP", "CO", "ME", "ML", "OT", "TH")),
    "eess.*", *(f"eess.{each}" for each in ("AS", "IV", "SP", "SY")),
    "math.*", "math-ph", "astro-ph.*", "cond-mat.*", "econ.*", "gr-qc", "hep-ex", "hep-lat",
    "hep-ph", "hep-th", "nlin.*", "nucl-ex", "nucl-th", "physics.*", "q-bio.*", "q-fin.*",
    "quant-ph",
)  # fmt: skip


def form(
    channel: str,
    values: Mapping[str, Any] | None = None,
    mistake: str = "",
    metadata: str = "",
    *,
    callback_id: str = ADD,
    hint: str = HINT,
) -> View:
    """``channel`` is where the form was opened, ``metadata`` the same under a seal; both are empty
    if it was opened in no channel. To show the form again with a ``mistake`` (in place of the
    ``hint``), pass the ``values`` that were filled in."""
    filled = Filled(values or {}, channel)
    above = preformatted(mistake) if mistake else section(words(cut(hint, SECTION)))
    phrase = line("reward model", MAX_PHRASE_LENGTH, filled.phrase)
    name = line("Reward models", MAX_KEYWORD_NAME_LENGTH, filled.name)
    categories = _categories(filled.categories)
    shown = [
        rich(above),
        input_block(PHRASE, "Phrase", phrase),
        input_block("where", "Where to look", _places_to_look(filled.where)),
        input_block("categories", ONLY_CATEGORIES, categories, optional=True),
        input_block("name", "Name that it is shown under", name, optional=True),
    ]
    if asks_for_channel(channel):
        shown.append(input_block(CHANNEL, "In which channel", _channels(filled.channel)))
    follow = plain("Follow")
    return window("Follow a keyword", shown, metadata, callback_id=callback_id, submit=follow)


def _places_to_look(filled: str) -> Block:
    options = {value: option(label, value) for value, label in FIELDS.items()}
    return {
        "type": "radio_buttons",
        "options": list(options.values()),
        "initial_option": options[filled],
    }


def _categories(filled: Sequence[str]) -> Block:
    menu: Block = {
        "type": "multi_static_select",
        "placeholder": plain("All categories"),
        "options": [option(each, each) for each in CATEGORIES],
    }
    return {**menu, "initial_options": [option(e, e) for e in filled]} if filled else menu


def _channels(filled: str) -> Block:
    """Without a filter people and direct messages are offered, too (docs.slack.dev, block-kit/
    block-elements/conversation-select, November 2026)."""
    menu: Block = {
        "type": "conversations_select",
        "placeholder": plain("A channel"),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    return {**menu, "initial_conversation": filled} if filled else menu


def filled_with(phrase: str) -> dict[str, Any]:
    """The ``values`` of a form in which this phrase is filled in."""
    return {PHRASE: {PHRASE: {"value": phrase}}}


def asks_for_channel(origin: str) -> bool:
    """Whether the form asks for the channel: not in a conversation with the bot, which Slack's menu
    does not offer."""
    return not origin.startswith("D")


class Filled:
    """What a person filled in; also for a form that is still empty."""

    def __init__(self, values: Mapping[str, Any], channel: str = "") -> None:
        self.phrase = clean(entered(values, PHRASE).get("value") or "")
        self.name = clean(entered(values, "name").get("value") or "")
        chosen = (entered(values, "where").get("selected_option") or {}).get("value")
        self.where = str(chosen) if chosen in FIELDS else ANYWHERE
        selected = entered(values, "categories").get("selected_options") or ()
        self.categories = [each["value"] for each in selected if each["value"] in CATEGORIES]
        self.channel = str(entered(values, CHANNEL).get("selected_conversation") or channel)

    @property
    def field(self) -> str:
        """Where to look; empty for title and abstract."""
        return "" if self.where == ANYWHERE else self.where
