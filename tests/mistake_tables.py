"""By hand: where each mistake shows first, and which of them the worked example cannot show, and why."""


def by_name(table):
    """From names by what they share, what each name has."""
    return {name: shared for shared, names in table.items() for name in names.split()}


# The kind of line that is wrong, and so differs first in a claim that shows everything; by hand.
# A layer at its kink has no bias.
FIRST_LINE = by_name({
    "loss": (
        "sum-for-mean mean-for-sum mean-over-all-elements mean-over-examples divided-by-n-once-more "
        "loss-of-the-last-example targets-broadcast targets-broadcast-over-examples "
        "half-missing-in-the-loss half-missing-differentiated half-added root-of-the-squared-error "
        "where-the-square-ends outputs-negated softmax-applied-twice sigmoid-before-the-logits-loss "
        "softmax-over-the-examples logarithm-missing log-likelihood second-term-missing "
        "outputs-and-targets-swapped sigmoid-for-softmax updates-after-each-example "
        "label-smoothing-missing classes-counted-from-1 one-taken-off-the-classes targets-inverted "
        "mean-of-means-of-2 mean-of-means-of-3 mean-of-means-of-4 last-of-micro-batches-of-2-left-out "
        "last-of-micro-batches-of-3-left-out last-of-micro-batches-of-4-left-out loss-half-squared-error "
        "loss-mean-squared-error loss-softmax-cross-entropy loss-binary-cross-entropy-with-logits "
        "loss-binary-cross-entropy loss-huber loss-smooth-l1 loss-l1 logarithm-to-base-2 "
        "logarithm-to-base-10 label-smoothing-over-the-other-classes label-smoothing-takes-too-little-off "
        "label-smoothing-adds-too-much float32-loss softmax-over-all-elements "
        "softmax-over-all-elements-differentiated softmax-over-the-examples-by-hand "
        "second-term-with-the-wrong-sign class-for-probabilities targets-cut-to-whole-numbers "
        "targets-of-the-next-example targets-of-the-example-before logarithm-of-p-plus-1e-6 "
        "logarithm-of-p-plus-1e-7 logarithm-of-p-plus-1e-8 logarithm-of-p-plus-1e-9 "
        "logarithm-of-p-plus-1e-10 logarithm-of-p-plus-1e-12 losses-added-up mean-over-the-steps "
        "errors-on-one-side-only"
    ),
    r"dL/da\d": (
        "half-applied-to-the-gradient two-missing-in-the-gradient sign-of-the-error "
        "gradient-of-the-outputs softmax-diagonal-only cancelled-derivative-again weight-factor-missing "
        "error-without-weights weights-transposed-backward magnitude-of-the-weights "
        "weights-of-the-next-layer weights-of-the-layer-before bias-column-kept "
        "error-sent-past-the-activation hidden-gradient-of-the-first-unit "
        "hidden-gradient-of-the-last-unit hidden-gradient-with-the-wrong-sign gradient-stopped "
        "already-updated-weights weights-before-and-after-the-update float32-loss-gradient "
        "float32-hidden-gradient gradient-of-targets-that-sum-to-1 gradient-written-over "
        "loss-gradient-with-the-wrong-sign"
    ),
    r"dL/dz\d": (
        "derivative-missing-in-the-output derivative-missing-in-hidden-layers "
        "upstream-gradient-overwritten derivative-applied-twice derivative-of-the-wrong-layer "
        "derivative-of-the-layer-before mask-of-the-gradient mask-of-the-gradient-too "
        "derivative-at-the-gradient"
    ),
    r"da(\d)/dz\1": (
        "activation-for-its-derivative derivative-function-of-the-next-layer "
        "derivative-function-of-the-layer-before derivative-at-a derivative-at-the-input-of-the-layer "
        "derivative-formula-given-z sigmoid-derivative-in-a tanh-derivative-in-a derivative-of-sigmoid "
        "derivative-of-tanh derivative-of-relu derivative-of-softplus derivative-of-gelu-erf "
        "derivative-of-gelu-tanh derivative-of-silu derivative-of-leaky-relu derivative-of-elu "
        "derivative-of-selu derivative-of-hardtanh derivative-of-relu6 derivative-of-softsign "
        "derivative-of-log-sigmoid float32-derivative square-missing-in-the-derivative derivative-of-tan"
    ),
    r"dL/dW\d": (
        "weight-gradient-from-z weight-gradient-from-the-output weight-gradient-from-x "
        "weight-gradient-from-the-updated-activation weight-gradient-transposed input-factor-missing "
        "weight-for-the-input input-factor-twice weight-gradient-of-magnitudes "
        "parameters-without-gradients gradients-past-the-activation gradients-from-the-next-layer "
        "weight-gradient-of-the-means weight-gradient-of-the-first-example "
        "weight-gradient-of-the-last-example gradients-of-the-first-example gradients-of-the-last-example "
        "weight-gradient-averaged gradients-averaged weight-gradient-multiplied gradients-multiplied "
        "float32-weight-gradient gradients-from-the-layer-before weight-gradient-from-the-derivative"
    ),
    r"dL/db\d": (
        "bias-gradient-summed-over-the-units bias-gradient-from-the-weight-gradient "
        "bias-gradient-of-magnitudes bias-gradient-of-the-next-layer bias-gradient-missing "
        "bias-gradient-not-summed bias-gradient-of-the-largest bias-gradient-of-the-first-example "
        "bias-gradient-of-the-last-example bias-gradient-averaged bias-gradient-multiplied "
        "float32-bias-gradient"
    ),
    "rate": (
        "schedule-off-by-one schedule-one-step-behind schedule-counted-in-examples schedule-ignored "
        "schedule-applied-twice schedule-compounded schedule-rising staircase-missing "
        "final-share-taken-as-a-rate cosine-rising-after-its-end cosine-one-step-short "
        "schedule-begun-anew-at-step-2 schedule-begun-anew-at-step-3 float32-final "
        "schedule-one-period-ahead"
    ),
    r"dL/d[Wb]\d_clipped": "clipping-missing clipped-by-value norm-of-each-parameter norm-of-each-layer",
    r"dL/d[Wb]\d_decayed|(m_)?[Wb]\d_new": "clipped-after-the-update",
    "norm": (
        "clipping-after-the-decay root-missing-from-the-norm norm-without-the-biases "
        "sum-of-magnitudes-for-the-norm mean-square-for-the-norm sum-of-norms"
    ),
    "clip": "clip-eps-missing clip-eps-added scaled-up-to-the-maximum maximum-squared float32-max-norm",
    r"dL/d[Wb]\d_decayed|[Wb]\d_new": (
        "decay-missing decay-doubled decay-halved decay-with-the-wrong-sign decay-over-the-batch "
        "decay-of-the-sign decay-not-scaled-by-the-rate decay-at-the-first-rate decay-after-the-update "
        "float32-weight-decay decay-without-the-parameter"
    ),
    r"dL/db\d_decayed|b\d_new": "decay-missing-in-the-biases",
    r"m_[Wb]\d_new": (
        "decay-coupled decay-coupled-too momentum-not-carried-over momentum-begun-as-an-average "
        "dampening-added dampening-in-the-first-step dampening-missing dampening-swapped "
        "momentum-as-an-average momentum-swapped momentum-with-the-wrong-sign rate-inside-the-momentum "
        "momentum-times-the-rate weight-of-the-gradient-missing corrected-averages-stored "
        "float32-dampening momentum-added-up"
    ),
    r"dL/d[Wb]\d_decayed": "decay-decoupled decay-multiplied decay-for-the-gradient",
    r"[Wb]\d_new": (
        "decay-of-a-fixed-parameter decay-scaled-by-the-corrected-rate look-ahead-missing "
        "look-ahead-added look-ahead-twice look-ahead-with-the-wrong-sign maximum-corrected "
        "mean-not-subtracted rate-applied-twice rate-missing rate-over-the-batch rate-times-the-batch "
        "update-with-the-wrong-sign assigned-for-subtracted weights-not-updated gradient-of-another-layer "
        "fixed-parameter-updated default-rate-of-1e-3 default-rate-of-1e-2 float32-update "
        "float32-learning-rate optimizer-not-used"
    ),
    r"direction_[Wb]\d": (
        "decay-divided-by-the-root corrections-swapped only-the-gradients-corrected "
        "only-the-squares-corrected correction-outside-the-root eps-before-the-correction "
        "largest-corrected-square largest-square"
    ),
    r"[vu]_[Wb]\d_new": (
        "decay-missing-in-the-squares squares-not-carried-over sum-started-at-zero sum-started-at-a-tenth "
        "squares-averaged-with-beta1 weight-of-the-square-missing squares-summed magnitudes-for-squares "
        "squares-of-the-average squares-of-the-parameter"
    ),
    r"direction_[Wb]\d|[Wb]\d_new": (
        "momentum-before-its-update squares-before-their-update steps-counted-for-each-parameter "
        "steps-counted-for-each-layer bias-correction-missing eps-inside-the-root eps-outside-the-root "
        "root-missing multiplied-by-the-corrections multiplied-by-the-root"
    ),
    "correction1": (
        "betas-swapped bias-correction-off-by-one correction-without-the-power float32-beta1 "
        "correction-of-a-product correction-with-a-misplaced-power"
    ),
    r"[mv]_[Wb]\d_new": "weights-of-the-averages-swapped averages-begun-with-the-first",
    r"(direction|u)_[Wb]\d(_new)?|[Wb]\d_new": "eps-missing eps-of-1e-7 eps-of-1e-8",
    r"u_[Wb]\d_new": "eps-added-to-the-maximum",
    r"[mv]_[Wb]\d_new|[Wb]\d_new": (
        "parameters-not-updated updates-after-each-example-but-for-the-loss update-made-twice"
    ),
    r"dL/d[Wb]\d_decayed|([mv]_)?[Wb]\d_new": (
        "parameter-for-its-gradient gradients-over-their-norm each-gradient-over-its-norm "
        "clipped-to-a-norm-of-1 sign-of-the-gradient gradient-of-the-step-before"
    ),
    r"b\d_new": "bias-not-updated",
    r"z\d": (
        "weights-not-transposed weights-not-transposed-differentiated bias-not-added-differentiated "
        "layer-fed-with-the-input layer-fed-with-the-input-differentiated float32-inputs "
        "bfloat16-products bfloat16-parameters float16-parameters float16-layers "
        "bfloat16-layers bias-subtracted bias-subtracted-differentiated bias-added-twice "
        "bias-added-twice-differentiated bias-added-after-the-activation "
        "bias-added-after-the-activation-differentiated inputs-centered inputs-standardized "
        "inputs-standardized-by-samples inputs-scaled-to-0-and-1 inputs-over-255 inputs-over-their-norm"
    ),
    "z[12]": "bias-not-added float32-forward tf32-products",
    r"a\d": (
        "hidden-layer-left-out hidden-layer-left-out-differentiated last-activation-forgotten "
        "last-activation-forgotten-differentiated activation-applied-twice "
        "activation-applied-twice-differentiated activation-sigmoid activation-sigmoid-differentiated "
        "activation-tanh activation-tanh-differentiated activation-relu activation-relu-differentiated "
        "activation-identity activation-identity-differentiated activation-softplus "
        "activation-softplus-differentiated activation-gelu-erf activation-gelu-erf-differentiated "
        "activation-gelu-tanh activation-gelu-tanh-differentiated activation-silu "
        "activation-silu-differentiated activation-leaky-relu activation-leaky-relu-differentiated "
        "activation-elu activation-elu-differentiated activation-selu activation-selu-differentiated "
        "activation-hardtanh activation-hardtanh-differentiated activation-relu6 "
        "activation-relu6-differentiated activation-softsign activation-softsign-differentiated "
        "activation-log-sigmoid activation-log-sigmoid-differentiated leaky-relu-of-tensorflow "
        "leaky-relu-of-tensorflow-differentiated leaky-relu-of-keras leaky-relu-of-keras-differentiated "
        "float32-activation"
    ),
    r"correction1|[mv]_[Wb]\d_new": "state-begun-anew-at-step-2 state-begun-anew-at-step-3",
    r"[mvu]_[Wb]\d_new": "float32-optimizer-state",
    r"z\d|loss": "float32-inputs-and-targets",
    r"correction1|[mv]_[Wb]\d_new|dL/d[Wb]\d_decayed|clip|rate|[Wb]\d_new": "float32-constants",
    r"m_[Wb]\d_new|[Wb]\d_new": "float32-momentum",
    r"correction2|u_[Wb]\d_new": "float32-beta2",
    r"[vm]_[Wb]\d_new": "float32-alpha",
    r"direction_[Wb]\d|[Wb]\d_new|u_[Wb]\d_new": "float32-eps",
})  # fmt: skip

# What one unit and one example cannot show, by the reason.
BLIND_ON_THE_WORKED_EXAMPLE = by_name({
    "with β = 1 it is huber with δ = 1": "loss-smooth-l1",
    "this loss is a sum": (
        "sum-for-mean divided-by-n-once-more targets-broadcast-over-examples mean-of-means-of-2 "
        "mean-of-means-of-3 mean-of-means-of-4"
    ),
    "the sum over one example is its mean": "mean-for-sum",
    "with one output there are as many elements as examples": "mean-over-all-elements",
    "this loss is no mean over all elements": "mean-over-examples",
    "there is only one example": (
        "loss-of-the-last-example targets-broadcast bias-gradient-not-summed bias-gradient-of-the-largest "
        "weight-gradient-of-the-means weight-gradient-of-the-first-example "
        "weight-gradient-of-the-last-example bias-gradient-of-the-first-example "
        "bias-gradient-of-the-last-example gradients-of-the-first-example gradients-of-the-last-example "
        "weight-gradient-averaged bias-gradient-averaged gradients-averaged weight-gradient-multiplied "
        "bias-gradient-multiplied gradients-multiplied rate-over-the-batch rate-times-the-batch "
        "updates-after-each-example updates-after-each-example-but-for-the-loss inputs-centered "
        "inputs-standardized inputs-standardized-by-samples inputs-scaled-to-0-and-1 "
        "targets-of-the-next-example targets-of-the-example-before"
    ),
    "this gradient has no 2": "two-missing-in-the-gradient",
    "this loss has no δ and no β": "where-the-square-ends errors-on-one-side-only",
    "this loss has no softmax": (
        "softmax-applied-twice softmax-over-the-examples softmax-diagonal-only logarithm-missing "
        "sigmoid-for-softmax softmax-over-all-elements softmax-over-all-elements-differentiated "
        "softmax-over-the-examples-by-hand gradient-of-targets-that-sum-to-1"
    ),
    "this loss has no sigmoid": "sigmoid-before-the-logits-loss",
    "this loss is no cross-entropy": (
        "cancelled-derivative-again log-likelihood logarithm-to-base-2 logarithm-to-base-10 "
        "logarithm-of-p-plus-1e-6 logarithm-of-p-plus-1e-7 logarithm-of-p-plus-1e-8 "
        "logarithm-of-p-plus-1e-9 logarithm-of-p-plus-1e-10 logarithm-of-p-plus-1e-12 "
        "class-for-probabilities"
    ),
    "this loss has no term of 1 − y": "second-term-missing second-term-with-the-wrong-sign",
    "of outputs and targets this loss is symmetric": "outputs-and-targets-swapped",
    "no two neighbouring layers have different activations": (
        "derivative-function-of-the-next-layer derivative-function-of-the-layer-before"
    ),
    "every activation here is sigmoid": (
        "sigmoid-derivative-in-a activation-sigmoid activation-sigmoid-differentiated "
        "derivative-of-sigmoid"
    ),
    "no weight matrix above the first is square and larger than 1 by 1": "weights-transposed-backward",
    "no two neighbouring layers have weights of one shape": "weights-of-the-next-layer",
    "every layer above the first has one unit": (
        "hidden-gradient-of-the-first-unit hidden-gradient-of-the-last-unit"
    ),
    "no weight matrix is square and larger than 1 by 1": (
        "weight-gradient-transposed weights-not-transposed weights-not-transposed-differentiated"
    ),
    "every layer has one unit": "bias-gradient-summed-over-the-units",
    "there is no schedule": (
        "schedule-off-by-one schedule-one-step-behind schedule-counted-in-examples schedule-ignored "
        "schedule-applied-twice schedule-rising schedule-begun-anew-at-step-2 "
        "schedule-begun-anew-at-step-3 schedule-one-period-ahead"
    ),
    "the rate does not fall by steps": "schedule-compounded staircase-missing",
    "the rate does not fall along a cosine": (
        "final-share-taken-as-a-rate cosine-rising-after-its-end cosine-one-step-short"
    ),
    "no gradient is clipped": (
        "clipping-missing clipped-after-the-update clipped-by-value norm-of-each-parameter "
        "norm-of-each-layer clipping-after-the-decay root-missing-from-the-norm norm-without-the-biases "
        "sum-of-magnitudes-for-the-norm mean-square-for-the-norm clip-eps-missing clip-eps-added "
        "scaled-up-to-the-maximum maximum-squared sum-of-norms"
    ),
    "there is no weight decay": (
        "decay-missing decay-missing-in-the-biases decay-of-a-fixed-parameter decay-doubled decay-halved "
        "decay-with-the-wrong-sign decay-over-the-batch decay-of-the-sign decay-not-scaled-by-the-rate "
        "decay-at-the-first-rate float32-weight-decay decay-without-the-parameter"
    ),
    "there is no decoupled weight decay": (
        "decay-coupled decay-scaled-by-the-corrected-rate decay-divided-by-the-root decay-coupled-too"
    ),
    "there is no coupled weight decay": (
        "decay-decoupled decay-multiplied decay-for-the-gradient decay-missing-in-the-squares"
    ),
    "no weight decay is taken off with the update": "decay-after-the-update",
    "there is only one step": (
        "momentum-not-carried-over squares-not-carried-over largest-corrected-square largest-square "
        "gradient-of-the-step-before losses-added-up mean-over-the-steps"
    ),
    "this optimizer has no sum of squares": "sum-started-at-zero sum-started-at-a-tenth",
    "this optimizer averages no gradients": (
        "momentum-before-its-update weights-of-the-averages-swapped weight-of-the-gradient-missing"
    ),
    "this optimizer averages no squares": (
        "squares-before-their-update weight-of-the-square-missing squares-summed magnitudes-for-squares "
        "squares-of-the-parameter"
    ),
    "there is no momentum": (
        "momentum-begun-as-an-average dampening-added momentum-as-an-average momentum-swapped "
        "momentum-with-the-wrong-sign rate-inside-the-momentum momentum-times-the-rate look-ahead-added "
        "float32-momentum"
    ),
    "there is no dampening": (
        "dampening-in-the-first-step dampening-missing dampening-swapped float32-dampening"
    ),
    "the momentum is not Nesterov's": "look-ahead-missing look-ahead-twice look-ahead-with-the-wrong-sign",
    "this optimizer has no two betas": "betas-swapped squares-averaged-with-beta1",
    "this optimizer does not average both the gradients and their squares": "squares-of-the-average",
    "this optimizer corrects no averages": (
        "bias-correction-off-by-one correction-without-the-power steps-counted-for-each-parameter "
        "steps-counted-for-each-layer bias-correction-missing corrected-averages-stored "
        "correction-of-a-product correction-with-a-misplaced-power multiplied-by-the-corrections"
    ),
    "this optimizer does not correct two averages": (
        "corrections-swapped only-the-gradients-corrected only-the-squares-corrected "
        "correction-outside-the-root eps-before-the-correction"
    ),
    "this optimizer is not Adamax": "maximum-corrected eps-added-to-the-maximum",
    "this optimizer adds no ε there": "eps-inside-the-root eps-outside-the-root",
    "this optimizer divides by no root": "root-missing",
    "this optimizer is not the centered RMSprop": "mean-not-subtracted",
    "this optimizer has no ε": "eps-missing eps-of-1e-7 eps-of-1e-8",
    "every parameter is trained": "fixed-parameter-updated",
    "this loss smooths no labels": (
        "label-smoothing-missing label-smoothing-over-the-other-classes "
        "label-smoothing-takes-too-little-off label-smoothing-adds-too-much"
    ),
    "there is only one class": "classes-counted-from-1 one-taken-off-the-classes",
    "no activation is leaky_relu": (
        "leaky-relu-of-tensorflow leaky-relu-of-tensorflow-differentiated leaky-relu-of-keras "
        "leaky-relu-of-keras-differentiated"
    ),
    "there are no more than 2 examples": "last-of-micro-batches-of-2-left-out",
    "there are no more than 3 examples": "last-of-micro-batches-of-3-left-out",
    "there are no more than 4 examples": "last-of-micro-batches-of-4-left-out",
    "this loss is asked for": "loss-half-squared-error",
    "the optimizer carries nothing from step to step": (
        "state-begun-anew-at-step-2 state-begun-anew-at-step-3"
    ),
    "the optimizer keeps no state": "float32-optimizer-state",
    "float32 holds every input exactly": "float32-inputs",
    "at most one number of the rules is not exact in float32": "float32-constants",
    "TF32 takes the place of float32 only": "tf32-products",
    "bfloat16 takes the place of float32 only": "bfloat16-products bfloat16-parameters bfloat16-layers",
    "there is no beta1": "float32-beta1",
    "there is no beta2": "float32-beta2",
    "there is no alpha": "float32-alpha",
    "there is no eps": "float32-eps",
    "there is no max norm": "float32-max-norm",
    "there is no final": "float32-final",
    "float16 takes the place of float32 only": "float16-parameters float16-layers",
    "no activation is tanh": "square-missing-in-the-derivative derivative-of-tan",
    "no activation has a mask for its derivative": "mask-of-the-gradient-too",
    "plain gradient descent is asked for": "optimizer-not-used",
    "there is no momentum without dampening": "momentum-added-up",
    "the gradients of the first step have no norm above 1": "clipped-to-a-norm-of-1",
    "this optimizer averages nothing": "averages-begun-with-the-first",
    "this optimizer divides by no root of an average or a sum": "multiplied-by-the-root",
    "the sign of the error has a name of its own": "loss-gradient-with-the-wrong-sign",
})  # fmt: skip

# Formats narrower than float32, in its place.
FLOAT32_ONLY = {"tf32-products", "bfloat16-products", "bfloat16-parameters", "float16-parameters"}
FLOAT32_ONLY |= {"float16-layers", "bfloat16-layers"}
