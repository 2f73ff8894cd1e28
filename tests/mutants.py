"""The faults that `tests/mutation.py` plants, each in the place whose own tests are to see it.

A fault is a piece of text that stands once in a file, and what is put in its stead. Where the text is gone or
stands twice the run fails, and the fault is to be written anew for what stands there now.
"""

# A fault is a row of the table, however long its texts are:
# ruff: noqa: E501
from typing import NamedTuple

# By place: the files of its own tests, in the order in which they run.
TESTS = {
    "bounded": ("test_bounded",),
    "formats": ("test_formats",),
    "agreement": ("test_check",),
    "batches": ("test_check", "test_update_bounds", "test_batches"),
    "truth": ("test_truth",),
    "activations": ("test_activations",),
    "losses": ("test_loss_bounds", "test_losses"),
    "updates": ("test_update_bounds", "test_optimizers"),
    "formulas": ("test_check", "test_training"),
    "adapters": ("test_adapters",),
    "engines": ("test_engines",),
    "forms": ("test_update_forms",),
    "zero": ("test_zero",),
}


class Mutant(NamedTuple):
    """A fault: `old` stands in a file, and `new` in its stead is to be seen by the tests of its place.

    `harmless` says why no test can see it, if none can; a comment at the code says the same.
    """

    place: str
    file: str
    old: str
    new: str
    harmless: str = ""


SPARE_SUM = "n − 1 roundings are all that a sum of n terms has: the bound's n-th is a spare"
SPARE_MATMUL = "the last of n + 1 roundings is that of z itself, which the sum with the bias allows anyway"

# By place and file: what stands there, what is put in its stead, and why that is harmless, if it is.
FAULTS = [
    ("bounded", "reference/arithmetic/bounded.py", [
        ("value, reach, carried, n + 1, underflows", "value, reach, carried, (n + 1) // 2, underflows"),
        ("value, reach, carried, n + 1, underflows", "value, reach, carried, 2 * n + 2, underflows"),
        ("value, reach, carried, n, n, accumulator", "value, reach, carried, (n + 1) // 2, n, accumulator"),
        ("value, reach, carried, n, n, accumulator", "value, reach, carried, 2 * n, n, accumulator"),
        ("reach, carried, 1, underflows)", "reach, carried, 2, underflows)"),
        ("reach, carried, 1, underflows)", "reach, carried, 0, underflows)"),
        ("carried, roundings=1, underflows=1)", "carried, roundings=2, underflows=1)"),
        ("carried, roundings=1, underflows=1)", "carried, roundings=0, underflows=1)"),
        ("np.abs(value), carried, 2, underflows)", "np.abs(value), carried, 4, underflows)"),
        ("np.abs(value), carried, 2, underflows)", "np.abs(value), carried, 1, underflows)"),
        ("root.copy(), carried, roundings=2,", "root.copy(), carried, roundings=1,"),
        ("root.copy(), carried, roundings=2,", "root.copy(), carried, roundings=4,"),
        ("(factor - 1) == 0 else 3", "(factor - 1) == 0 else 2"),
        ("(factor - 1) == 0 else 3", "(factor - 1) == 0 else 6"),
        ("if product.terms > 1:", "if False:"),
        ("Bounded(value, error, self.format, terms=n, sizes", "Bounded(value, error, self.format, sizes"),
        ("np.fmin(np.sqrt(error), error / root)", "error / root / 2"),
        ("if type(other.parts) is float:", "if True:"),
        ("underflows * other.parts, np.inf", "underflows, np.inf"),
        ("np.asarray(a.error), b.magnitude + b.error)", "np.asarray(a.error), b.magnitude)"),
        ("nearest = self.error + np.abs(value) * other.error", "nearest = self.error"),
        ("least = other.magnitude - other.error\n", "least = other.magnitude\n"),
        ("np.maximum(self.error, other.error) + np.zeros", "np.minimum(self.error, other.error) + np.zeros"),
        ("EXACT if self.is_exact else np.add.reduce(self.error, axis)", "EXACT"),
        ("value, reach, carried, n, n, accumulator", "value, reach, carried, n - 1, n, accumulator", SPARE_SUM),
        ("value, reach, carried, n + 1, underflows", "value, reach, carried, n, underflows", SPARE_MATMUL),
    ]),
    ("bounded", "reference/arithmetic/number_formats.py", [
        ("self._stored(value, error) if accumulator else error", "error"),
        ("self.gamma(1) * magnitude + self.underflow", "self.gamma(2) * magnitude + self.underflow"),
        ("reach <= form.largest) if not largest", "reach <= np.inf) if not largest"),
    ]),
    ("formats", "reference/arithmetic/number_formats.py", [
        ("SLACK = 1 + 2.0**-30", "SLACK = 1.0"),
        ("self.underflow / self.unit_roundoff if", "1e6 * self.underflow / self.unit_roundoff if"),
        ("(1 if self.flushes else self.unit_roundoff)", "1"),
        ("(accumulator or self).unit_roundoff) + _gamma(n, self.evaluation)", "self.unit_roundoff) + _gamma(n, self.evaluation)"),
        ("+ _gamma(n, self.evaluation)) * SLACK", ") * SLACK"),
        ('Format("bfloat16", 2.0**-8,', 'Format("bfloat16", 2.0**-7,'),
        ("n * u / (1 - n * u) if", "n * u if"),
    ]),
    ("agreement", "reference/agreement.py", [
        ("if not (used.item(worst) <= 1 and bound < math.inf)", "if not (used.item(worst) <= 2 and bound < math.inf)"),
        ("outside = finite & ~(off <= allowed)", "outside = finite & ~(off <= 2 * allowed)"),
        ("ONE_DIGIT = 0.1\n", "ONE_DIGIT = 1.0\n"),
        ("outside = finite & ~(off <= allowed)", "outside = finite & (off > allowed)"),
        ("        used /= error\n", "        used /= 2 * error\n"),
        ("        distance -= derived.low\n", "        distance += derived.low\n"),
        ("        distance -= derived.low\n", "        pass\n"),
        ("else abs(claimed - derived - low)", "else abs(claimed - derived)"),
        ("used=off / tolerance if tolerance else", "used=off / 2 / tolerance if tolerance else"),
        ("bound, certified_digits(bound, size), ", "bound, certified_digits(bound / 10, size), "),
    ]),
    ("batches", "reference/agreement.py", [
        ("agrees = (used <= 1) & (bound < np.inf)", "agrees = (used <= 2) & (bound < np.inf)"),
        ("verdicts[(verdicts == AGREES) & ~certifies(own, size, derived.format)] = UNDECIDED", "pass"),
        ("np.select(which, [DIFFERS, UNDECIDED], AGREES)", "np.select(which, [DIFFERS, AGREES], AGREES)"),
        ("off[np.isinf(stated) & (stated == value)] = 0", "pass"),
    ]),
    ("batches", "reference/checker.py", [
        ("fits = states and follows_stated\n", "fits = states\n"),
        ("(len(waiting) == most or not fits or kind != kind_waiting)", "(len(waiting) == most or not fits)"),
        ("kind = own, certifies(step)", "kind = own, True"),
        ("if self.agrees and not self.certified:", "if not self.certified:"),
        ("if self.agrees and not self.certified:", "if self.agrees:"),
    ]),
    ("batches", "reference/batched.py", [
        ("        known = advance(known, step.values, problem)\n", "        known = dict(known)\n"),
        (".widened(2 * self.derived[line.name].error)", ".widened(0.0)"),
    ]),
    ("batches", "reference/arithmetic/elementary.py", [
        ("array.value.reshape(shape), lambda", "array.value.reshape(shape)[:1], lambda"),
        ("    return array.reshape(shape)\n", "    return array.reshape(shape)[:1]\n"),
    ]),
    ("truth", "reference/certified.py", [
        ("derived.error + np.where(np.isfinite(radius), radius, np.inf)", "derived.error + np.where(np.isfinite(radius), 0.0, np.inf)"),
        ("derived.terms, low, derived.parts, derived.sizes,", "derived.terms, low, 1.0, derived.sizes,"),
        ("low, derived.parts, derived.sizes,", "low, derived.parts, None,"),
        ("kept = derived.terms, low,", "kept = 1, low,"),
        ("kept = derived.terms, low,", "kept = derived.terms, 0.0,"),
        ("self._each = [advance(last, last, self._problem)]", "pass"),
        ("            known[name] = ball\n", "            pass\n"),
    ]),
    ("truth", "reference/arithmetic/balls.py", [
        ("np.array(radius).reshape(shape)", "np.zeros(shape)"),
        ("flint.arb.max)", "flint.arb.min)"),
    ]),
    ("batches", "reference/certified.py", [
        ("last = self._each[-1]", "last = self._each[0]"),
    ]),
    ("batches", "reference/arithmetic/number_formats.py", [("* of_each_case(np.min, reach), EXACT, underflow)", "* of_each_case(np.min, reach), underflow, EXACT)")]),
    ("truth", "reference/arithmetic/bounded.py", [("else self.error + np.abs(self.low)", "else self.error")]),
    ("truth", "reference/training.py", [("return Ball.exact(to_int(step) + 1)", "return step")]),
    ("activations", "reference/activations/sigmoid.py", [
        ("\nULPS = 4\n", "\nULPS = 8\n"),
        ("\nULPS = 4\n", "\nULPS = 3\n"),
        ("ULPS_OF_16_BITS = 2", "ULPS_OF_16_BITS = 4"),
        ("\nTANH_ULPS = 8\n", "\nTANH_ULPS = 16\n"),
        ("parts=2.0", "parts=1.0"),
        ("error = 2 * self.ulps_of(form)", "error = self.ulps_of(form)"),
    ]),
    ("activations", "reference/activations/softplus.py", [
        ("\nULPS = 4\n", "\nULPS = 8\n"),
        ("\nSILU_ULPS = 6\n", "\nSILU_ULPS = 12\n"),
    ]),
    ("activations", "reference/activations/elu.py", [
        ("\nULPS = 6\n", "\nULPS = 4\n"),
        ("9852946", "9852947"),
        ("9916717", "9916718"),
        ("\nSELU_ULPS = 8\n", "\nSELU_ULPS = 16\n"),
        ("parts=slope.parts", "parts=1.0"),
    ]),
    ("activations", "reference/activations/softsign.py", [("\nULPS = 2\n", "\nULPS = 1\n")]),
    ("activations", "reference/activations/relu.py", [
        ("inside &= z < top", "inside &= z <= top"),
        ("inside = z > self", "inside = z >= self"),
        ("either * (1 - low) +", "either * 0.5 * (1 - low) +"),
    ]),
    ("activations", "reference/activations/contract.py", [
        ("(distance <= np.multiply(z.error, SLACK))", "(distance < np.multiply(z.error, SLACK))"),
        ("(distance <= np.multiply(z.error, SLACK))", "(distance <= np.multiply(z.error, 0.5))"),
        ("return 2 * ulps * unit * largest", "return ulps * unit * largest"),
    ]),
    ("losses", "reference/losses/terms.py", [
        ("\nLOG_ULPS = 4\n", "\nLOG_ULPS = 8\n"),
        ("\nEXP_ULPS = 5\n", "\nEXP_ULPS = 10\n"),
        ("\nSOFTPLUS_ULPS = 4\n", "\nSOFTPLUS_ULPS = 8\n"),
    ]),
    ("losses", "reference/losses/binary.py", [
        ("np.where(y.value == 1, -opposite, a - y.value)", "np.where(y.value == 1, opposite, a - y.value)"),
        ("form.gamma(7 + roundings) * reach", "form.gamma(14 + roundings) * reach"),
        ("reach + form.gamma(1) * wrong *", "reach + 0 * wrong *"),
    ]),
    ("losses", "reference/losses/absolute.py", [
        ("undecided = (np.abs(d) <= y_hat.error)", "undecided = (np.abs(d) < y_hat.error)"),
        ("y_hat.format.gamma(6) * reach", "y_hat.format.gamma(12) * reach"),
        ("np.where(np.abs(d) - off <= delta, delta, 0.0)", "0.0"),
    ]),
    ("losses", "reference/losses/cross_entropy.py", [
        ("error = log_p.error + (form.gamma(2) * log_p.normalizer if self.by_class else 0.0)", "error = log_p.error"),
        ("form.gamma(2 * EXP_ULPS + n) * nearer", "form.gamma(4 * EXP_ULPS + n) * nearer"),
    ]),
    ("updates", "reference/optimizers/averages.py", [
        ("return m_new.widened(np.maximum(weight * apart - of_m * m.magnitude - of_g * g.magnitude, 0))", "return m_new"),
        ("np.maximum(weight * apart - of_m", "np.maximum(10 * weight * apart - of_m"),
        ("form.gamma(2) * newest.magnitude + newest.error\n", "0.0\n"),
        ("error = of_power * np.abs(power) + form", "error = form"),
        ("form.has_16_bits else form).gamma(10 + t)", "form.has_16_bits else form).gamma(10 * (10 + t))"),
    ]),
    ("updates", "reference/optimizers/adam.py", [
        ("return w_new.regrouped(eta.most * addends, sums=2)", "return w_new"),
        ("w_new.regrouped(eta.most * addends, sums=2)", "w_new.regrouped(10 * eta.most * addends, sums=20)"),
        ("return (m / c1) / (sqrt(v / c2) + cast(eps))", "return (m / c1) / (sqrt(v) + cast(eps))"),
    ]),
    ("updates", "reference/optimizers/gradients.py", [
        ("whole.widened(whole.format.gamma(4) * (whole.magnitude + whole.error))", "whole"),
        ("whole.format.gamma(4)", "whole.format.gamma(40)"),
    ]),
    ("updates", "reference/optimizers/schedules.py", [
        ("done = flint.arb(min(to_int(step) - 1, to_int(over)))", "done = flint.arb(to_int(step) - 1)"),
        ("(eta.format.gamma(16) + 8", "(eta.format.gamma(160) + 8"),
        ("+ 8 * steps * EVALUATION)", ")"),
        ("done, last = min(to_int(step) - 1, to_int(over)) / to_int(over)", "done, last = (to_int(step) - 1) / to_int(over)"),
        ("eta.format.gamma(falls + 12)", "eta.format.gamma(10 * (falls + 12))"),
    ]),
    ("updates", "reference/optimizers/sgd.py", [("return w - eta * (g + cast(mu) * m)", "return w - eta * (m + cast(mu) * m)")]),
    ("formulas", "reference/line.py", [
        ("    return dL_dz @ W\n", "    return dL_dz @ (W * W)\n"),
        ("return w - eta * dL_dw", "return w + eta * dL_dw"),
        ("return x @ W.mT + as_row(b, x)", "return x @ W.mT - as_row(b, x)"),
    ]),
    ("adapters", "adapters/numpy_reference.py", [("names.observable(depth) | {names.slope(k) for k in range(1, depth + 1)}", "names.outcome(depth)")]),
    ("adapters", "adapters/jax_functions.py", [
        ("jnp.log(1 - a)", "jnp.log1p(-a)"),
        ("jax.nn.gelu(z, approximate=False)", "jax.nn.gelu(z, approximate=True)"),
        ("if of_elements_over_examples else each.mean()", "if loss else each.mean()"),
    ]),
    ("adapters", "adapters/torch_autograd.py", [
        ("tensor.detach() for name", "tensor for name"),
        ("        tensor.grad = None\n", ""),
        ("claim |= arrays(clip(problem, parameters))", "clip(problem, parameters)"),
        ("return {names.RATE: rate, **shown} if scheduler else shown", "return shown"),
        ("return {names.RATE: rate, **shown} if scheduler else shown", "return {names.RATE: rate} if scheduler else {}"),
        ('Program("", train, names.observable', 'Program("", train, names.outcome'),
        ("part = stack.detach()[i]\n    part.grad = gradient(stack)[i]", "part = stack.detach()[0]\n    part.grad = gradient(stack)[0]"),
        ("for i in range(len(problem.x))", "for i in (0,) * len(problem.x)"),
    ]),
    ("adapters", "adapters/torch_functions.py", [
        ("total / len(y) if", "total / y.numel() if"),
        ('F.gelu(z, approximate="none")', 'F.gelu(z, approximate="tanh")'),
        ("negative_slope=0.01", "negative_slope=0.02"),
    ]),
    ("adapters", "adapters/torch_optimizers.py", [('(rule["beta1"], rule["beta2"])', '(rule["beta2"], rule["beta1"])')]),
    ("adapters", "adapters/jax_grad.py", [
        ('is_wide = problem.dtype == "float64" and problem.forms == "stated"', "is_wide = False"),
        ('seen |= {"loss": value, **observed, **update_seen(structure.update, state, count, x.dtype)}', 'seen |= {"loss": value, **observed}'),
        ('"observed", names.observable', '"observed", names.outcome'),
        ("seen, parameters, state = jax.tree.map", "seen, _, state = jax.tree.map"),
        ("seen | {names.updated(name): array for name, array in parameters.items()}", "seen"),
        ("claim[names.RATE] = claim[names.RATE][0]", "pass"),
    ]),
    ("engines", "adapters/jax_grad.py", [('parts = len(x) if structure.loss[1] == "mean" else 1', "parts = 1")]),
    ("forms", "reference/line.py", [("return w_new.regrouped(eta.most * direction.addends, sums=2)", "return w_new")]),
    ("forms", "reference/optimizers/sgd.py", [
        ("regrouped(eta.most * m.addends, sums=1)", "regrouped(eta.most * m.addends, sums=-1)"),
        ("form.gamma(6) * m_most", "form.gamma(0) * m_most"),
        ("return m_new.widened(more).with_addends(addends)", "return m_new.with_addends(addends)"),
    ]),
    ("zero", "reference/arithmetic/bounded.py", [
        ("sizes=lambda: self.scale + other.scale", "sizes=None"),
        ("sizes=lambda: self.scale * other.scale", "sizes=None"),
        ("sizes=lambda: self.scale @ other.scale", "sizes=None"),
        ("sizes=lambda: np.add.reduce(self.scale, axis)", "sizes=None"),
    ]),
    ("zero", "reference/agreement.py", [("size = max_element(derived.scale)", "size = math.inf")]),
]  # fmt: skip

MUTANTS = [Mutant(place, file, *texts) for place, file, faults in FAULTS for texts in faults]
