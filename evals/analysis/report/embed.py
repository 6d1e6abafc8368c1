"""Copy tables and figures into the report. Only allowed elements and attributes are kept, and nothing is fetched.

Files of a results folder may have been made on another machine, so they are not trusted.
"""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree, html  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

from contracts.errors import DataError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _names(
    "section div article h1 h2 h3 h4 p ul li table thead tbody tr th td b i u small sup sub span dl dt dd br "
    "details summary"
)
DROPPED = ("script", "style", "iframe", "object", "embed", "template", "noscript")  # with all they hold
ATTRIBUTES = {"class", "colspan", "rowspan", "scope", "title"}
COLOUR = re.compile(r"background:#[0-9a-f]{6}")
DEEPER = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6"}  # below the headings of the page

ENLARGED, READABLE = 1.8, 1.35  # pixels of the page per point of a figure: at most, and at least, then it scrolls
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = _names("svg g defs path use rect circle ellipse line polyline polygon text tspan clipPath title desc")
LOCAL = re.compile(r"url\((?!#)|@import|expression|javascript:", re.IGNORECASE)  # what may lead out of the page


def table(path: Path) -> str:
    """The body of a table's page, headings two levels deeper; DataError if it cannot be read."""
    try:
        body = html.fromstring(path.read_text(encoding="utf-8")).find(".//body")
    except (OSError, UnicodeDecodeError, etree.LxmlError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "make it again", delete_and_rerun=True) from None
    if body is None:
        raise DataError(str(path), "has no body", "make it again", delete_and_rerun=True)
    etree.strip_elements(body, etree.Comment, etree.ProcessingInstruction, *DROPPED, with_tail=False)
    for element in list(body.iter()):
        _clean(element)
    return "".join(str(html.tostring(child, encoding="unicode")) for child in body)


def _clean(element: html.HtmlElement) -> None:
    if element.tag not in ELEMENTS and element.tag != "body":
        element.drop_tag()
        return
    for name, value in list(element.attrib.items()):
        if name not in ATTRIBUTES and not (name == "style" and COLOUR.fullmatch(value)):
            del element.attrib[name]
    element.tag = DEEPER.get(str(element.tag), element.tag)
    if element.tag == "div" and element.get("class") == "scroll":
        element.set("tabindex", "0")  # so that the keyboard can scroll it


def figure(path: Path, words: str) -> str:
    """An SVG file as an element named by ``words``, its ids its own; DataError if it cannot be read."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except (OSError, etree.LxmlError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "draw it again", delete_and_rerun=True) from None
    if root.tag != f"{SVG}svg":
        raise DataError(str(path), "is not an SVG", "draw it again", delete_and_rerun=True)
    for element in [e for e in root.iter() if e.tag not in {SVG + name for name in SHAPES}]:
        if element.getparent() is not None:
            element.getparent().remove(element)
    for element in root.iter():
        _local(element, path.stem)
    root.attrib.pop("height", None)
    drawn = re.fullmatch(r"([\d.]+)pt", root.attrib.pop("width", ""))
    if drawn:  # as wide as the page lets it, letters no larger in one figure than in another
        least, most = (scale * float(drawn[1]) for scale in (READABLE, ENLARGED))
        root.set("style", f"min-width:{least:.0f}px;max-width:{most:.0f}px")
    root.set("role", "img")
    root.set("aria-label", words)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, encoding="unicode", with_tail=False)


def _local(element: etree._Element, prefix: str) -> None:
    """Remove handlers and links to other files, and make ids that no other figure of the page has."""
    for name, value in list(element.attrib.items()):
        key = etree.QName(name).localname
        if key.lower().startswith("on") or LOCAL.search(value) or (key == "href" and not value.startswith("#")):
            del element.attrib[name]
        elif key == "id":
            element.set(name, f"{prefix}-{value}")
        elif key == "href":
            element.set(name, f"#{prefix}-{value[1:]}")
        else:
            element.set(name, re.sub(r"url\(#", f"url(#{prefix}-", value))
