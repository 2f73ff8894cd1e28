"""The names of the tools, ours first, and of the kinds of mistakes, as a reader meets them."""

# Our checker, where the implementation shows everything that can be observed.
SHOWN = "this suite"

# Our checker, where it shows no more than the loss, the gradients and the updated parameters.
OUTCOME = "this suite, outcome only"

OURS = (SHOWN, OUTCOME)
ASSERT_CLOSE = "torch.testing.assert_close"
ALLCLOSE = "numpy.allclose"
GRADCHECK = "torch.autograd.gradcheck"
CHECK_GRADS = "jax.test_util.check_grads"
# The usual tools, each with its defaults.
TOOLS = (ASSERT_CLOSE, ALLCLOSE, GRADCHECK, CHECK_GRADS)

STRUCTURAL, PRECISION = "structural", "precision"
# The kinds of mistakes, and what a reader is told they are.
KINDS = {STRUCTURAL: "wrong formula", PRECISION: "too low a precision"}
