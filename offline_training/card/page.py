"""The card as a page that opens anywhere: its pictures are in it, and it loads nothing."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

_STYLE: Final = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def write_page(title: str, markdown: str, pictures: Sequence[Path]) -> str:
    """HTML of a card, with its pictures after the text. HTML in the text stands as written; it has no image."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image").render(markdown)
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    gallery = "".join(_figure(picture) for picture in pictures)
    section = f'<h2>Pictures</h2><div class="pictures">{gallery}</div>' if gallery else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}{section}</main></body></html>\n"
    )


def _figure(picture: Path) -> str:
    data = b64encode(picture.read_bytes()).decode()
    caption = html.escape(picture.stem.replace("_", " "))
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )
