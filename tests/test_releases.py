"""The releases that pyproject.toml admits: what an old one lacks, and the table that .ci/releases printed."""

import pytest
from networks import network

from cases.protocol import NoEquivalent


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("message", "declines"),
    [
        ("\"smooth_l1_backward_cpu_out\" not implemented for 'Half'", True),  # PyTorch 2.6.0
        ("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)", False),
    ],
)
def test_what_a_release_has_not_in_a_format_has_no_equivalent_and_any_other_error_stays(message, declines):
    from adapters.torch_autograd import train

    def failing(*_):
        raise RuntimeError(message)

    with pytest.raises(NoEquivalent if declines else RuntimeError) as raised:
        next(train(network(), differentiate=failing))
    assert message in str(raised.value)
