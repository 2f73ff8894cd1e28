"""A drawing as the address of an image, in few characters.

Matplotlib writes a style out at each mark and puts each in a group of its own. Here a style stands once, as a
class, and groups that say nothing are left out; what is drawn stays the same.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from markupsafe import Markup

SVG: Final = "http://www.w3.org/2000/svg"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_FONT: Final = re.compile(r"font-family:[^;]*;?")  # the drawing's own rule sets it for all letters
# What may not stand in a quoted attribute, or not in an address.
_ESCAPES: Final = str.maketrans({sign: f"%{ord(sign):02X}" for sign in '%#"<>&\n\t'})


def drawing_address(svg: str) -> Markup:
    """Return it percent-encoded, which is shorter than base64. Source: RFC 2397."""
    ET.register_namespace("", SVG)
    drawing = ET.fromstring(svg)  # noqa: S314 - matplotlib's own
    _unwrap(drawing)
    names: dict[str, str] = {}
    for element in drawing.iter():
        _shorten(element, names)
    style = drawing.find(f".//{{{SVG}}}style")
    if style is None:
        style = ET.SubElement(drawing, f"{{{SVG}}}style")
    style.text = f"{style.text or ''}{''.join(f'.{name}{{{text}}}' for text, name in names.items())}"
    text = ET.tostring(drawing, encoding="unicode", short_empty_elements=True)
    text = re.sub(r">\s<", "><", text)
    text = re.sub("<[^>]*>", lambda tag: tag[0].replace("'", "&#39;").replace('"', "'"), text)
    return Markup(f"data:image/svg+xml,{text.translate(_ESCAPES)}")  # noqa: S704 - nothing is left to escape


def _unwrap(element: ET.Element) -> None:
    """Put what a group without a meaning holds in the group's place."""
    element[:] = list(_within(element))


def _within(element: ET.Element) -> Iterator[ET.Element]:
    for child in element:
        _unwrap(child)
        if child.tag == f"{{{SVG}}}g" and not set(child.keys()) - {"id"}:
            yield from child
        else:
            yield child


def _shorten(element: ET.Element, names: dict[str, str]) -> None:
    given = element.attrib
    if element.tag == f"{{{SVG}}}g":
        given.pop("id", None)
    if style := _FONT.sub("", given.pop("style", "")).strip("; "):
        given["class"] = names.setdefault(re.sub(r"(?<=[:;]) ", "", style), f"s{len(names)}")
    if _HREF in given:
        given["href"] = given.pop(_HREF)
    if given.get("transform", "").startswith("rotate(-0 "):
        del given["transform"]
    if path := given.get("d"):
        given["d"] = _path(path)


def _path(d: str) -> str:
    """Write lines by their steps, in tenths of a point exactly, and leave out what tells no numbers apart."""
    if not set(re.findall("[A-Za-z]", d)) - {*"MLz"}:
        d = "".join(map(_steps, re.findall("[^M]+", d)))
    d = re.sub(r" ?([A-Za-z]) ?", r"\1", re.sub(r"\.0\b", "", d))
    return re.sub(r"(?<![\d.])0(?=\.)| (?=-)", "", d)


def _steps(line: str) -> str:
    places = [Decimal(number) for number in re.findall(r"[-.\d]+", line)]
    steps = [after - before for before, after in zip(places, places[2:], strict=False)]
    x, y, *rest = (f"{number.normalize():f}" for number in (*places[:2], *steps))
    return f"M{x} {y}l{' '.join(rest)}".removesuffix("l") + "z" * ("z" in line)
