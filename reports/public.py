"""What the installed package offers by its own name, as `from backprop_parity import judge_step`.

Each name is looked up when it is used: `import backprop_parity` loads nothing.
"""

from importlib import import_module
from typing import Any, Final

# Public name -> module:attribute.
PUBLIC: Final = {
    "judge_step": "reports.judge_step:judge_step",
    "assert_step_agrees": "reports.judge_step:assert_step_agrees",
    "read_step": "reports.judge_step:read_step",
    "StepVerdict": "reports.judge_step:StepVerdict",
    "certify_gradients": "reports.certify:certify_gradients",
    "assert_gradients_certified": "reports.certify:assert_gradients_certified",
    "same_function": "reports.certify:same_function",
    "assert_derived_close": "reports.certify:assert_derived_close",
    "NotCapturedError": "cases.captured:NotCapturedError",
    "Recording": "cases.recording:Recording",
    "UnreadableError": "cases.recording:UnreadableError",
    "Problem": "cases.problem:Problem",
    "Adapter": "cases.protocol:Adapter",
    "Program": "cases.protocol:Program",
    "Stacked": "cases.protocol:Stacked",
    "Accumulators": "cases.protocol:Accumulators",
    "Claim": "cases.protocol:Claim",
    "NoEquivalent": "cases.protocol:NoEquivalent",
    "Verdict": "cases.protocol:Verdict",
    "Case": "cases.case:Case",
    "CaseErrors": "cases.errors:CaseErrors",
    "load_case": "cases.load:load_case",
    "load_cases": "cases.load:load_cases",
}


def public(name: str) -> Any:  # noqa: ANN401 - a function, a class, a type
    """Return what has this public name; raises AttributeError for others, as a module does."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'backprop_parity' has no attribute {name!r}")
    module, _, attribute = PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute)
