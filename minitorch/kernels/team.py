"""A team of threads for kernels whose pieces have nothing to do with each other.

    run(gelu, (x, out), cost=0.5)              # gelu(x, out), in pieces of the arrays' first dimension if there is much to do

The calling thread and its helpers take one piece after the other until none is left. Helpers look for work for some 300 us after
the last piece, then sleep; nobody waits for a helper that isn't there. Handing work over so costs a microsecond, where a
sleeping thread takes 45 to wake up, and no piece needs Python's lock: a helper calls the kernel's compiled code by its
address, through a function of C made for the types of the arguments (`share`, which kernels may call, too).

Pieces are cut by the size of the arrays alone: results, sums by piece too, are the same with any number of threads.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .jit import kernel

I32, I64 = types.int32, types.int64
ZERO, ONE = np.int64(0), np.int64(1)  # as literals have types of their own, for which Numba would compile anew

#: whether there can be helpers: they sleep on a semaphore of Linux
available = sys.platform.startswith("linux") and not numba.config.DISABLE_JIT

# ---------------------------------------------------------------------- what C has

sched_yield = types.ExternalFunction("sched_yield", I32())
sem_wait = types.ExternalFunction("sem_wait", I32(I64))
sem_post = types.ExternalFunction("sem_post", I32(I64))
sched_getcpu = types.ExternalFunction("sched_getcpu", I32())
sched_setaffinity = types.ExternalFunction("sched_setaffinity", I32(I64, I64, I64))


def element(context, builder, signature, args):
    """A pointer to array[i], from the code of both."""
    return builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])


@intrinsic
def address(typing_context, array, i):
    """The address of element i of the memory of a C-contiguous array."""

    def generate(context, builder, signature, args):
        return builder.ptrtoint(element(context, builder, signature, args), ir.IntType(64))

    return I64(array, I64), generate


@intrinsic
def load(typing_context, words, i):
    """words[i], as the last thread that wrote it has left it."""

    def generate(context, builder, signature, args):
        return builder.load_atomic(element(context, builder, signature, args), "seq_cst", 8)

    return I64(words, I64), generate


def indivisible(operation):
    """`(words, i, value)`: changes words[i] in one step that no other thread can divide, and returns what it was before."""

    @intrinsic
    def change(typing_context, words, i, value):
        def generate(context, builder, signature, args):
            return builder.atomic_rmw(
                operation, element(context, builder, signature, args), args[2], "seq_cst"
            )

        return I64(words, I64, I64), generate

    return change


add, swap = indivisible("add"), indivisible("xchg")

WORD, NOTHING = ir.IntType(64), ir.VoidType()
PIECE = ir.FunctionType(NOTHING, [WORD] * 3)  # of C: the address of `args`, start, stop


@intrinsic
def call(typing_context, function, args, start, stop):
    """Calls a PIECE by its address."""

    def generate(context, builder, signature, given):
        builder.call(builder.inttoptr(given[0], PIECE.as_pointer()), given[1:])
        return context.get_dummy_value()

    return types.none(I64, I64, I64, I64), generate


# ---------------------------------------------------------------------- the team

#: most threads of a team
MOST = 8

#: how often a helper without work looks for it before it sleeps, and after how many looks it lets others run
LOOKS, BETWEEN = 200_000, 1_000

#: places in `words`, each in a cache line of its own: the size of the team (0: not started); calls that want it; pieces that nobody
#: has taken; those that helpers have; those that are done; helpers that sleep; whether to end; a semaphore of C; what the pieces are;
#: the system's numbers of the helpers; and a set of cores
SIZE, WANTED, LEFT, HELPED, DONE, ASLEEP, END, SEMAPHORE, WORK, HELPERS, CORES, OTHERS = range(0, 192, 16)
FUNCTION, ARGS, COUNT, STEP = range(WORK, WORK + 4)
words = np.zeros(OTHERS + 16, np.int64)

#: where they are, for built-in functions (tests let them be elsewhere)
place = np.array([words.ctypes.data])

starting = threading.Lock()


def count() -> int:
    """The number of threads: of cores, or NUMBA_NUM_THREADS."""
    return min(numba.config.NUMBA_NUM_THREADS, MOST)


def start():
    """Starts the helpers."""
    if not starting.acquire(blocking=False):  # another thread does, or has done so
        return
    team, libc = words, ctypes.CDLL(None)
    semaphore = ctypes.c_void_p(team[SEMAPHORE:].ctypes.data)
    libc.sem_init(semaphore, 0, 0)
    libc.sched_getaffinity(0, 128, ctypes.c_void_p(team[CORES:].ctypes.data))
    team[END] = 1
    serve(team)  # compiled here: a process that forks while a thread compiles leaves a child that never can
    team[END] = 0
    helpers = [
        threading.Thread(target=serve, args=(team,), name="minitorch", daemon=True) for _ in range(count() - 1)
    ]
    for i, helper in enumerate(helpers):
        helper.start()
        team[HELPERS + i] = helper.native_id
    team[SIZE] = count()

    def end():
        team[END] = 1
        for _ in helpers:
            libc.sem_post(semaphore)
        for helper in helpers:
            helper.join()

    atexit.register(end)


def forget():
    """In the child of a fork there are no helpers, and nobody uses the team."""
    global starting
    starting = threading.Lock()
    words[:] = 0


os.register_at_fork(after_in_child=forget)


HELPER = np.int64(-1)


@kernel(inner=True)
def take(words, last):
    """Does pieces that nobody has taken until there are none: helpers from the first one on, who has cut them from the last one, so
    that each finds what the other core doesn't have in its cache at the next call."""
    while load(words, LEFT) > 0:
        if add(words, LEFT, -1) > 0:  # otherwise another thread was quicker
            piece = add(words, HELPED, 1) if last < 0 else last
            last -= 1
            first = piece * words[STEP]
            call(words[FUNCTION], words[ARGS], first, min(first + words[STEP], words[COUNT]))
            add(words, DONE, 1)


@kernel(nogil=True)
def serve(words):
    """A helper's life."""
    looks = 0
    while not load(words, END):
        if load(words, LEFT) > 0:
            take(words, HELPER)
            looks = 0
        looks += 1
        if looks % BETWEEN == 0:
            sched_yield()
        if looks in (BETWEEN, LOOKS):  # after work, and before sleep: who woke helpers kept them from a core
            sched_setaffinity(0, 128, address(words, CORES))
        if looks >= LOOKS:
            add(words, ASLEEP, 1)
            if load(words, LEFT) <= 0 and not load(words, END):  # after it said so: the next caller wakes it
                sem_wait(address(words, SEMAPHORE))
            looks = 0


@kernel(inner=True)
def wake(words, asleep):
    """Wakes helpers, on other cores than this one: Linux may well choose this one, where caller and helper take turns until its load is
    balanced, 10 ms later. (softplus of 10**5 numbers after a pause, call by call: 570, 370, 322 us; with this 445, 211, 189.)"""
    core = np.int64(sched_getcpu())
    for i in range(16):
        words[OTHERS + i] = words[CORES + i]
    if core >= 0:
        words[OTHERS + (core >> 6)] &= ~(ONE << (core & 63))
        for i in range(words[SIZE] - 1):
            sched_setaffinity(words[HELPERS + i], 128, address(words, OTHERS))  # fails if there is no other
    for _ in range(asleep):
        add(words, ASLEEP, -1)
        sem_post(address(words, SEMAPHORE))


@kernel(inner=True)
def do_pieces(words, function, args, count, step):
    """`call` for every piece, by the team unless it has other work."""
    shared = load(words, SIZE) > 1 and count > step
    if shared and add(words, WANTED, 1) > 0:  # another thread of Python has it
        add(words, WANTED, -1)
        shared = False
    if not shared:
        for first in range(0, count, step):
            call(function, args, first, min(first + step, count))
        return
    words[FUNCTION], words[ARGS], words[COUNT], words[STEP] = function, args, count, step
    pieces = (count + step - 1) // step
    swap(words, DONE, 0)
    swap(words, HELPED, 0)
    swap(words, LEFT, pieces)
    if available and load(words, ASLEEP) > 0:
        wake(words, load(words, ASLEEP))
    take(words, pieces - 1)
    looks = 0
    while load(words, DONE) < pieces:
        looks += 1
        if looks % BETWEEN == 0:
            sched_yield()
    add(words, WANTED, -1)


@intrinsic
def share(typing_context, words, function, returns, arrays, numbers, found, count, step):
    """`function(*arrays, *numbers)` with every `step` of `count` elements of the arrays' first dimension; without arrays
    `function(start, stop, *numbers)` of `range(count)`.

    function  a kernel, or the address of one that is compiled for these types and returns what `returns` is an example of
    found     (pieces, n), where the n numbers go that it returns; None: it returns none
    """
    given = (*arrays, *numbers) if len(arrays) else (I64, I64, *numbers)
    compiled = None
    if isinstance(function, types.Dispatcher):
        compiled = function.dispatcher.overloads[function.get_call_type(typing_context, given, {}).args]
        returns = compiled.signature.return_type
    pieces = typing_context.resolve_value_type(do_pieces)
    pieces = pieces.dispatcher.overloads[pieces.get_call_type(typing_context, (words, I64, I64, I64, I64), {}).args]
    keeps = types.Tuple((I64, arrays, numbers, found, I64))

    def address_of(context, builder, compiled):
        context.active_code_library.add_linking_library(compiled.library)
        return builder.ptrtoint(context.declare_function(builder.module, compiled.fndesc), WORD)

    def invoke(context, builder, address, result, types, values):
        """Calls what Numba has compiled."""
        pointer = context.call_conv.get_function_type(result, types).as_pointer()
        return context.call_conv.call_function(builder, builder.inttoptr(address, pointer), result, types, values)[1]

    def piece(context, module):
        """A PIECE that calls the function with what the tuple at its first argument keeps."""
        made = ir.Function(module, PIECE, module.get_unique_name("piece"))
        made.linkage = "internal"
        builder = ir.IRBuilder(made.append_basic_block())
        place, start, stop = made.args
        kept = builder.load(builder.inttoptr(place, context.get_value_type(keeps).as_pointer()))
        address, theirs, rest, row, step = cgutils.unpack_tuple(builder, kept)
        theirs, rest = cgutils.unpack_tuple(builder, theirs), cgutils.unpack_tuple(builder, rest)
        theirs = [cut(context, builder, t, a, start, stop) for t, a in zip(arrays, theirs, strict=True)]
        rest = [cut(context, builder, t, a) if isinstance(t, types.Array) else a for t, a in zip(numbers, rest, strict=True)]
        result = invoke(context, builder, address, returns, given, [*(theirs or (start, stop)), *rest])
        if found != types.none:
            many = isinstance(returns, types.BaseTuple)
            row = context.make_array(found)(context, builder, row)
            results = cgutils.unpack_tuple(builder, result) if many else [result]
            first = builder.mul(builder.sdiv(start, step), WORD(len(results)))
            for i, (t, r) in enumerate(zip(returns if many else [returns], results, strict=True)):
                at = builder.gep(row.data, [builder.add(first, WORD(i))])
                builder.store(context.cast(builder, r, t, types.float64), at)
        builder.ret_void()
        return made

    def generate(context, builder, _, values):
        team, address, _, arrays, numbers, found, count, step = values
        address = address_of(context, builder, compiled) if compiled else address
        kept = context.make_tuple(builder, keeps, (address, arrays, numbers, found, step))
        kept = builder.ptrtoint(cgutils.alloca_once_value(builder, kept), WORD)
        called = builder.ptrtoint(piece(context, builder.module), WORD)
        of = pieces.fndesc
        values = (team, called, kept, count, step)
        invoke(context, builder, address_of(context, builder, pieces), of.restype, of.argtypes, values)
        return context.get_dummy_value()

    return types.none(words, function, returns, arrays, numbers, found, I64, I64), generate


def cut(context, builder, array_type, value, start=None, stop=None):
    """The code of array[start:stop], or of all of it, as memory that the caller keeps: pieces that slice it would count references, and
    two threads that write one counter take turns (losses of 10**6 numbers in slices of 128: 2800 us, 440 without)."""
    whole, part = (context.make_array(array_type)(context, builder, v) for v in (value, None))
    sizes, strides = cgutils.unpack_tuple(builder, whole.shape), cgutils.unpack_tuple(builder, whole.strides)
    data = whole.data
    if start is not None:
        data = cgutils.pointer_add(builder, data, builder.mul(start, strides[0]), data.type)
        sizes[0] = builder.sub(stop, start)
    where = dict(data=data, shape=sizes, strides=strides, itemsize=whole.itemsize, meminfo=None, parent=None)
    context.populate_array(part, **where)
    return part._getvalue()


# ---------------------------------------------------------------------- for kernels that know nothing of it

#: ns of work from which on it is cut into pieces, ns of work in a piece, and the most pieces of one call
WORTH, PIECE_NS, PIECES = 32_000, 12_000, 512


def run(loop, arrays: tuple, numbers: tuple = (), cost: float = 0.2, returns=None):
    """`loop(*arrays, *numbers)`, a kernel, in pieces if there is much to do.

    arrays   of one length, cut along their first dimension; how much there is to do is judged by the first
    cost     ns that the kernel takes for an element of an array, all arrays counted
    returns  an example of what the kernel returns, a number or a tuple. It is returned here, or if it was cut, a row for each piece:
             float64 (pieces, numbers)
    """
    ns, count = len(arrays) * arrays[0].size * cost, len(arrays[0])
    if ns < WORTH or not available:
        return loop(*arrays, *numbers)
    return _pieces(loop, arrays, numbers, count, ns, returns)


def run_range(loop, count: int, arguments: tuple, cost: float) -> None:
    """`loop(0, count, *arguments)`, a kernel that takes (start, stop), in pieces of the range if there is much to do; cost: ns for each."""
    if count * cost < WORTH or not available:
        loop(0, count, *arguments)
    else:
        _pieces(loop, (), arguments, count, count * cost, None)


def _pieces(loop, arrays, numbers, count, ns, returns):
    if not words[SIZE]:
        start()
    step = max(1, -(-count // max(1, min(PIECES, (int(ns / PIECE_NS) + 1) & ~1))))  # an even number, as most machines have of cores
    found = None
    if returns is not None:
        found = np.empty((-(-count // step), len(returns) if type(returns) is tuple else 1))
    address = _address(loop, arrays, numbers)
    call_pieces(words, address, returns, tuple(arrays), numbers, found, count, step)
    return found


@kernel(nogil=True)
def call_pieces(words, address, returns, arrays, numbers, found, count, step):
    """`share`; compiled for every combination of types, whatever the kernel."""
    share(words, address, returns, arrays, numbers, found, count, step)


addresses = {}


def _kind(x):
    """What says which type Numba gives an argument."""
    if type(x) is np.ndarray:
        return x.dtype, x.ndim, x.flags.num
    return tuple(map(_kind, x)) if type(x) is tuple else type(x)


def _address(loop, arrays, numbers) -> int:
    """Where the code of the kernel for these arguments is."""
    key = (loop, *map(_kind, arrays), *map(_kind, numbers))
    address = addresses.get(key)
    if address is None:
        given = tuple(map(numba.typeof, (*arrays, *numbers))) if arrays else (I64, I64, *map(numba.typeof, numbers))
        loop.compile(given)
        compiled = loop.overloads[given]
        address = addresses[key] = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return address
