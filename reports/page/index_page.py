"""index.html and diff.html: each one page that needs nothing else, and is whole without its one script."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from cases import Case
from reference import parts
from reports import regression_text, report, worked_example
from reports.detection import detection_tables as detection
from reports.outcome import Outcome, by_case
from reports.page.differences import IMPORTS, differences
from reports.page.differences import title as known_title
from reports.page.matrix import folders
from reports.page.method import anatomy
from reports.page.programs_section import program_sections
from reports.page.rendering import anchor, script, templates, without_end_tags
from reports.page.sections import Failure, by_kind, case_sections, failures, network, yaml
from reports.page.tape_table import formulas
from reports.regression import Changes
from reports.report import Report, Table
from reports.runs.rows import Printed, Row

MAX_AT_HEAD: Final = 6  # kinds of failures that are named at the head of the page, and cases of each
MAX_CARDS: Final = 3  # failures of one kind that are shown at once
MAX_PICTURE_LINES: Final = 600  # lines of a picture's table that are shown: thousands would outweigh the page
PRINTED_WRONG: Final = "They stand in the worked examples above; here are those that do not agree."
PRINTED_RIGHT: Final = "They stand in the worked examples above, and all agree."
Shown = Mapping[str, object] | None  # what a template shows; None where there is nothing to show


@dataclass(frozen=True)
class Part:
    """A part of the page: its link, its heading, and what returns what its template shows.

    `made_from` is how the names of those parts of the run begin that it is made from: one that failed is
    named here. Its macro in parts.html is named by `template`, or else by what the link begins with.
    """

    name: str
    title: str
    shows: Callable[[], Shown] = dict
    made_from: tuple[str, ...] = ()
    template: str = ""

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    def rendered(self, made: Environment) -> Markup | None:
        shown = self.shows()
        if shown is None:
            return None
        macros = made.get_template("parts.html").make_module(dict(shown))
        return getattr(macros, f"part_{self.template or self.kind}")()


def index(made: Report) -> str:
    """Return the page; in the place of a part that fails is its reason."""
    listed = parts.tried("“What fails”", failures, made)
    failing = () if isinstance(listed, parts.FailedPart) else listed
    page = templates({case for case, *_ in made.cells})
    page.globals.update(
        report=made, network=network, yaml=yaml, script=script(),
        max_at_head=MAX_AT_HEAD, max_cards=MAX_CARDS, max_picture_lines=MAX_PICTURE_LINES,
        failures=failing, failing={failure.anchor for failure in failing},
        alike=by_kind(failing),
    )  # fmt: skip
    shown = []
    for part in _parts(made, listed):
        body = parts.tried(f"“{part.title}”", part.rendered, page)
        missing = [failed for failed in made.results.failed if failed.part.startswith(part.made_from)]
        if body is not None or missing:
            shown.append((part, body, missing))
    contents = [list(same) for _, same in groupby((part for part, *_ in shown), attrgetter("kind"))]
    text = page.get_template("index.html").render(contents=contents, parts=shown, failed=made.failed)
    return without_end_tags(text)


def diff(changed: Changes) -> str:
    """Return diff.html: what has changed between two runs, as a page like the report's."""
    page = templates(()).get_template("diff.html")
    return page.render(title=regression_text.TITLE, changes=regression_text.to_page(changed))


def _parts(made: Report, failing: tuple[Failure, ...] | parts.FailedPart) -> Iterator[Part]:
    matrix, *others = made.tables
    results, changes, power = made.results, made.changes, made.power
    yield Part("failures", "What fails", lambda: {"listed": failing} if failing else None)
    yield Part("known", known_title(adapter for *_, adapter in made.cells), partial(_known, made))
    for table in (table for table in others if table.name == "programs"):
        yield Part(table.name, table.title, partial(_programs, made, table))
    yield Part("matrix", matrix.title, partial(_matrix, made, matrix))
    rows = by_case(results.rows)
    for case in filter(None, (table.case for table in others)):
        shows = partial(_walk, case, rows.get(case.name, ()), results.printed)
        yield Part(anchor("walk", case.name), f"{case.name}, step by step", shows)
    changed = (lambda: {"changes": regression_text.to_page(changes)}) if changes else lambda: None
    yield Part("changes", regression_text.TITLE, changed, ("the bits of ",))
    drawn = "the losses of ", "the accuracy of ", "the activations' errors"
    yield Part("pictures", "Pictures", partial(_pictures, made), drawn)
    others = [table for table in others if table.name not in ("known", "programs")]  # shown above
    for title, alike in groupby(others, attrgetter("title")):
        first, *more = alike
        name = first.name.partition(":")[0]
        shows = partial(_printed if first.case else _tables, (first, *more))
        yield Part(name, title, shows, first.made_from, "tables")
    plain = ("the plain differences of ",)
    yield Part("cases", "The cases, line by line", partial(_cases, made), plain)
    yield Part("method", "What a tolerance is made of", lambda: {"anatomy": anatomy(results.rows)})
    measured = (lambda: {"power": detection.to_page(power)}) if power else lambda: None
    yield Part("power", detection.TITLE, measured, ("the suite's power",))
    yield Part("environment", "How this was made", made_from=("how this was made",))


def _walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Shown:
    return {"one": worked_example.walk(case, rows, printed)}


def _known(made: Report) -> Shown:
    cases = {case.name: case for case in made.selection.cases}
    shown = differences(made.results.rows, cases)
    return {"differences": shown, "imports": IMPORTS} if shown else None


def _programs(made: Report, table: Table) -> Shown:
    results = made.results.programs
    if not results:
        return None
    frame = table.frame.drop(columns="reason", errors="ignore")  # it is below
    return {"one": table, "frame": frame, "sections": program_sections(results)}


def _matrix(made: Report, matrix: Table) -> Shown:
    if not made.cells:
        return None
    adapters = [*dict.fromkeys(adapter for *_, adapter in made.cells)]
    counts = report.counts(matrix.frame)
    return {"matrix": matrix, "folders": folders(made.cells), "adapters": adapters, "counts": counts}


def _cases(made: Report) -> Shown:
    sections = [*case_sections(made)]
    given = [case.problem(case.dtypes[0]) for case in made.selection.cases]
    return {"cases": sections, "formulas": formulas(given)} if sections else None


def _pictures(made: Report) -> Shown:
    from reports.plots import pictures  # noqa: PLC0415 - matplotlib is loaded where there is a page to write

    drawn = pictures(made)
    return {"pictures": drawn} if drawn else None


def _printed(tables: Iterable[Table]) -> Shown:
    """Return one table of the printed numbers that do not agree; the worked examples show each of them."""
    frames = _frames(tables)
    failed = [(table, frame) for table, frame in frames if isinstance(frame, parts.FailedPart)]
    made = [(table.case, frame) for table, frame in frames if isinstance(frame, pd.DataFrame)]
    wrong = pd.concat([_wrong(frame, case) for case, frame in made if case]) if made else pd.DataFrame()
    about = PRINTED_WRONG if len(wrong) else PRINTED_RIGHT if not failed else ""
    whole = Table("printed", "Printed numbers", f"{report.PRINTED} {about}", lambda: wrong)
    return {"tables": [(whole, wrong), *failed]}


def _wrong(printed: pd.DataFrame, case: Case) -> pd.DataFrame:
    wrong = printed[[cell.outcome is not Outcome.AGREES for cell in printed["verdict"]]]
    reasons = zip(wrong["reason"], wrong["explanation"], strict=True)
    steps = zip(wrong["quantity"], wrong["step"], strict=True)
    named = wrong.assign(
        case=case.name, quantity=[f"{quantity}, step {step}" for quantity, step in steps],
        exact=[f"{float(exact):.10g}" for exact in wrong["exact"]],
        why=[". ".join(filter(None, both)) for both in reasons],
    )  # fmt: skip
    return named[["case", "quantity", "printed", "exact", "verdict", "why"]]


def _frames(tables: Iterable[Table]) -> list[tuple[Table, pd.DataFrame | parts.FailedPart]]:
    return [(table, parts.tried(f"“{table.heading}”", _frame, table)) for table in tables]


def _tables(tables: Iterable[Table]) -> Shown:
    frames = _frames(tables)
    shown = [(table, frame) for table, frame in frames if isinstance(frame, parts.FailedPart) or len(frame)]
    return {"tables": shown} if shown else None


def _frame(table: Table) -> pd.DataFrame:
    return table.on_page() if table.on_page else table.frame
