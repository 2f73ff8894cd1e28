"""The mistakes that people make in backpropagation, each as the tape of a training step with other lines.

Whatever a mistaken tape gives, it gives in the operators of the right one: a mistake trains in plain NumPy
(`mistaken_steps`), so that a test can see whether it is caught, and it is evaluated on `Bounded` numbers, so
that a diagnosis can tell whether it explains a claim. Mistakes of precision are NumPy's alone.

>>> from reference import worked_example
>>> from reference.mistakes import MISTAKES
>>> MISTAKES["weights-not-transposed"].tape(worked_example())
Inexpressible(reason='no weight matrix is square and larger than 1 by 1')
>>> [line.equation for line in MISTAKES["already-updated-weights"].lines(worked_example())]
['dL/dz2 W2_new']
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from cases import Problem
from reference.mistakes import (
    clipping,
    decay,
    derivatives,
    forward,
    gradients,
    hidden,
    logits,
    losses,
    moments,
    momentum,
    precision,
    schedules,
    updates,
)
from reference.mistakes.mistake import Inexpressible, Mistake
from reference.training import training_steps

__all__ = ["MISTAKES", "PRECISION", "STRUCTURAL", "Inexpressible", "Mistake", "mistaken_steps"]

# Wrong formulas, in the order of the training step.
STRUCTURAL = (
    forward.weights_not_transposed,
    forward.bias_not_added,
    losses.sum_for_mean,
    losses.mean_for_sum,
    losses.mean_over_all_elements,
    losses.mean_over_examples,
    losses.half_missing_in_the_loss,
    losses.half_applied_to_the_gradient,
    losses.two_missing_in_the_gradient,
    losses.sign_of_the_error,
    logits.label_smoothing_missing,
    logits.softmax_applied_twice,
    logits.sigmoid_before_the_logits_loss,
    derivatives.derivative_missing_in_the_output,
    derivatives.derivative_missing_in_hidden_layers,
    derivatives.derivative_of_the_wrong_layer,
    derivatives.derivative_of_the_layer_before,
    derivatives.derivative_at_a,
    hidden.weight_factor_missing,
    hidden.weights_transposed_backward,
    hidden.magnitude_of_the_weights,
    hidden.already_updated_weights,
    gradients.weight_gradient_from_z,
    gradients.weight_gradient_of_the_first_example,
    gradients.bias_gradient_not_summed,
    gradients.bias_gradient_averaged,
    gradients.bias_gradient_of_the_first_example,
    schedules.schedule_off_by_one,
    schedules.schedule_ignored,
    clipping.clipping_missing,
    clipping.clipped_by_value,
    clipping.norm_of_each_parameter,
    clipping.clipping_after_the_decay,
    clipping.clip_eps_missing,
    clipping.clip_eps_added,
    clipping.scaled_up_to_the_maximum,
    decay.decay_missing,
    decay.decay_missing_in_the_biases,
    decay.decay_coupled,
    decay.decay_decoupled,
    decay.decay_of_a_fixed_parameter,
    momentum.momentum_not_carried_over,
    momentum.squares_not_carried_over,
    momentum.dampening_in_the_first_step,
    momentum.dampening_missing,
    momentum.momentum_as_an_average,
    momentum.look_ahead_missing,
    momentum.rate_inside_the_momentum,
    momentum.betas_swapped,
    momentum.squares_of_the_average,
    moments.bias_correction_missing,
    moments.bias_correction_off_by_one,
    moments.eps_inside_the_root,
    moments.eps_outside_the_root,
    moments.root_missing,
    moments.mean_not_subtracted,
    updates.rate_applied_twice,
    updates.update_with_the_wrong_sign,
    updates.bias_not_updated,
    updates.fixed_parameter_updated,
)

# Right formulas in a lower precision than promised.
PRECISION = (
    precision.float32_forward,
    precision.float32_activation,
    precision.float32_weight_gradient,
    precision.float32_bias_gradient,
    precision.float32_learning_rate,
    precision.tf32_products,
)

# Every mistake by name.
MISTAKES = MappingProxyType({mistake.name: mistake for mistake in (*STRUCTURAL, *PRECISION)})


def mistaken_steps(problem: Problem, mistake: Mistake) -> Iterator[dict[str, NDArray[Any]]]:
    """Train in plain NumPy, in the problem's dtype, with a mistake: an implementation that is wrong.

    Returns
    -------
    For each step every quantity by name, as `reference.training.training_steps` does.

    Raises
    ------
    ValueError
        If the mistake cannot be made on this problem; the message says why.
    """
    lines = mistake.tape(problem)
    if isinstance(lines, Inexpressible):
        raise ValueError(f"{mistake.name} cannot be made here: {lines.reason}")  # noqa: TRY004 - a value of the problem
    return training_steps(problem, lines)
