"""Names, order, kinds and defaults of parameters are torch's: of modules, functions, optimizers, schedulers, data and saving."""

import inspect

import pytest
import torch

import minitorch

CLASSES = {
    "nn": "Parameter Buffer Sequential ModuleList ModuleDict ParameterList ParameterDict Linear Identity Flatten Unflatten Embedding "
    "Dropout BatchNorm1d BatchNorm2d LayerNorm ReLU ReLU6 LeakyReLU Softmax LogSoftmax Softmin ELU GELU SiLU Softplus MSELoss L1Loss "
    "SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss",
    "optim": "Optimizer SGD Adam AdamW RMSprop Adagrad",
    "optim.lr_scheduler": "LRScheduler LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR "
    "CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR OneCycleLR SequentialLR ChainedScheduler ReduceLROnPlateau",
    "utils.data": "Dataset IterableDataset TensorDataset StackDataset ConcatDataset ChainDataset Subset DataLoader Sampler "
    "SequentialSampler RandomSampler SubsetRandomSampler WeightedRandomSampler BatchSampler",
}
METHODS = (
    "add_module apply buffers children cpu cuda double eval float get_buffer get_parameter get_submodule half load_state_dict modules "
    "named_buffers named_children named_modules named_parameters parameters register_buffer register_forward_hook "
    "register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook "
    "requires_grad_ set_submodule to_empty train type zero_grad"
)
FUNCTIONS = {
    "nn.functional": "relu relu6 leaky_relu elu gelu silu softplus hardtanh logsigmoid softsign tanhshrink softmax log_softmax softmin "
    "dropout linear embedding layer_norm batch_norm one_hot mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss "
    "binary_cross_entropy binary_cross_entropy_with_logits kl_div scaled_dot_product_attention",
    "nn.init": "calculate_gain uniform_ normal_ constant_ ones_ zeros_ eye_ dirac_ xavier_uniform_ xavier_normal_ kaiming_uniform_ "
    "kaiming_normal_ orthogonal_ sparse_ trunc_normal_",
    "nn.utils": "clip_grad_norm_ clip_grad_value_ get_total_norm clip_grads_with_norm_ parameters_to_vector vector_to_parameters",
    "utils.data": "default_collate default_convert get_worker_info",
    "": "manual_seed seed initial_seed get_rng_state set_rng_state",
}
#: parameters of torch's that stand for nothing here
LEFT_OUT = {"_use_new_zipfile_serialization", "_disable_byteorder_record", "pickle_load_args"}


def follow(T, path):
    for name in path.split(".") if path else ():
        T = getattr(T, name)
    return T


def readable(path):
    """Not written in C."""
    try:
        return inspect.signature(follow(torch, path))
    except ValueError:
        return False


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name not in LEFT_OUT]


def paths(table, spaces):
    return [f"{space}.{name}".lstrip(".") for space in spaces for name in table[space].split()]


@pytest.mark.parametrize("path", [p for t in (CLASSES, FUNCTIONS) for p in paths(t, t) if readable(p)])
def test_parameters(path):
    assert parameters(follow(minitorch, path)) == parameters(follow(torch, path))


@pytest.mark.parametrize("name", METHODS.split())
def test_methods_of_module(name):
    assert parameters(getattr(minitorch.nn.Module, name)) == parameters(getattr(torch.nn.Module, name))


@pytest.mark.parametrize("path", paths(CLASSES, ("optim", "optim.lr_scheduler", "utils.data")))
def test_methods_of_classes(path):
    theirs, ours = follow(torch, path), follow(minitorch, path)
    for name, method in inspect.getmembers(theirs, inspect.isfunction):
        if not name.startswith("_") and hasattr(ours, name):
            assert parameters(getattr(ours, name)) == parameters(method), name


def test_saving():
    assert parameters(minitorch.save)[:2] == parameters(torch.save)[:2]
    assert [p[:2] for p in parameters(minitorch.save)] == [p[:2] for p in parameters(torch.save)]
    assert parameters(minitorch.load) == parameters(torch.load)
    assert [p[:2] for p in parameters(minitorch.utils.data.random_split)] == [
        p[:2] for p in parameters(torch.utils.data.random_split)
    ]
