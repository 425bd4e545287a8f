"""Makes other people's text inert: Discord shows it word for word, whatever it contains. Pure.

Nothing in it mentions, links, previews or formats. Invisible characters that could undo this were
removed before (``bot.text``).
"""

from __future__ import annotations

import re
from typing import Final

# What Discord's Markdown interprets anywhere in a line (support.discord.com, Markdown Text 101).
_ANYWHERE: Final = re.compile(r"[\\*_~`|<\[\]]")
# A number starts a list if a blank follows its full stop; 2603.01234 does not. Only blanks on the
# same line may precede it: otherwise each of many empty lines would be scanned to the last one.
_AT_LINE_START: Final = re.compile(r"(?m)^([^\S\n]*)([#>+-]|\d+(?=\.(?:\s|$)))")
_SHORTCODE: Final = re.compile(r":(?=[\w+-]+:)")  # :tada:
# A zero-width space: the text looks the same, but is no mention, link or invitation.
BREAK: Final = "\u200b"
_LINKS: Final = re.compile(r"(?i)(?<=:)(?=//)|(?<=discord)(?=\.(?:gg|com|new)\b)|(?<=@)(?=\S)")


def inert(text: str) -> str:
    """The same words, and nothing but words."""
    text = _ANYWHERE.sub(r"\\\g<0>", _LINKS.sub(BREAK, text))
    text = _AT_LINE_START.sub(lambda found: f"{found[1]}{_escaped(found[2])}", text)
    return _SHORTCODE.sub(r"\\:", text)


def _escaped(mark: str) -> str:
    """A number keeps its digits: the full stop after it is what starts a list."""
    return f"{mark}{BREAK}" if mark.isdecimal() else f"\\{mark}"


# -- links ----------------------------------------------------------------------------------------
#
# Inside the brackets of a masked link Discord has switched escapes off "for security reasons", and
# shows the backslash (discord-api-docs #6185, Discord's DV8FromTheWorld, 2023-08-04). A mention
# (#6088), an emoji (#6810 in plain content, #7510 and #7673 in components) or an address (#7721)
# in there leaves the whole link as raw text. So a label holds neither escapes nor invisible
# characters: what Discord would interpret is replaced by look-alikes, and emoji stand beside
# the link.

_LABEL_SIGNS: Final = str.maketrans(
    {"\\": "∖", "*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ", "|": "∣", "[": "［", "]": "］"}
)
_LABEL_PATTERNS: Final = (
    (re.compile(r"<(?=[^\s\d=])"), "‹"),  # <@1>, <#1>, <:name:1>, <t:1>; not "p < 0.05"
    (re.compile(r"(?i)@(?=everyone|here)"), "＠"),
    (re.compile(r":(?=//|[\w+-]+:)"), "∶"),  # addresses and :shortcodes:
    (re.compile(r"(?i)(?<=discord)\.(?=(?:gg|com|new)\b)"), "․"),
    # Discord used to see lists and headings at the start of a label, too (#6565, fixed 2023-12-20).
    (re.compile(r"^(\d+)\.(?=\s)"), r"\1․"),
    (re.compile(r"^>(?=\s|>)"), "›"),
    (re.compile(r"^-(?=\s|#)"), "‐"),
    (re.compile(r"^\+(?=\s)"), "＋"),
    (re.compile(r"^#(?=#|\s)"), "＃"),
)
# Scientific and legal signs that Unicode counts as emoji, and similar ones that it does not.
_TEXT_FOR_EMOJI: Final = {
    **{"↔": "⟷", "↕": "⭥", "↖": "⭦", "↗": "⭧", "↘": "⭨", "↙": "⭩", "➡": "→", "⬅": "←"},
    **{"⬆": "↑", "⬇": "↓", "♾": "∞", "✔": "✓", "✖": "✕", "➕": "+", "➖": "−", "➗": "÷"},
    **{"♠": "♤", "♣": "♧", "♥": "♡", "♦": "♢", "▪": "■", "▫": "□", "▶": "▷", "◀": "◁"},
    **{"◼": "■", "◻": "□", "◾": "■", "◽": "□", "☀": "☼", "©": "ⓒ", "®": "ⓡ", "™": "ᵀᴹ"},
    **{"ℹ": "i", "‼": "!!", "⁉": "!?"},
}
_TEXT_EMOJI: Final = re.compile(f"([{''.join(_TEXT_FOR_EMOJI)}])[\ufe0e\ufe0f]?")
# All non-ASCII characters with the property Emoji (Unicode 14, emoji-data.txt), the pictograph
# blocks as a whole, so as to cover newer ones; and what turns another character into an emoji.
_EMOJI: Final = re.compile(
    "(?:[0-9#*]\ufe0f?\u20e3|[\ufe0e\ufe0f\u20e3"
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e"
    "\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640"
    "\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e\u267f\u2692-\u2697"
    "\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8"
    "\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705"
    "\u2708-\u270d\u270f\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e"
    "\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07"
    "\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])+"
)
_NAMELESS: Final = "arXiv"  # the label if no part of the title can be one


def link(title: str, url: str) -> str:
    """A title as a link, on one line, with every word of it.

    If the title contains emoji, the longest part between them is the link, and the rest is plain
    text beside it. What could end the link is percent-encoded in ``url``.
    """
    title = _TEXT_EMOJI.sub(lambda found: _TEXT_FOR_EMOJI[found[1]], title)
    start, end = _longest_part(title)
    label = title[start:end]
    inside = label.strip()
    if not any(map(str.isalnum, inside)):
        return f"{inert(title)} [{_NAMELESS}]({url.translate(_IN_ADDRESS)})".lstrip()
    before = title[:start] + label[: len(label) - len(label.lstrip())]
    after = label[len(label.rstrip()) :] + title[end:]
    return f"{inert(before)}[{_label(inside)}]({url.translate(_IN_ADDRESS)}){inert(after)}"


def _longest_part(title: str) -> tuple[int, int]:
    """Where the longest part between emoji starts and ends."""
    edges = [0, *(edge for found in _EMOJI.finditer(title) for edge in found.span()), len(title)]
    parts = zip(edges[::2], edges[1::2], strict=True)
    return max(parts, key=lambda part: part[1] - part[0])


def _label(text: str) -> str:
    for pattern, instead in _LABEL_PATTERNS:
        text = pattern.sub(instead, text)
    return text.translate(_LABEL_SIGNS)


_IN_ADDRESS: Final = str.maketrans({"(": "%28", ")": "%29", " ": "%20", "<": "%3C", ">": "%3E"})
