"""`kernel`: the one decorator of all Numba loops, so that what every kernel needs is said once.

Numba takes 0.3 s to import. A module of kernels imports it at its top, through this file, and is
itself imported only inside the functions that call a kernel: `import minitorch` does not pay for it.

Rules for kernels, each learned from a measurement:

- A bare Python literal in a float32 loop makes Numba compute in float64: slower, and rounded otherwise than
  torch. Give literals the array's type, e.g. `one = x.dtype.type(1)` or a module constant `np.float32(0.5)`.
- Loops see contiguous 1-d arrays where possible: any other layout, and a read-only array, compiles anew.
- A kernel is compiled anew when its file, or one that this file imports from here, has changed: `depends_on`.
- With NUMBA_DISABLE_JIT=1 a kernel runs as plain Python: slow, but it can be stepped through.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib
import pickle
import re
import sys
from pathlib import Path

import numba
from numba.core import environment, event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.runtime import rtsys

# The default layer (OpenMP) leaves its threads spinning beside those of OpenBLAS: a 1 ms step became 13 ms.
numba.config.THREADING_LAYER = "workqueue"


@functools.cache
def depends_on(path: Path) -> frozenset:
    """The file and those of its folder that it imports, and what they import."""
    found, todo = set(), [path]
    while todo:
        path = todo.pop()
        if path not in found and path.exists():
            found.add(path)
            for module, names in re.findall(r"^ *from \.(\w*) import ([\w, ]*)", path.read_text(), re.MULTILINE):
                todo += [path.with_name(name.strip() + ".py") for name in ([module] if module else names.split(","))]
    return frozenset(found)


class OneFileEach(IndexDataCacheFile):
    """A compiled kernel in a file whose name says all that it depends on: source, types, processor, Numba.

    Numba numbers the files and keeps the numbers in an index, written first. Two processes that compile one kernel for two types
    can give both the same number, and one that dies before its file is written leaves the number to the file of an older source:
    the next process would run the wrong code. A name that says everything needs no index.
    """

    def name_of(self, key):
        depends = repr((self._version, self._source_stamp, key)).encode()
        return self._index_name.removesuffix("nbi") + hashlib.sha256(depends).hexdigest()[:16] + ".nbc"

    def load(self, key):
        try:
            return self._load_data(self.name_of(key))
        except (OSError, EOFError, pickle.UnpicklingError):  # none, or cut short by a crash
            return None

    def save(self, key, data):
        self._save_data(self.name_of(key), data)


class Cache(FunctionCache):
    """Numba's cache of one kernel, with `OneFileEach`. The first load of a process does without the 190 modules that only
    compilation needs (0.25 s): loops over arrays call nothing but the C library, Numba's run-time library, and
    what blas.py and loops.py have named before.
    """

    def __init__(self, function):
        super().__init__(function)
        base = self._impl.filename_base
        stats = [path.stat() for path in sorted(depends_on(Path(function.__code__.co_filename)))]
        stamp = [(stat.st_mtime_ns, stat.st_size) for stat in stats]
        self._cache_file = OneFileEach(self._cache_path, base, stamp)

    def load_overload(self, sig, target_context):
        rtsys.initialize(target_context)
        return self._load_overload(sig, target_context)


def rebuilt_environment(module, constants, name):
    """What a compiled function that is loaded from the cache knows of the module it comes from. Numba's own form of this imports that module;
    of Numba's functions (`np.empty` is one) those are 13 modules, for names that only code with Python objects in it looks up."""
    found = environment.lookup_environment(name)
    if found is None:
        lazy = module.startswith("numba.") and module not in sys.modules
        found = environment.Environment({"__name__": module} if lazy else importlib.import_module(module).__dict__)
        found.consts[:], found.env_name = constants, name
        environment.Environment._memo[name] = found
    return found


rebuilt_environment.__module__, rebuilt_environment.__qualname__ = environment.__name__, "_rebuild_env"  # as files of caches name it
environment._rebuild_env = rebuilt_environment


class Undisturbed(event.Listener):
    """While Numba compiles, the garbage collector waits: it would look at the compiler's many objects again and again, for a tenth
    of the time."""

    def __init__(self):
        self.depth, self.was_on = 0, False

    def on_start(self, event):
        if not self.depth:
            self.was_on = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event):
        self.depth -= 1
        if not self.depth and self.was_on:
            gc.enable()


event.register("numba:compile", Undisturbed())


def kernel(function=None, *, reorder: bool = False, nogil: bool = False, inner: bool = False):
    """Compiles a loop at its first call for given types: `@kernel`; `@kernel(reorder=True)` for a helper that only adds: its sum is
    taken in several lanes at once;
    `@kernel(nogil=True)` for what `team.run` calls (35 ns more a call); `@kernel(inner=True)` for what only kernels call.
    Wrappers that nobody needs, for C and for an inner one that for Python, are left out: a tenth of the time of compilation.

    `error_model="numpy"`: 1/0 is inf, and without the check the loop vectorises (7 times faster). No
    fastmath: NaN, inf and -0.0 are torch's, and `a * b + c` rounds twice, as written.
    """
    if function is None:
        return lambda f: kernel(f, reorder=reorder, nogil=nogil, inner=inner)
    fastmath = {"reassoc"} if reorder else False
    wrappers = dict(no_cfunc_wrapper=True, no_cpython_wrapper=inner)
    compiled = numba.njit(error_model="numpy", fastmath=fastmath, nogil=nogil, **wrappers)(function)
    if not numba.config.DISABLE_JIT:
        keep_in_cache(compiled, function)
    return compiled


def keep_in_cache(compiled, function):
    try:
        compiled._cache = Cache(function)
    except RuntimeError:  # no writable place for the cache, as in a read-only container: the kernel works without
        pass


def c_function(function, signature) -> int:
    """The address of a function of C, compiled for `signature`."""
    compiled = CFunc(function, (signature.args, signature.return_type), {}, dict(error_model="numpy"))
    keep_in_cache(compiled, function)
    compiled.compile()
    return compiled.address
