"""Data sets, samplers, DataLoader: the order of everything and the random draws are torch's."""

import collections
import gc
import itertools
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import minitorch as mt  # noqa: E402
import minitorch.utils.data as mine  # noqa: E402

theirs = torch.utils.data
BOTH = [(mt, mine), (torch, theirs)]
Point = collections.namedtuple("Point", "x y")


def plain(value):
    """A batch without its library: arrays with dtype and shape."""
    if isinstance(value, (mt.Tensor, torch.Tensor)):
        array = value.detach().numpy()
        return array.dtype.str, array.shape, array.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return value


def both(function, seed=3):
    """What a function of (library, its data module) gives in both; the global generators end in one place."""
    results = []
    for lib, data in BOTH:
        lib.manual_seed(seed)
        result = function(lib, data)
        results.append((result, lib.get_rng_state().numpy().tobytes()))
    assert results[0][0] == results[1][0]
    assert results[0][1] == results[1][1], "the random streams are at different places"
    return results[0][0]


def tensors(lib, n=23):
    x = np.arange(n * 3, dtype=np.float32).reshape(n, 3)
    return lib.from_numpy(x), lib.from_numpy(np.arange(n))


class Squares(mine.Dataset):
    def __init__(self, n=10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i * i


class Count(mine.IterableDataset):
    def __init__(self, n=10):
        self.n = n

    def __iter__(self):
        info = mine.get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))

    def __len__(self):
        return self.n


# ------------------------------------------------------------------ order


@pytest.mark.parametrize("generator", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True}, {"batch_size": 4, "shuffle": True}, {"batch_size": 4}]
)
def test_loader_order_and_draws(options, drop_last, generator):
    def run(lib, data):
        g = lib.Generator().manual_seed(11) if generator else None
        loader = data.DataLoader(
            data.TensorDataset(*tensors(lib)), drop_last=drop_last, generator=g, **options
        )
        seen = [plain(batch) for _ in range(2) for batch in loader]
        for _ in loader:
            break
        return len(loader), seen, None if g is None else g.get_state().numpy().tobytes()

    both(run)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("num_samples", [None, 1, 5, 7, 23, 70])
@pytest.mark.parametrize("generator", [False, True])
def test_random_sampler(replacement, num_samples, generator):
    def run(lib, data):
        g = lib.Generator().manual_seed(5) if generator else None
        sampler = data.RandomSampler(range(7), replacement, num_samples, g)
        return [list(sampler), list(sampler), len(sampler)]

    both(run)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 8, 50])
@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("SequentialSampler", {}),
        ("RandomSampler", {"num_samples": 30}),
        ("RandomSampler", {"num_samples": 70, "replacement": True}),
        ("WeightedRandomSampler", {"num_samples": 40}),
    ],
)
def test_rows_taken_at_once(sampler, options, batch_size, drop_last):
    """Of a TensorDataset, batches are taken with arrays of indices: each is drawn when torch draws it."""

    def run(lib, data):
        g = lib.Generator().manual_seed(5)
        rows = data.TensorDataset(*tensors(lib, 14))
        first = [0.5] * 14 if sampler.startswith("Weighted") else rows
        given = {} if sampler.startswith("Seq") else {**options, "generator": g}
        loader = data.DataLoader(
            rows, batch_size, sampler=getattr(data, sampler)(first, **given), drop_last=drop_last
        )
        seen = []
        for batch in loader:
            seen.append((plain(batch), g.get_state().numpy().tobytes()))
        for _ in zip(range(2), loader, strict=False):  # stopped within an epoch
            pass
        return seen, [plain(b) for b in loader], g.get_state().numpy().tobytes()

    both(run)


@pytest.mark.parametrize(
    "indices",
    [
        lambda lib: [3, 1, 1, -2, 12],
        lambda lib: range(2, 9),
        lambda lib: np.array([4, 0, 2], dtype=np.int32),
        lambda lib: lib.tensor([7, 5, 6, 1]),
        lambda lib: list(lib.tensor([7, 5, 6, 1])),
        lambda lib: [],
    ],
)
def test_rows_of_subsets(indices):
    def run(lib, data):
        subset = data.Subset(data.TensorDataset(*tensors(lib, 14)), indices(lib))
        inner = data.Subset(subset, [0, -1]) if len(subset) else subset
        before = [plain(b) for d in (subset, inner) for b in data.DataLoader(d, 2)]
        if isinstance(subset.indices, list) and len(subset):
            subset.indices[0] = 9
        return before, [plain(b) for b in data.DataLoader(subset, 2)]

    both(run)


def test_a_batch_takes_few_calls():
    loader = mine.DataLoader(mine.TensorDataset(*tensors(mt, 640)), 32, shuffle=True)
    next(iter(loader))  # compiles
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        batches = sum(1 for _ in loader)
    finally:
        sys.setprofile(None)
    assert batches == 20
    assert len(calls) <= 20 * 8 + 120, collections.Counter(calls)


def test_a_subclass_defines_its_samples():
    def run(lib, data):
        class Doubled(data.TensorDataset):
            def __getitem__(self, i):
                return tuple(t * 2 for t in super().__getitem__(i))

        class Backwards(data.SequentialSampler):
            def __iter__(self):
                return reversed(range(len(self.data_source)))

        class Pairs(data.BatchSampler):
            def __iter__(self):
                return ([i, i] for i in self.sampler)

        rows = data.TensorDataset(*tensors(lib, 5))
        doubled = Doubled(*tensors(lib, 5))
        return [
            [plain(b) for b in loader]
            for loader in (
                data.DataLoader(doubled, 2),
                data.DataLoader(data.Subset(doubled, [2, 0]), 2),
                data.DataLoader(rows, 2, sampler=Backwards(rows)),
                data.DataLoader(rows, batch_sampler=Pairs(data.SequentialSampler(rows), 2, False)),
                data.DataLoader(rows, 2, collate_fn=lambda samples: [len(samples), *samples[0]]),
            )
        ]

    both(run)


def test_other_samplers():
    def run(lib, data):
        subset = data.SubsetRandomSampler([5, 7, 11, 2])
        weighted = data.WeightedRandomSampler([0.1, 5, 0.0, 3], 6)
        without = data.WeightedRandomSampler([0.1, 5, 2, 3], 3, replacement=False)
        batches = data.BatchSampler(data.SequentialSampler(range(7)), 3, True)
        return [list(s) for s in (subset, weighted, without, batches, subset)], len(batches), len(weighted)

    both(run)


def test_sampler_that_draws_in_iter():
    def run(lib, data):
        class Eager(data.Sampler):
            def __iter__(self):
                return iter(lib.randint(10, (4,)).tolist())

        loader = data.DataLoader(range(10), sampler=Eager(), batch_size=2)
        return [plain(b) for b in loader]

    both(run)


@pytest.mark.parametrize("lengths", [[3, 4], [7, 0], [0.5, 0.5], [0.3, 0.3, 0.4], [0.9, 0.1]])
@pytest.mark.filterwarnings("ignore:Length of split")
def test_random_split(lengths):
    def run(lib, data):
        parts = data.random_split(range(7), lengths)
        again = data.random_split(range(7), lengths, generator=lib.Generator().manual_seed(1))
        return [list(p) for p in parts], [p.indices for p in again]

    both(run)


def test_loader_on_parts_of_a_split():
    def run(lib, data):
        train, test = data.random_split(data.TensorDataset(*tensors(lib)), [0.8, 0.2])
        inner = data.Subset(train, [3, 1, 2, 0])
        return [[plain(b) for b in data.DataLoader(d, 3, shuffle=True)] for d in (train, test, inner)]

    both(run)


def test_batches_are_copies_and_need_no_gradient():
    x, y = tensors(mt)
    batch = next(iter(mine.DataLoader(mine.TensorDataset(x, y), 4)))
    batch[0].zero_()
    assert x[1, 0].item() == 3.0


def test_gradient_flows_through_a_batch():
    for lib, data in BOTH:
        x = lib.ones(4, 2, requires_grad=True)
        (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), 3)))
        batch.sum().backward()
        assert x.grad.tolist() == [[1, 1]] * 3 + [[0, 0]]


def test_fast_path_is_the_plain_path():
    data = mine.TensorDataset(*tensors(mt))
    fast = mine.DataLoader(data, 5)
    plainly = mine.DataLoader(data, 5, collate_fn=lambda samples: mine.default_collate(samples))
    assert [plain(b) for b in fast] == [plain(b) for b in plainly]


# ------------------------------------------------------------------ data sets


def test_data_sets():
    def run(lib, data):
        whole = data.TensorDataset(*tensors(lib))
        joined = data.Subset(whole, [1, 2]) + whole
        kinds = [joined[0], joined[-1], joined[2], whole[3:5], joined.datasets[0][[0, 1]]]
        return [plain(k) for k in kinds], len(joined), joined.cumulative_sizes

    both(run)

    class Numbers(mine.IterableDataset):
        def __iter__(self):
            return iter([1, 2])

    assert list(Numbers() + Numbers()) == [1, 2, 1, 2]
    assert len(Count() + Count(3)) == 13


@pytest.mark.parametrize("batch_size", [None, 1, 4])
@pytest.mark.parametrize("drop_last", [False, True])
def test_iterable(batch_size, drop_last):
    if batch_size is None and drop_last:
        pytest.skip("excluded")

    def run(lib, data):
        class Source(data.IterableDataset):
            def __iter__(self):
                return iter(range(10))

        loader = data.DataLoader(Source(), batch_size=batch_size, drop_last=drop_last)
        return [[plain(b) for b in loader] for _ in range(2)]

    both(run)


def test_iterable_that_gives_more_than_it_promised():
    for _, data in BOTH:

        class Source(data.IterableDataset):
            def __iter__(self):
                return iter(range(4))

            def __len__(self):
                return 3

        loader = data.DataLoader(Source(), batch_size=None)
        assert len(loader) == 3
        with pytest.warns(UserWarning, match="Length of IterableDataset .* was reported to be 3"):
            list(loader)


# ------------------------------------------------------------------ collate

BATCHES = {
    "float": lambda t: [1.5, 2.0],
    "int": lambda t: [1, 2],
    "bool": lambda t: [True, False],
    "ints, a float": lambda t: [1, 2.5],
    "floats, an int": lambda t: [1.5, 2],
    "bool, int": lambda t: [True, 2],
    "int, bool": lambda t: [2, True],
    "arrays of two dtypes": lambda t: [np.ones(2, np.float32), np.ones(2)],
    "integers and floats": lambda t: [np.ones(2, np.int64), np.ones(2, np.float32)],
    "array and list": lambda t: [np.ones(2), [1.0, 2.0]],
    "empty arrays": lambda t: [np.ones((0, 2)), np.ones((0, 2))],
    "numpy scalars": lambda t: [np.float32(1), np.float32(2)],
    "numpy float64": lambda t: [np.float64(1), np.float64(2)],
    "numpy int": lambda t: [np.int16(1), np.int16(2)],
    "arrays": lambda t: [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    "0-d arrays": lambda t: [np.array(1.0), np.array(2.0)],
    "strings": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "tensors": lambda t: [t.ones(2), t.zeros(2)],
    "dicts": lambda t: [{"a": 1, "b": t.ones(1)}, {"a": 2, "b": t.zeros(1)}],
    "ordered": lambda t: [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "default dict": lambda t: [collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)],
    "named": lambda t: [Point(1, 2.0), Point(3, 4.0)],
    "tuples": lambda t: [(1, "x"), (2, "y")],
    "lists": lambda t: [[1, 2.5], [3, 4.5]],
    "nested": lambda t: [{"p": [Point(1, (t.ones(2), "s"))]}, {"p": [Point(2, (t.ones(2), "t"))]}],
    "ranges": lambda t: [range(2), range(2)],
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_collate_and_convert(batch):
    both(lambda lib, data: [plain(data.default_collate(batch(lib))), plain(data.default_convert(batch(lib)))])


@pytest.mark.parametrize(
    "batch",
    [
        lambda t: [None],
        lambda t: [object()],
        lambda t: [np.array(["a"])],
        lambda t: [[1], [1, 2]],
        lambda t: [t.ones(2), t.ones(3)],
        lambda t: [np.ones(2), np.ones(3)],
        lambda t: [np.ones((2, 3)), np.ones((3, 2))],
        lambda t: [1.5, "2"],
        lambda t: [1, None],
        lambda t: [1, 2**70],
        lambda t: [np.ones(2, complex), np.ones(2, object)],
    ],
)
def test_collate_errors(batch):
    same_error(lambda lib, data: data.default_collate(batch(lib)))


# ------------------------------------------------------------------ errors


def same_error(wrong):
    with pytest.raises(Exception) as raised:  # noqa: PT011
        wrong(torch, theirs)
    with pytest.raises(type(raised.value)) as ours:
        wrong(mt, mine)
    assert ours.type is raised.type
    assert len(str(ours.value)) > 15


WRONG = {
    "batch_size": lambda t, d: d.DataLoader(range(3), batch_size=0),
    "batch_size bool": lambda t, d: d.DataLoader(range(3), batch_size=True),
    "drop_last": lambda t, d: d.BatchSampler(range(3), 2, 1),
    "empty": lambda t, d: d.DataLoader([], shuffle=True),
    "workers": lambda t, d: d.DataLoader(range(3), num_workers=-1),
    "timeout": lambda t, d: d.DataLoader(range(3), timeout=-1),
    "timeout alone": lambda t, d: iter(d.DataLoader(range(3), timeout=1)),
    "prefetch": lambda t, d: d.DataLoader(range(3), prefetch_factor=2),
    "prefetch sign": lambda t, d: d.DataLoader(range(3), prefetch_factor=-2, num_workers=1),
    "persistent": lambda t, d: d.DataLoader(range(3), persistent_workers=True),
    "sampler": lambda t, d: d.DataLoader(range(3), sampler=range(3), shuffle=True),
    "batch_sampler": lambda t, d: d.DataLoader(range(3), batch_sampler=[[1]], batch_size=2),
    "no batches": lambda t, d: d.DataLoader(range(3), batch_size=None, drop_last=True),
    "iterable shuffle": lambda t, d: d.DataLoader(type("I", (d.IterableDataset,), {})(), shuffle=True),
    "iterable sampler": lambda t, d: d.DataLoader(type("I", (d.IterableDataset,), {})(), sampler=[1]),
    "iterable batches": lambda t, d: d.DataLoader(type("I", (d.IterableDataset,), {})(), batch_sampler=[1]),
    "context": lambda t, d: d.DataLoader(range(3), multiprocessing_context="fork"),
    "context name": lambda t, d: d.DataLoader(range(3), num_workers=1, multiprocessing_context="thread"),
    "context type": lambda t, d: d.DataLoader(range(3), num_workers=1, multiprocessing_context=3),
    "setting": lambda t, d: setattr(d.DataLoader(range(3)), "batch_size", 2),
    "no length": lambda t, d: len(d.DataLoader(type("I", (d.IterableDataset,), {})())),
    "replacement": lambda t, d: d.RandomSampler(range(3), replacement=1),
    "num_samples": lambda t, d: d.RandomSampler(range(3), num_samples=0),
    "weights": lambda t, d: d.WeightedRandomSampler([[1.0]], 1),
    "weighted count": lambda t, d: d.WeightedRandomSampler([1.0], 0),
    "weighted replacement": lambda t, d: d.WeightedRandomSampler([1.0], 1, 1),
    "tensors": lambda t, d: d.TensorDataset(t.ones(2), t.ones(3)),
    "concat none": lambda t, d: d.ConcatDataset([]),
    "concat iterable": lambda t, d: d.ConcatDataset([type("I", (d.IterableDataset,), {})()]),
    "concat index": lambda t, d: d.ConcatDataset([range(3)])[-4],
    "chain": lambda t, d: list(d.ChainDataset([range(3)])),
    "split sum": lambda t, d: d.random_split(range(3), [1, 1]),
    "split fraction": lambda t, d: d.random_split(range(3), [1.5, -0.5]),
    "dataset": lambda t, d: d.Dataset()[0],
    "subset": lambda t, d: type("S", (d.Subset,), {"__getitem__": lambda s, i: 0})(range(3), [0]),
    "index": lambda t, d: list(d.DataLoader(d.TensorDataset(t.ones(3)), sampler=[5])),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_errors(wrong):
    same_error(wrong)


def test_too_many_workers_is_said():
    with pytest.warns(UserWarning, match="worker processes in total"):
        mine.DataLoader(range(3), num_workers=1000)


# ------------------------------------------------------------------ worker processes

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded", "ignore:os.fork")


def no_children():
    gc.collect()
    return not multiprocessing.active_children()


@pytest.mark.parametrize("shuffle", [False, True])
def test_workers_give_the_same_order_and_draws(shuffle):
    def run(lib, data):
        loader = data.DataLoader(data.TensorDataset(*tensors(lib)), 4, shuffle=shuffle, num_workers=2)
        return [plain(b) for _ in range(2) for b in loader]

    both(run)
    assert no_children()


class Seeds:
    def __len__(self):
        return 4

    def __getitem__(self, i):
        info = (theirs if self.lib is torch else mine).get_worker_info()
        drawn = self.lib.rand(1).item()
        return [info.id, info.num_workers, info.seed, random.random(), float(np.random.rand()), drawn]


def test_worker_seeds_and_info():
    def run(lib, data):
        dataset = Seeds()
        dataset.lib = lib
        return [plain(b) for b in data.DataLoader(dataset, num_workers=2, collate_fn=list)]

    both(run)
    assert mine.get_worker_info() is None


def test_persistent_workers():
    def run(lib, data):
        loader = data.DataLoader(range(9), 2, shuffle=True, num_workers=2, persistent_workers=True)
        seen = [plain(b) for b in loader]
        pids = {p.pid for p in multiprocessing.active_children()}
        for _ in loader:
            break
        seen += [plain(b) for b in loader]
        assert {p.pid for p in multiprocessing.active_children()} == pids
        return seen

    both(run)
    assert no_children()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_iterable_in_workers(workers, persistent):
    loader = mine.DataLoader(Count(11), 2, num_workers=workers, persistent_workers=persistent)
    for _ in range(2):
        assert sorted(itertools.chain(*(b.tolist() for b in loader))) == list(range(11))


def test_out_of_order_gives_the_same_batches():
    loader = mine.DataLoader(Squares(20), 3, num_workers=2, in_order=False)
    assert sorted(itertools.chain(*(b.tolist() for b in loader))) == [i * i for i in range(20)]


class Fails:
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 3:
            raise self.error
        return i


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


@pytest.mark.parametrize("error", [ValueError("bad sample"), KeyError("key"), Odd(1, 2), StopIteration("no")])
def test_exception_in_a_worker(error):
    # NOTE: torch's workers take 5 seconds each to end after a StopIteration
    for _, data in BOTH[: 1 if isinstance(error, StopIteration) else 2]:
        iterator = iter(data.DataLoader(Fails(error), 1, num_workers=2))
        assert [next(iterator).item() for _ in range(3)] == [0, 1, 2]
        kind = RuntimeError if isinstance(error, (Odd, StopIteration)) else type(error)
        if isinstance(error, StopIteration):
            kind = StopIteration
        with pytest.raises(kind) as raised:
            next(iterator)
        assert "in DataLoader worker process 1" in str(raised.value)
        assert "raise self.error" in str(raised.value)
        if kind is not StopIteration:
            assert [b.item() for b in iterator] == [4, 5]
        del iterator, raised  # its traceback holds the iterator
    assert no_children()


def fail_at_start(worker):
    raise ValueError("no such file")


def test_exception_at_a_workers_start():
    loader = mine.DataLoader(Squares(), num_workers=1, worker_init_fn=fail_at_start)
    with pytest.raises(ValueError, match="no such file"):
        list(loader)


class Unsendable:
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return lambda: i


def test_result_that_cannot_be_sent():
    with pytest.raises((AttributeError, RuntimeError), match="worker process 0"):
        list(mine.DataLoader(Unsendable(), num_workers=1, collate_fn=list))


class Kills:
    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def test_killed_worker_is_named():
    iterator = iter(mine.DataLoader(Kills(), num_workers=2))
    pids = "|".join(str(p.pid) for p in multiprocessing.active_children())
    with pytest.raises(RuntimeError, match=rf"worker \(pid\(s\) ({pids})\) exited unexpectedly.*signal 9"):
        list(iterator)
    del iterator
    assert no_children()


class Sleeps:
    def __len__(self):
        return 2

    def __getitem__(self, i):
        time.sleep(0.4)
        return i


def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0\.1 seconds"):
        list(mine.DataLoader(Sleeps(), num_workers=1, timeout=0.1))
    assert no_children()


class Big:
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return np.full(200_000, i, np.float32)


def test_dropped_iterator_leaves_no_process_even_if_results_are_unread():
    iterator = iter(mine.DataLoader(Big(), 2, num_workers=2))
    next(iterator)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    del iterator
    gc.collect()
    assert [w.exitcode for w in workers] == [0, 0]  # they ended by themselves: none was waited for in vain and killed


def test_big_index_lists_do_not_block():
    loader = mine.DataLoader(range(400_000), 100_000, num_workers=1, prefetch_factor=4, collate_fn=len)
    assert list(loader) == [100_000] * 4


ORPHANS = """
import multiprocessing, time
import minitorch.utils.data as data
class Slow:
    def __len__(self): return 1000
    def __getitem__(self, i): return i
a = iter(data.DataLoader(Slow(), num_workers=2))
b = iter(data.DataLoader(Slow(), num_workers=1))
next(a), next(b)
print(*[p.pid for p in multiprocessing.active_children()], flush=True)
time.sleep(60)
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at /proc")
def test_workers_end_when_the_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True) as parent:
        pids = parent.stdout.readline().split()
        parent.kill()
    assert len(pids) == 3
    deadline = time.time() + 10
    while any(map(alive, pids)) and time.time() < deadline:
        time.sleep(0.05)
    assert not [p for p in pids if alive(p)]


def test_iterator_is_not_pickled():
    iterator = iter(mine.DataLoader(range(4), num_workers=1))
    with pytest.raises((NotImplementedError, TypeError)):
        pickle.dumps(iterator)


def test_plain_loading_starts_no_process_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(mine.DataLoader(Squares(), pin_memory=True))) == 10
    assert no_children()


def test_copies_of_an_iterator_in_workers_are_left_alone(capfd):
    first = iter(mine.DataLoader(Squares(), num_workers=1, persistent_workers=True))
    next(first)
    second = mine.DataLoader(DropsIterator([first]), num_workers=1)
    assert [b.item() for b in second] == [0, 1]
    assert [b.item() for b in first] == [i * i for i in range(1, 10)]
    assert capfd.readouterr().err == ""


class DropsIterator:
    def __init__(self, held):
        self.held = held

    def __len__(self):
        return 2

    def __getitem__(self, i):
        self.held.clear()
        gc.collect()
        return i


def test_stack_dataset():
    def run(lib, data):
        pairs = data.StackDataset(range(3), [4, 5, 6])
        named = data.StackDataset(a=range(3), b=[4, 5, 6])
        return [pairs[1], len(pairs), named[2], len(named), [plain(b) for b in data.DataLoader(named, 2)]]

    both(run)
    for wrong in (lambda t, d: d.StackDataset(), lambda t, d: d.StackDataset([1], [1, 2])):
        same_error(wrong)
