"""The cost of a recorded call, in bytecodes of Python and in objects: figures that are the same on every machine, unlike times.

A test fails when a change makes the fixed programs below longer. Then make it cheaper again; only if it buys something that
users asked for, raise the figure, and say in the commit what it buys.
"""

import gc
import sys

import pytest

import minitorch as torch


def chain():
    """100 multiplications and 100 additions of one number, forward and backward."""
    x, c = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5)

    def step():
        y = x
        for _ in range(100):
            y = y * c + c
        y.backward()
        x.grad = None

    return step, 200


def perceptron():
    """A training step of 2-16-2 with Adam: four recorded calls, four parameters."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    criterion, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())
    x, y = torch.randn(32, 2), torch.randint(0, 2, (32,))

    def step():
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()

    return step, 4


def inference():
    """The same model without a graph."""
    model, x = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU()), torch.randn(1, 2)

    def step():
        with torch.no_grad():
            model(x)

    return step, 2


def bytecodes(function):
    """How many bytecodes of Python run in a call, and how many Python functions are entered."""
    counts = [0, 0]

    def trace(frame, event, argument):
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counts[0] += event == "opcode"
        counts[1] += event == "call"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return counts


#: program -> bytecodes and calls of Python functions per recorded call, everything in it counted (modules, loss, optimizer);
#: measured on Python 3.11, rounded up
ALLOWED = {chain: (346, 5.1), perceptron: (656, 12.3), inference: (92, 3.5)}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions of Python have other bytecodes")
@pytest.mark.parametrize("program", ALLOWED)
def test_bytecodes_of_a_recorded_call(program):
    step, calls = program()
    for _ in range(3):  # plans are made, kernels loaded
        step()
    codes, entered = bytecodes(step)
    allowed = ALLOWED[program]
    assert codes / calls <= allowed[0], "a call became longer: see the head of this file"
    assert entered / calls <= allowed[1]


def test_objects_of_a_recorded_call():
    """Of what the collector sees, a recorded call leaves four: a tensor's version cell, a node, and two tuples of the node that
    hold others (the tensors of a chain die as it goes on)."""
    x, c = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5)
    y = x * c
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(100):
            y = y * c
        made = (len(gc.get_objects()) - before) / 100
    finally:
        gc.enable()
    assert made <= 4
