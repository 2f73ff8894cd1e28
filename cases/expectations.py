"""What a case expects of one adapter that does not agree: an expected difference, or no equivalent."""

from typing import Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from cases.array_forms import Model
from cases.fields import Count, Format, Some, Text
from cases.quantities import PATTERN

Kind: TypeAlias = Literal["differs", "errs", "undecided", "no_equivalent"]

AT_A_QUANTITY: Final[tuple[Kind, ...]] = ("differs", "errs", "undecided")
# The keys of which an expectation has exactly one.
KINDS: Final[tuple[Kind, ...]] = (*AT_A_QUANTITY, "no_equivalent")

_ONE_OF: Final[list[Any]] = [
    *({"required": [kind, "because"]} for kind in AT_A_QUANTITY),
    {"required": ["no_equivalent"], "not": {"required": ["step"]}},
]


def _quantity(description: str) -> Any:  # noqa: ANN401 - as pydantic's own Field
    return Field("", description=description, json_schema_extra={"pattern": f"^({PATTERN})$"})


class Expectation(Model):
    """What one adapter is expected to do. Exactly one of the first four is given; the others are empty."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})

    differs: Text = _quantity("The quantity that is the first to differ.")
    errs: Text = _quantity("The quantity that is the first to be in error: of a wrong dtype or shape.")
    undecided: Text = _quantity("The quantity that is the first to be undecided.")
    no_equivalent: Text = Field("", description="Why the framework has no form equal to what is stated.")
    because: Text = Field("", description="The cause; required but with no_equivalent, which is its own.")
    see: Text = Field("", description="Where it is documented or discussed.")
    step: Count = Field(1, description="The training step at which it first shows, 1 if not given.")
    dtypes: Some[tuple[Format, ...]] = Field(
        (), description="The number formats in which it shows, all if not given."
    )

    @property
    def kind(self) -> Kind:
        """Which of the four is given."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def quantity(self) -> str:
        """The quantity at which it shows, or "" where the adapter is to decline."""
        return "" if self.kind == "no_equivalent" else str(getattr(self, self.kind))

    @property
    def cause(self) -> str:
        """The cause, in words."""
        return self.because or self.no_equivalent

    @property
    def told(self) -> str:
        """The cause, and where it is documented: "it takes the tanh form (jax #4428)"."""
        return f"{self.cause} ({self.see})" if self.see else self.cause
