"""Mistakes people make: torch's exception type, a message that says what to do, and nothing changed by the failed call.

A mistake is a function of the library T that returns (the call that fails, the tensors, modules and optimizers to watch).
"""

import numpy as np
import pytest
import torch

import minitorch

MISTAKES = {}


def mistake(*words):
    """Declares a mistake, with the words that our message must contain."""

    def declare(f):
        MISTAKES[f.__name__] = (f, words)
        return f

    return declare


def leaf(T, *shape, dtype="float32"):
    return T.ones(*shape, dtype=getattr(T, dtype), requires_grad=True)


# ---------------------------------------------------------------------- shapes


@mistake("mat1 and mat2 shapes cannot be multiplied", "2x3", "4x5")
def linear_shape(T):
    layer, x = T.nn.Linear(4, 5), T.ones(2, 3)
    return lambda: layer(x), [layer, x]


@mistake("mat1 and mat2 shapes cannot be multiplied", "2x3 and 4x5")
def matmul_shape(T):
    a, b = T.ones(2, 3), T.ones(4, 5)
    return lambda: a @ b, [a, b]


@mistake("size mismatch", "2x3")
def matmul_vector(T):
    a, b = T.ones(2, 3), T.ones(4)
    return lambda: a @ b, [a, b]


@mistake("inconsistent tensor size", "3", "4")
def dot_shape(T):
    a, b = T.ones(3), T.ones(4)
    return lambda: T.dot(a, b), [a, b]


@mistake("The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0")
def matmul_batches(T):
    a, b = T.ones(2, 3, 4), T.ones(3, 4, 5)
    return lambda: a @ b, [a, b]


@mistake("Sizes of tensors must match except in dimension 0")
def cat_shape(T):
    a, b = T.ones(2, 3), T.ones(2, 4)
    return lambda: T.cat([a, b]), [a, b]


@mistake("non-empty list")
def cat_nothing(T):
    return lambda: T.cat([]), []


@mistake("stack expects each tensor to be equal size", "[2, 3]", "[2, 4]", "entry 1")
def stack_shape(T):
    a, b = T.ones(2, 3), T.ones(2, 4)
    return lambda: T.stack([a, b]), [a, b]


BROADCAST = "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"


@mistake(BROADCAST)
def broadcast_add(T):
    a, b = T.ones(2, 3), T.ones(2, 4)
    return lambda: a + b, [a, b]


@mistake(BROADCAST)
def broadcast_where(T):
    a, b = T.ones(2, 3), T.ones(2, 4)
    return lambda: T.where(T.tensor(True), a, b), [a, b]


@mistake(BROADCAST)
def broadcast_compare(T):
    a, b = T.ones(2, 3), T.ones(2, 4, dtype=T.int64)
    return lambda: a < b, [a, b]


@mistake(BROADCAST)
def broadcast_recorded(T):
    a, b = leaf(T, 2, 3), leaf(T, 2, 4)
    return lambda: a * b, [a, b]


@mistake(BROADCAST)
def broadcast_inplace(T):
    a, b = T.ones(2, 3), T.ones(2, 4)
    return lambda: a.add_(b), [a, b]


@mistake("output with shape [3]", "doesn't match the broadcast shape [2, 3]")
def inplace_that_grows(T):
    a, b = T.ones(3), T.ones(2, 3)
    return lambda: a.add_(b), [a, b]


@mistake("The expanded size of the tensor (4) must match the existing size (3) at non-singleton dimension 1")
def expand_shape(T):
    a = T.ones(2, 3)
    return lambda: a.expand(2, 4), [a]


@mistake("shape '[4, 2]' is invalid for input of size 6")
def reshape_size(T):
    a = T.ones(2, 3)
    return lambda: a.reshape(4, 2), [a]


@mistake("view size is not compatible with input tensor's size and stride", ".reshape(")
def view_of_strides(T):
    a = T.ones(2, 3).t()
    return lambda: a.view(6), [a]


@mistake("negative dimension")
def negative_size(T):
    return lambda: T.zeros(2, -1), []


@mistake("expected sequence of length 2 at dim 1")
def ragged_list(T):
    return lambda: T.tensor([[1, 2], [3]]), []


# ---------------------------------------------------------------------- dtypes and labels


@mistake("must have the same dtype", "Double", "Float")
def double_into_float_layer(T):
    layer, x = T.nn.Linear(3, 2), T.ones(4, 3, dtype=T.float64)
    return lambda: layer(x), [layer, x]


@mistake("same dtype")
def matmul_dtype(T):
    a, b = T.ones(2, 3), T.ones(3, 2, dtype=T.float64)
    return lambda: a @ b, [a, b]


@mistake("Target 3 is out of bounds")
def label_out_of_range(T):
    x, y = leaf(T, 2, 3), T.tensor([0, 3])
    return lambda: T.nn.CrossEntropyLoss()(x, y), [x, y]


@mistake("Target -1 is out of bounds")
def label_negative(T):
    x, y = leaf(T, 2, 3), T.tensor([0, -1])
    return lambda: T.nn.functional.nll_loss(x, y), [x, y]


@mistake("expected scalar type Long but found Float")
def label_dtype_nll(T):
    x, y = leaf(T, 2, 3), T.tensor([0.0, 1.0])
    return lambda: T.nn.NLLLoss()(x, y), [x, y]


@mistake("expected scalar type Long but found Float")
def label_dtype(T):
    x, y = leaf(T, 2, 3), T.tensor([0.0, 1.0])
    return lambda: T.nn.CrossEntropyLoss()(x, y), [x, y]


@mistake("batch")
def label_count(T):
    x, y = leaf(T, 2, 3), T.tensor([0, 1, 1])
    return lambda: T.nn.CrossEntropyLoss()(x, y), [x, y]


@mistake("between 0 and 1")
def bce_outside(T):
    x, y = T.tensor([0.5, 1.5], requires_grad=True), T.tensor([0.0, 1.0])
    return lambda: T.nn.BCELoss()(x, y), [x, y]


@mistake("target size", "input size")
def bce_shape(T):
    x, y = T.full((2, 1), 0.5), T.ones(2)
    return lambda: T.nn.BCELoss()(x, y), [x, y]


@mistake("Expected more than 1 value per channel when training")
def batchnorm_one_sample(T):
    layer, x = T.nn.BatchNorm1d(3), T.ones(1, 3)
    return lambda: layer(x), [layer, x]


@mistake("mixed dtype (CPU): all inputs must share same datatype", "model.double()")
def double_into_float_batchnorm(T):
    layer, x = T.nn.BatchNorm1d(3), T.ones(2, 3, dtype=T.float64)
    if T is torch:  # counts the batch that it refuses
        layer.num_batches_tracked = None
    return lambda: layer(x), [layer.weight, layer.running_mean, x]


@mistake("mixed dtype (CPU): all inputs must share same datatype", "model.double()")
def double_into_float_layernorm(T):
    layer, x = T.nn.LayerNorm(3), T.ones(2, 3, dtype=T.float64)
    return lambda: layer(x), [layer, x]


@mistake("running_mean should contain 4 elements not 3")
def batchnorm_channels(T):
    layer, x = T.nn.BatchNorm1d(3).eval(), T.ones(2, 4)
    return lambda: layer(x), [layer, x]


@mistake("floating point")
def integer_requires_grad(T):
    a = T.tensor([1, 2])
    return lambda: a.requires_grad_(), [a]


@mistake("floating point")
def integer_created_with_grad(T):
    return lambda: T.tensor([1, 2], requires_grad=True), []


@mistake("result type Float can't be cast to the desired output type Long")
def inplace_float_into_int(T):
    a = T.tensor([1, 2])
    return lambda: a.add_(0.5), [a]


@mistake("mean", "floating point")
def mean_of_integers(T):
    a = T.tensor([1, 2])
    return lambda: a.mean(), [a]


@mistake("Subtraction, the `-` operator", "bool")
def subtract_bools(T):
    a = T.tensor([True])
    return lambda: a - a, [a]


@mistake("Subtraction, the `-` operator, with a bool tensor")
def subtract_bool(T):
    a, b = T.tensor([1.0]), T.tensor([True])
    return lambda: a - b, [a, b]


@mistake("Negation, the `-` operator, on a bool tensor is not supported")
def negate_bool(T):
    a = T.tensor([True])
    return lambda: -a, [a]


@mistake("argmax(): does not support bool input")
def argmax_of_bools(T):
    a = T.tensor([True])
    return lambda: a.argmax(), [a]


@mistake("not implemented for 'Bool'")
def abs_of_bools(T):
    a = T.tensor([True])
    return lambda: a.abs(), [a]


@mistake("not implemented for 'Bool'")
def power_of_bools(T):
    a = T.tensor([True])
    return lambda: a**a, [a]


# ---------------------------------------------------------------------- autograd


@mistake("grad can be implicitly created only for scalar outputs")
def backward_of_many(T):
    x = leaf(T, 3)
    y = x * 2
    return lambda: y.backward(), [x, y]


@mistake("Trying to backward through the graph a second time", "retain_graph=True")
def backward_twice(T):
    x = leaf(T, 3)
    y = (x * x).sum()
    y.backward()
    return lambda: y.backward(), [x, y]


@mistake("does not require grad and does not have a grad_fn")
def backward_without_grad(T):
    x = T.ones(3).sum()
    return lambda: x.backward(), [x]


@mistake("Mismatch in shape")
def backward_shape(T):
    x = leaf(T, 3)
    y = x * 2
    return lambda: y.backward(T.ones(4)), [x, y]


@mistake("a leaf Variable that requires grad is being used in an in-place operation")
def inplace_on_leaf(T):
    x = leaf(T, 3)
    return lambda: x.add_(1), [x]


@mistake("a view of a leaf Variable that requires grad is being used in an in-place operation")
def inplace_on_view_of_leaf(T):
    x = leaf(T, 3)
    return lambda: x[0].zero_(), [x]


@mistake("a view of a leaf Variable that requires grad is being used in an in-place operation")
def assignment_to_leaf(T):
    x = leaf(T, 3)
    return lambda: x.__setitem__(0, 5.0), [x]


@mistake("modified by an inplace operation", "expected version 0", "is at version 1")
def inplace_on_saved(T):
    x = leaf(T, 3)
    y = x.sqrt()
    z = y.sum()
    y.add_(1)
    return lambda: z.backward(), [x, y, z]


def made_in_inference_mode(T):
    with T.inference_mode():
        return T.ones(3) * 2


@mistake("Inference tensors cannot be saved for backward", "clone")
def inference_saved(T):
    x, w = made_in_inference_mode(T), leaf(T, 3)
    return lambda: w * x, [w]


@mistake("Inplace update to inference tensor outside InferenceMode is not allowed", "clone")
def inference_in_place(T):
    x = made_in_inference_mode(T)
    return lambda: x[0].add_(1), []


@mistake("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed")
def inference_requires_grad(T):
    x = made_in_inference_mode(T)
    return lambda: x.requires_grad_(), []


@mistake("do not track version counter")
def inference_version(T):
    x = made_in_inference_mode(T)
    return lambda: x._version, []


OVERLAP = "some elements of the input tensor and the written-to tensor refer to a single memory location"


@mistake(OVERLAP, "clone()")
def inplace_with_own_transpose(T):
    x = T.ones(3, 3)
    return lambda: x.mul_(x.t()), [x]


@mistake(OVERLAP, "clone()")
def copy_onto_itself_shifted(T):
    x = T.ones(4)
    return lambda: x[1:].copy_(x[:-1]), [x]


@mistake("more than one element of the written-to tensor refers to a single memory location", "clone()")
def inplace_on_expanded(T):
    x = T.ones(1, 3).expand(2, 3)
    return lambda: x.add_(1), [x]


@mistake("modified by an inplace operation", "expected version")
def inplace_with_itself(T):
    x = leaf(T, 3)
    y = x * 1
    y.mul_(y)
    return lambda: y.sum().backward(), [x, y]


@mistake("modified by an inplace operation", "expected version")
def inplace_through_a_view_of_a_saved_value(T):
    x = leaf(T, 3)
    y = x * 1
    z = y * y
    y[0].zero_()
    return lambda: z.sum().backward(), [x, y]


@mistake("requires grad", "detach().numpy()")
def numpy_with_grad(T):
    x = leaf(T, 3)
    return lambda: x.numpy(), [x]


@mistake("to not have been used in the graph", "allow_unused=True")
def grad_of_unused(T):
    x, y = leaf(T, 3), leaf(T, 3)
    return lambda: T.autograd.grad(x.sum(), y), [x, y]


@mistake("deepcopy protocol")
def deepcopy_of_result(T):
    import copy

    x = leaf(T, 3) * 2
    return lambda: copy.deepcopy(x), [x]


@mistake("different size")
def grad_of_other_shape(T):
    x = leaf(T, 3)
    return lambda: setattr(x, "grad", T.ones(4)), [x]


# ---------------------------------------------------------------------- Python and indexing


@mistake("Boolean value of Tensor with more than one value is ambiguous")
def truth_value(T):
    x = T.ones(3)
    return lambda: bool(x), [x]


@mistake("Boolean value of Tensor with no values is ambiguous")
def truth_value_of_none(T):
    x = T.ones(0)
    return lambda: bool(x), [x]


@mistake("a Tensor with 3 elements cannot be converted to Scalar")
def item_of_many(T):
    x = T.ones(3)
    return lambda: x.item(), [x]


@mistake("converted to")
def float_of_many(T):
    x = T.ones(3)
    return lambda: float(x), [x]


@mistake("index 3 is out of bounds for dimension 0 with size 3")
def index_out_of_range(T):
    x = T.ones(3)
    return lambda: x[3], [x]


@mistake("index 5 is out of bounds for dimension 1 with size 3")
def index_array_out_of_range(T):
    x = T.ones(2, 3)
    return lambda: x[:, T.tensor([0, 5])], [x]


@mistake("index 3 is out of bounds for dimension 0 with size 3")
def assignment_out_of_range(T):
    x = T.ones(3)
    return lambda: x.__setitem__(3, 0.0), [x]


@mistake("too many indices for tensor of dimension 1")
def too_many_indices(T):
    x = T.ones(3)
    return lambda: x[0, 0], [x]


@mistake("The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3] at index 0")
def mask_shape(T):
    x = T.ones(3)
    return lambda: x[T.tensor([True, False])], [x]


@mistake("shape mismatch: value tensor of shape [3] cannot be broadcast")
def masked_values_shape(T):
    x = T.zeros(4)
    return lambda: x.__setitem__(T.tensor([True, True, False, False]), T.ones(3)), [x]


@mistake("The expanded size of the tensor (2) must match the existing size (3)")
def assigned_shape(T):
    x = T.zeros(4)
    return lambda: x.__setitem__(slice(2), T.ones(3)), [x]


@mistake("Dimension out of range (expected to be in range of [-2, 1], but got 2)")
def dimension_out_of_range(T):
    x = T.ones(2, 3)
    return lambda: x.sum(2), [x]


@mistake("invalid index of a 0-dim tensor")
def index_of_scalar(T):
    x = T.tensor(1.0)
    return lambda: x[0], [x]


@mistake("shape mismatch: indexing", "could not be broadcast together with shapes")
def index_arrays_shapes(T):
    x = T.ones(4, 4)
    return lambda: x[T.tensor([0, 1, 2]), T.tensor([0, 1])], [x]


@mistake("The size of tensor a (3) must match the size of tensor b (2)")
def masked_select_shape(T):
    x = T.ones(3)
    return lambda: T.masked_select(x, T.tensor([True, False])), [x]


@mistake("step must be greater than zero")
def negative_step(T):
    x = T.ones(3)
    return lambda: x[::-1], [x]


@mistake("index out of range in self")
def embedding_out_of_range(T):
    layer, i = T.nn.Embedding(3, 2), T.tensor([0, 3])
    return lambda: layer(i), [layer, i]


@mistake("must be Tensor, not str")
def not_a_tensor(T):
    return lambda: T.exp("1"), []


@mistake("nonsense")
def unknown_device(T):
    x = T.ones(3)
    return lambda: x.to("nonsense"), [x]


# ---------------------------------------------------------------------- optimizers and training


@mistake("Invalid learning rate", "-1")
def negative_learning_rate(T):
    p = leaf(T, 3)
    return lambda: T.optim.SGD([p], lr=-1), [p]


@mistake("optimizer got an empty parameter list")
def no_parameters(T):
    return lambda: T.optim.Adam([]), []


@mistake("Invalid beta parameter at index 0")
def wrong_betas(T):
    p = leaf(T, 3)
    return lambda: T.optim.Adam([p], betas=(1.5, 0.999)), [p]


@mistake("Nesterov momentum requires a momentum and zero dampening")
def nesterov_without_momentum(T):
    p = leaf(T, 3)
    return lambda: T.optim.SGD([p], lr=0.1, nesterov=True), [p]


@mistake("can't optimize a non-leaf Tensor")
def optimize_a_result(T):
    p = leaf(T, 3) * 2
    return lambda: T.optim.SGD([p], lr=0.1), [p]


@mistake("some parameters appear in more than one parameter group")
def parameter_twice(T):
    p = leaf(T, 3)
    optimizer = T.optim.SGD([p], lr=0.1)
    return lambda: optimizer.add_param_group({"params": [p]}), [p, optimizer]


@mistake("is not an Optimizer")
def scheduler_of_no_optimizer(T):
    p = leaf(T, 3)
    return lambda: T.optim.lr_scheduler.StepLR([p], 1), [p]


@mistake("non-finite")
def clip_non_finite(T):
    p = leaf(T, 3)
    p.grad = T.tensor([1.0, float("nan"), 2.0])
    return lambda: T.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True), [p]


@mistake("Missing key(s) in state_dict", "Unexpected key(s) in state_dict")
def state_dict_keys(T):
    layer = T.nn.Linear(2, 3)
    return lambda: layer.load_state_dict({"weight": T.ones(3, 2), "other": T.ones(3)}), [layer.bias]


@mistake("size mismatch for weight")
def state_dict_shapes(T):
    layer = T.nn.Linear(2, 3)
    return lambda: layer.load_state_dict({"weight": T.ones(3, 3), "bias": layer.bias.detach()}), [layer]


@mistake("dropout probability has to be between 0 and 1")
def dropout_probability(T):
    return lambda: T.nn.Dropout(1.5), []


# ---------------------------------------------------------------------- the test


def snapshot(watched):
    """All that a failed call must leave as it was."""
    state = []
    for w in watched:
        if hasattr(w, "state_dict"):
            if hasattr(w, "param_groups"):
                state.append([sorted(g) + [len(g["params"])] for g in w.param_groups])
            else:
                state.append(snapshot(w.state_dict().values()) + [w.training])
        else:
            grad = w.grad if w.is_leaf else None
            state.append(
                (
                    w.detach().numpy().tobytes(),
                    tuple(w.shape),
                    str(w.dtype),
                    w.requires_grad,
                    w.is_leaf,
                    w._version,
                    None if grad is None else grad.numpy().tobytes(),
                )
            )
    return state


def fail(T, function):
    T.manual_seed(0)
    call, watched = function(T)
    before = snapshot(watched)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return caught.value, before, snapshot(watched)


@pytest.mark.parametrize("name", MISTAKES)
def test_like_torch(name):
    function, words = MISTAKES[name]
    theirs, before_theirs, _ = fail(torch, function)
    ours, before, after = fail(minitorch, function)
    assert type(ours) is type(theirs), f"{ours!r} for torch's {theirs!r}"
    for word in words:
        assert word in str(ours), f"{word!r} is not in {ours}; torch says: {theirs}"
    assert before == before_theirs
    assert after == before


def test_mixed_devices():
    """A tensor of another device is torch's error, before anything is changed."""
    x, y = minitorch.ones(3), minitorch.ones(3).to("torch")
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        x + y
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        x.add_(y)
    assert x.tolist() == [1, 1, 1]
    assert x._version == 0


def test_scheduler_before_optimizer():
    """Stepping the scheduler first is torch's warning."""
    for T in (torch, minitorch):
        optimizer = T.optim.SGD([leaf(T, 3)], lr=0.1)
        scheduler = T.optim.lr_scheduler.StepLR(optimizer, 1)
        with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step\(\)"):
            scheduler.step()


def test_clip_of_nan_as_asked():
    """Without error_if_nonfinite, a NaN norm makes every gradient NaN in both."""
    for T in (torch, minitorch):
        p = leaf(T, 3)
        p.grad = T.tensor([1.0, float("nan"), 2.0])
        norm = T.nn.utils.clip_grad_norm_([p], 1.0)
        assert np.isnan(norm.item())
        assert np.isnan(p.grad.numpy()).all()


def test_nan_loss_stops():
    """EarlyStopping says that the loss is NaN, and stops."""
    from minitorch.training import EarlyStopping

    stop = EarlyStopping(patience=5, restore_best=False)
    with pytest.warns(UserWarning, match=r"(?i)nan"):
        assert stop.step(float("nan"))
    assert stop.stopped
