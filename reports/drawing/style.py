"""How the drawings of tapes look: one style sheet for all of a page, in light, in dark and on paper."""

from typing import Final

_LIGHT: Final = (
    "--t0: #f0f6fc; --t1: #d9e9f8; --t2: #b9d7f2; --t3: #8fbfea; --wrong: #ffdfdc; --expected: #fdeec4; "
    "--wire: #6b7075; --alarm: #a4161a"
)
_DARK: Final = (
    "--t0: #17212c; --t1: #1b304a; --t2: #214369; --t3: #2a5787; --wrong: #571b1d; --expected: #4a3a10; "
    "--wire: #9aa0a6; --alarm: #ff8f8f"
)

# The page's own --paper is used where it is defined.
STYLE: Final = f"""
.tape {{ {_LIGHT}; margin: 1rem 0 }}
@media screen and (prefers-color-scheme: dark) {{ .tape {{ {_DARK} }} }}
.tape div {{ overflow-x: auto }}
.tape svg {{ display: block; font: 12px system-ui, sans-serif; fill: currentColor }}
.tape figcaption {{ font-size: .875rem; margin-top: .5rem }}
.tape text {{ text-anchor: middle }}
.tape .w {{ font-weight: 600; font-variant-numeric: tabular-nums }}
.tape .s {{ font-size: 10.5px }}
.tape .l {{ text-anchor: start; fill: var(--wire) }}
.tape rect {{ fill: var(--paper, Canvas); stroke: var(--wire); rx: 4px }}
.tape .given rect {{ fill: none; stroke-dasharray: 3 }}
.tape .t0 rect {{ fill: var(--t0) }}
.tape .t1 rect {{ fill: var(--t1) }}
.tape .t2 rect {{ fill: var(--t2) }}
.tape .t3 rect {{ fill: var(--t3) }}
.tape .news rect {{ fill: var(--wrong) }}
.tape .known rect {{ fill: var(--expected) }}
.tape .first rect {{ stroke: var(--alarm); stroke-width: 4px }}
.tape .who {{ font-weight: 600; fill: var(--alarm); stroke: var(--paper, Canvas); stroke-width: 4px;
  paint-order: stroke }}
.tape .wires {{ fill: none; stroke: var(--wire); shape-rendering: crispEdges }}
.tape .heads {{ fill: var(--wire) }}
@media print {{ .tape div {{ overflow: visible }} .tape svg {{ max-width: 100%; height: auto }} }}
"""
