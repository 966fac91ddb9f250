"""torch, eager."""

import re

import torch as T
from torch.overrides import TorchFunctionMode


def limit(threads):
    T.set_num_threads(threads)


def about(device="cpu"):
    return {"version": T.__version__, "blas": blas() if device == "cpu" else arithmetic(device)}


def blas():
    found = re.search(
        r"(Intel\(R\) oneAPI Math Kernel Library Version [\d.]+|OpenBLAS[^\n]*)", T.__config__.show()
    )
    return f"{found[1] if found else 'unknown'}; {T.backends.cpu.get_cpu_capability()}"


def arithmetic(device):
    """Who computes where, on another device than the CPU."""
    return f"torch {T.__version__} on {T.cuda.get_device_name() if device == 'cuda' else blas()}"


def build(workload, device="cpu"):
    with T.device(place(device)), DrawnInMainMemory():
        return workload.build(T)


def place(device):
    """torch's name of a device of minitorch."""
    return "cpu" if device == "torch" else device


def wait(device):
    if device == "cuda":
        T.cuda.synchronize()


class DrawnInMainMemory(TorchFunctionMode):
    """Random weights and data are drawn on the CPU and moved: a GPU's generator gives other numbers from the same seed, and the first
    steps of two libraries could not be compared."""

    NEW = (T.rand, T.randn, T.randint, T.randperm)

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords = keywords or {}
        if function in self.NEW:
            return function(*arguments, **keywords, device="cpu").to(T.get_default_device())
        if getattr(function, "__module__", None) == "torch.nn.init":  # how modules draw; what these call inside is not seen here
            tensor = keywords.pop("tensor")
            with T.no_grad():
                return tensor.copy_(function(tensor.cpu(), **keywords))
        return function(*arguments, **keywords)
