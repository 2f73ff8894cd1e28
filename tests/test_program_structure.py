"""A program says what it does, and is passed over elsewhere; which cases are meant by `--select`."""

import pytest

from adapters import Adapter, Unavailable, find_adapters
from cases import SHIPPED, load_case, load_cases
from cases.load import asked_for
from cases.problem import stacked
from cases.program_structure import structure_of, why_not
from cases.protocol import NoEquivalent, Stacked, Structure
from cases.selection import UnknownCaseError, selected

CASES = load_cases(SHIPPED)
PROGRAMS = """
from cases.protocol import Adapter, Program, Stacked

def train(problem):
    return ["trained"]

train.structure = {structure}
one = Program("one", lambda problem: ["trained"], stacked=Stacked("", train))
adapter = Adapter("mine", "", "", (one,), structure=train.structure)
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch, request):
    """Give what is loaded as the adapter of a module with a structure."""

    def loaded(structure, attribute="train"):
        module = f"m{abs(hash((request.node.name, structure, attribute)))}"
        (tmp_path / f"{module}.py").write_text(PROGRAMS.replace("{structure}", structure), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return find_adapters([f"{module}:{attribute}"])[0]

    return loaded


DECLINED = [
    ("activations={'sigmoid'}", "nets/relu", "it does sigmoid, and the case asks for relu"),
    ("depth=2", "nets/one-layer", "it does 2 layers, and the case asks for 1"),
    ("depth=range(2, 6)", "nets/deep", "it does 2 to 5 layers, and the case asks for 8"),
    ("losses='huber'", "losses/l1", "it does huber, and the case asks for l1"),
    ("reductions='sum'", "nets/square-mean", "it does sum, and the case asks for mean"),
    ("batch=[1, 3]", "nets/batch-of-four", "it does 1, 3 examples, and the case asks for 4"),
    ("optimizers='sgd'", "optimizers/sgd-nesterov", "asks for sgd+momentum+nesterov"),
    ("optimizers='sgd'", "optimizers/schedule-step", "asks for sgd+momentum+step"),
    ("optimizers='sgd'", "nets/not-trained", "it does sgd, and the case asks for sgd+not_trained"),
    ("dtypes='float32'", "worked/document", "it does float32, and the case asks for float64"),
    ("losses='softmax_cross_entropy_with_integer_labels'", "losses/smoothed-classes", "label_smoothing"),
]


@pytest.mark.parametrize(("structure", "case", "why"), DECLINED)
@pytest.mark.parametrize("attribute", ["train", "adapter"])
def test_what_a_program_does_not_do_it_declines_and_nothing_else(structure, case, why, attribute, loaded):
    adapter = loaded(f"dict({structure})", attribute)
    assert isinstance(adapter, Adapter)
    (program,) = adapter.programs
    problem = load_case(case).problem("float64")
    with pytest.raises(NoEquivalent) as declined:
        program.run(problem)
    assert str(declined.value).endswith(why) or why in str(declined.value)
    if isinstance(program.stacked, Stacked):
        with pytest.raises(NoEquivalent):
            program.stacked.run(stacked([problem, problem]))
    ones = [
        one for one in CASES if not why_not(program.structure or adapter.structure, one.problem("float64"))
    ]
    assert len(ones) < len(CASES)
    assert [program.run(one.problem("float64")) for one in ones] == [["trained"]] * len(ones)


def test_the_order_of_what_is_added_does_not_matter_and_what_is_not_said_is_not_limited():
    problem = load_case("optimizers/sgd-nesterov").problem("float64")
    assert why_not(structure_of({"optimizers": "sgd+weight_decay+nesterov+momentum"}), problem) == ""
    assert all(why_not(Structure(), case.problem("float64")) == "" for case in CASES)


@pytest.mark.parametrize(
    ("structure", "wrong"),
    [
        ("{'activation': 'relu'}", "structure has 'activation', expected activations, "),
        ("{'activations': {'sigmod'}}", "did you mean 'sigmoid'?"),
        ("{'optimizers': 'sgd+momentun'}", "did you mean 'momentum'?"),
        ("{'depth': 0}", "structure's depth is 0, expected a number from 1, "),
        ("{'losses': 3}", "structure's losses is 3, expected a set of names"),
        ("7", "structure is a int, expected a mapping with activations, "),
    ],
)
def test_a_structure_that_is_none_is_said_before_anything_runs(structure, wrong, loaded):
    adapter = loaded(structure)
    assert isinstance(adapter, Unavailable)
    assert wrong in adapter.reason


def names(*select):
    return [case.name for case in selected(CASES, select)]


def test_a_name_selects_its_case_alone_and_any_other_text_all_that_have_it():
    assert names("nets/square") == ["nets/square"]
    assert names("square-", "nets/square") == ["nets/square", "nets/square-mean"]
    assert names("nets/s*") == ["nets/smooth-activations", "nets/square", "nets/square-mean"]
    assert names() == names("") == [case.name for case in CASES]
    with pytest.raises(
        UnknownCaseError, match=r"no case has 'net/sqare' in its name; the nearest are nets/square"
    ):
        names("nets/", "net/sqare")
    with pytest.raises(UnknownCaseError, match=rf"there are {len(CASES)}: divergences/adagrad-by-default"):
        names("?")


def test_cases_that_are_named_stand_alone_and_what_is_shipped_is_named_too(tmp_path):
    (tmp_path / "a.yml").write_text(CASES[0].text, encoding="utf-8")
    assert [case.name for case in asked_for([str(tmp_path / "a.yml")])] == ["a"]
    assert [case.name for case in asked_for([str(tmp_path)])] == ["a"]
    assert [case.name for case in asked_for([SHIPPED / "nets" / "relu.yaml"])] == ["nets/relu"]
    both = {"a", *(case.name for case in CASES)}
    assert {case.name for case in asked_for(["shipped", str(tmp_path / "a.yml")])} == both
    assert len(asked_for([])) == len(asked_for(["shipped"])) == len(CASES)
