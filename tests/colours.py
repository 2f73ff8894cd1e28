"""Contrast of colours to WCAG 2.2 level AA: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

# Success criterion 1.4.3, for text of any size.
READABLE = 4.5

# Success criterion 1.4.11, for what is no text: the ring around what has the focus.
SEEN = 3.0


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
