"""The forms in which a case file gives an array: written out, drawn, or filled with one number.

What is written out passes through here as it stands: `cases.arrays` checks it, because only there are the
places of its elements known.
"""

from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from cases.fields import REAL, Length, Positive, Real, Seed, Some
from cases.numbers import Number

_ROW: dict[str, Any] = {"type": "array", "items": REAL, "minItems": 1}
_ROWS: dict[str, Any] = {"type": "array", "items": _ROW, "minItems": 1}
ClassNumber: TypeAlias = Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 0})]
ShapeOfDrawn: TypeAlias = Some[tuple[Length, ...]]


class Model(BaseModel):
    """Frozen, and strict about keys. `form` names the model among those that may stand in one place."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    form: ClassVar[str] = ""


class Normal(Model):
    """Numbers drawn from a normal distribution by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by normal"
    normal: ShapeOfDrawn = Field(description="The shape of the array.")
    scale: Positive = Field(description="The standard deviation.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")
    mean: Real = Field(default_factory=lambda: Number("0"), description="The mean, 0 if not given.")


class Uniform(Model):
    """Numbers drawn uniformly from low to high by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by uniform"
    uniform: ShapeOfDrawn = Field(description="The shape of the array.")
    low: Real = Field(description="The lowest value.")
    high: Real = Field(description="The highest value.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")


class Constant(Model):
    """One number everywhere."""

    form: ClassVar = "filled by constant"
    constant: ShapeOfDrawn = Field(description="The shape of the array.")
    value: Real = Field(description="The number.")


class Classes(Model):
    """Targets that are one-hot rows: a 1 at each example's class, and 0 elsewhere."""

    form: ClassVar = "given by classes"
    classes: Some[tuple[ClassNumber, ...]] = Field(description="The class of each example, from 0.")
    of: Length = Field(description="How many classes there are: the number of outputs.")


# Nested lists of `Number`, of one shape; in published values None for what was not printed.
Nested: TypeAlias = list[Any]


def _form_of_array(value: object) -> str | None:
    if isinstance(value, list):
        return "written out"
    if not isinstance(value, dict):
        return None
    return next((f"{how} by {kind}" for kind, how in _DRAWN.items() if kind in value), None)


def _form_of_targets(value: object) -> str | None:
    by_class = isinstance(value, dict) and "classes" in value
    return Classes.form if by_class else _form_of_array(value)


_DRAWN = {"normal": "drawn", "uniform": "drawn", "constant": "filled"}
_DrawnForms: TypeAlias = (
    Annotated[Normal, Tag(Normal.form)]
    | Annotated[Uniform, Tag(Uniform.form)]
    | Annotated[Constant, Tag(Constant.form)]
)
Matrix: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROWS), Tag("written out")] | _DrawnForms, Discriminator(_form_of_array)
]
Vector: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROW), Tag("written out")] | _DrawnForms, Discriminator(_form_of_array)
]
Targets: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROWS), Tag("written out")]
    | _DrawnForms
    | Annotated[Classes, Tag(Classes.form)],
    Discriminator(_form_of_targets),
]
