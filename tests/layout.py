"""HTML as the tests of pages compare it: without the line breaks that templates have for those who read them."""

import re

TAGS = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)""")
QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
BREAK = re.compile(r"\s*\n\s*")
AS_IT_IS = {"pre", "textarea"}


def compact(html: str) -> str:
    """HTML without its templates' line breaks: beside a tag they are nothing, between words and attributes a blank."""
    pieces, kept = [], ""
    for piece in TAGS.split(html):
        name = piece[1:-1].split()[0] if piece.startswith("<") else ""
        if kept:
            pieces.append(piece)
            kept = "" if name == f"/{kept}" else kept
        elif name:
            pieces.append(_compact_tag(piece))
            kept = name if name in AS_IT_IS else ""
        else:
            words = BREAK.split(piece)
            pieces.append(" ".join(words).strip() if len(words) > 1 else piece)
    return "".join(pieces)


def _compact_tag(tag: str) -> str:
    parts = (part if part[:1] in ("'", '"') else BREAK.sub(" ", part) for part in QUOTED.split(tag))
    return re.sub(r"\s+>$", ">", "".join(parts))
