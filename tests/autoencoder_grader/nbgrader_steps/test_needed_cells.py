"""What need not run, told from texts alone: whatever is left out, the answer comes out as in the whole notebook."""

import ast
import builtins
import contextlib
import io
import time
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps import needed_cells
from autoencoder_grader.nbgrader_steps.needed_cells import after_last_graded, bound_names, is_known, plan, words_of
from autoencoder_grader.nbgrader_steps.only_shows import only_shows
from autoencoder_grader.nbgrader_steps.release import chapters_of, solution_source
from autoencoder_grader.references.trained import trained_weights
from autoencoder_helpers.checks import catalogue

REPOSITORY = Path(__file__).resolve().parents[3]

SETUP = "import numpy as np\nshown = []\ndata = np.arange(4.0)"
SHOWS = "codes = data * 2\nprint('a picture of', codes)"
ALSO_SHOWS = "spread = codes.std()\nprint(spread)"
#: Ways to use `codes`, which the cell that only shows has bound. Each makes `answer`.
SAYS_IT = {
    "plainly": "answer = codes.sum()",
    "by another cell that shows": "answer = spread",
    "in an f-string": "answer = f'{codes}'",
    "in an f-string's width": "answer = f'{1:{codes.size}}'",
    "in a comprehension": "answer = [code for code in codes]",
    "in a comprehension's condition": "answer = [1 for _ in range(3) if codes.size]",
    "in a lambda": "answer = (lambda: codes)()",
    "as a default": "def f(x=codes):\n    return x\nanswer = f()",
    "as a decorator": "def codes_of(g):\n    return g\n@(lambda g: codes)\ndef answer():\n    pass",
    "as an annotation": "def f(x: codes) -> None:\n    pass\nanswer = 1",
    "in a function": "def f():\n    return codes\nanswer = f()",
    "in a function of a function": "def f():\n    def g():\n        return codes\n    return g\nanswer = f()()",
    "in a class": "class A:\n    codes = codes\nanswer = A.codes",
    "as a nonlocal's start": "def f():\n    x = codes\n    def g():\n        nonlocal x\n        return x\n    return g\nanswer = f()()",
    "by global": "def f():\n    global codes\n    codes = codes + 1\n    return codes\nanswer = f()",
    "changing it": "codes += 1\nanswer = codes",
    "a part of it": "codes[0] = 7\nanswer = codes",
    "by a walrus": "answer = [(last := code) for code in codes]",
    "in try": "try:\n    answer = codes\nexcept NameError:\n    answer = 'gone'",
    "in match": "match 1:\n    case _ if len(codes):\n        answer = codes",
    "in another script": "answer = ｃｏｄｅｓ",
    "in a string": "answer = {name: 1 for name in ('codes',)}",
    "after a backslash": "answer = \\\n    codes",
    "in a with": "import contextlib\nwith contextlib.nullcontext(codes) as answer:\n    pass",
    "in assert": "assert len(codes)\nanswer = 1",
    "in a type": "answer = list[codes]",
}
REACHES_IT = {
    "globals": "answer = globals()['co' + 'des']",
    "locals": "answer = locals()['co' + 'des']",
    "vars": "answer = vars()['co' + 'des']",
    "dir": "answer = dir()",
    "eval": "answer = eval('co' + 'des')",
    "exec": "exec('answer = co' + 'des')",
    "exec by another name": "run = exec\nrun('answer = co' + 'des')",
    "a function's globals": "def f():\n    pass\nanswer = f.__globals__['co' + 'des']",
    "a format": "def f():\n    pass\nanswer = '{0.__globals__}'.format(f)",
    "a format that is put together": "def f():\n    pass\nanswer = ('{0._' + '_globals_' + '_[co' + 'des]}').format(f)",
    "a format by its name": "def f():\n    pass\nanswer = str.format('{0._' + '_globals_' + '_}', f)",
    "half of a name": "half = '__glo'\nanswer = half",
    "getattr": "import builtins\nanswer = getattr(builtins, 'ev' + 'al')('co' + 'des')",
    "main": "import __main__ as here\nanswer = here",
    "main by import": "answer = getattr(__import__('__main__'), 'co' + 'des', None)",
    "main by importlib": "import importlib\nanswer = importlib.import_module('__ma' + 'in__')",
    "modules": "import sys\nanswer = sys.modules['__ma' + 'in__']",
    "modules of somebody else": "answer = np.sys.modules['__ma' + 'in__']",
    "inspect": "import inspect\nanswer = inspect.currentframe().f_globals['co' + 'des']",
    "a frame": "import sys\nanswer = sys._getframe().f_globals['co' + 'des']",
    "a traceback": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    answer = error.__traceback__.tb_frame.f_globals['co' + 'des']",
    "gc": "import gc\nanswer = len(gc.get_objects())",
    "a generator's frame": "g = (1 for _ in [1])\nanswer = g.gi_frame.f_globals['co' + 'des']",
    "subclasses": "answer = object.__subclasses__()",
    "star": "from math import *\nanswer = pi",
    "own module": "import helper\nanswer = helper",
    "from a folder": "from . import helper\nanswer = helper",
    "pickle": "import pickle\nanswer = pickle",
    "pickled arrays": "answer = np.load('x.npz', allow_pickle=True)",
    "IPython": "answer = get_ipython().user_ns['co' + 'des']",
    "IPython by import": "import IPython\nanswer = IPython",
    "what was shown last": "answer = _",
    "what was shown": "answer = Out",
    "what was typed": "answer = In[1]",
    "a magic": "%matplotlib inline\nanswer = 1",
    "a cell magic": "%%time\nanswer = 1",
    "a command": "!ls\nanswer = 1",
    "help": "answer = 1\ncodes?",
    "a command that could be a name": "rerun",
    "a command that could be a sum": "reset -f",
    "a line that ends for IPython alone": "answer = 1  # here\u2028%who_ls",
    "del": "x = 1\ndel x\nanswer = 1",
    "await": "import asyncio\nawait asyncio.sleep(0)\nanswer = 1",
    "a thread": "import threading\nanswer = 1",
    "doctest": "import doctest\nanswer = doctest.testmod().failed",
    "its own text": "def f():\n    'codes'\nanswer = f.__doc__",
    "hints": "import typing\ndef f(x: 'co' + 'des'):\n    pass\nanswer = typing.get_type_hints(f)",
    "a class pattern": "match 1:\n    case object(__class__=c):\n        answer = c",
    "a layer's number": "answer = [layer for layer in shown if layer == 'dense_3']",
    "runstring": "own = {}\nnp.testing.runstring('x = 5', own)\nanswer = own",
    "measure": "np.testing.measure('answer = co' + 'des')\nanswer = 1",
    "bmat": "answer = np.bmat('co' + 'des')",
    "tf_inspect": "from tensorflow.python.util import tf_inspect\nanswer = [v for n, v in tf_inspect.getmembers(tf_inspect.stack()[0][0]) if n.startswith('f_glob')]",
    "private sys": "import collections\nanswer = collections._sys._getframe(0)",
    "np.load positional": "answer = np.load('x.npz', None, True)",
    "np.load star": "answer = np.load('x.npz', *[None, True])",
    "keras deserialize": "import tf_keras as keras\nanswer = keras.utils.deserialize_keras_object({'module': '_' * 2 + 'main' + '_' * 2, 'class_name': 'function', 'config': 'co' + 'des', 'registered_name': 'function'})",
    "Lambda.from_config": "import tf_keras as keras\nanswer = keras.layers.Lambda.from_config({})",
    "load_model": "import tf_keras as keras\nanswer = keras.models.load_model('x.csv')",
    "rename to known": "import os\nos.rename('x.txt', 'seaborn.py')\nimport seaborn\nanswer = seaborn",
    "write_file": "import tensorflow as tf\ntf.io.write_file('seaborn.py', 'x')\nimport seaborn\nanswer = seaborn",
    "os.popen": "import os\nanswer = os.popen('ls')",
    "async comp": "answer = [x async for x in y]",
    "layer part": "answer = [w for w in shown if w == 'dense_3/kernel:0']",
    "layer fstring": "n = 3\nanswer = [layer for layer in shown if layer == f'dense_{n}']",
    "layer sum": "answer = [layer for layer in shown if layer == 'dense_' + str(3)]",
    "layer end": "answer = [layer for layer in shown if layer.endswith('_3')]",
    "layer %": "answer = [layer for layer in shown if layer == 'dense_%d' % 3]",
    "fit positional": "from sklearn.decomposition import PCA\nPCA(2).fit(data)\nmodel.fit(data, data, 128, 5)",
    "type 3 args": "F = type('F', (), {'n': 0})\nanswer = F",
    "compile": "answer = type(data)(compile('co' + 'des', '', 'ev' + 'al'))",
}
#: Ways in which a call by a cell that shows matters later: it calls `f`, which the learner wrote.
REMEMBERS = {
    "global": "count = 0\ndef f(x):\n    global count\n    count += 1\n    return x",
    "nonlocal": "def make():\n    n = 0\n    def f(x):\n        nonlocal n\n        n += 1\n        return x * n\n    return f\nf = make()",
    "a list": "seen = []\ndef f(x):\n    seen.append(x)\n    return x * len(seen)",
    "a dict": "seen = {}\ndef f(x):\n    seen[len(seen)] = 1\n    return x * len(seen)",
    "a list by another name": "seen = []\nkeep = seen.append\ndef f(x):\n    keep(x)\n    return x * len(seen)",
    "its own attribute": "def f(x):\n    f.calls = 1\n    return x",
    "what it is given": "def f(x):\n    x *= 2\n    return x",
    "a part of what it is given": "def f(x):\n    x[0] = 9\n    return x",
    "a part of what it is given, by NumPy": "def f(x):\n    np.multiply(x, 2, out=x)\n    return x",
    "an iterator": "numbers = iter(range(9))\ndef f(x):\n    return x * sum(1 for _, n in [*[(0, n) for n in numbers]][:1])",
    "a generator": "numbers = (n for n in range(9))\ndef f(x):\n    return x + sum(numbers)",
    "a map": "numbers = map(int, range(9))\ndef f(x):\n    return x + sum(numbers)",
    "an object": "class F:\n    n = 0\n    def __call__(self, x):\n        self.n += 1\n        return x * self.n\nf = F()",
    "a default": "def f(x, seen=[]):\n    seen.append(1)\n    return x * len(seen)",
    "a lambda": "seen = []\nf = lambda x: seen.append(1) or x * len(seen)",
    "a course's function": "seen = []\nf = lambda x: x\nnp.sort = seen.append",
    "np.clip positional": "def f(x):\n    np.clip(x, 1, 2, x)\n    return x",
    "np.log positional": "def f(x):\n    np.exp(x, x)\n    return x",
    "nan_to_num": "def f(x):\n    return np.nan_to_num(x, copy=False)",
    "count": "import itertools\nnumbers = itertools.count()\ndef f(x):\n    for n in numbers:\n        return x * n",
    "count imported": "from itertools import count\nnumbers = count()\ndef f(x):\n    for n in numbers:\n        return x * n",
    "tuple of iter": "numbers, other = iter(range(9)), 0\ndef f(x):\n    for n in numbers:\n        return x * n",
    "default iter": "def f(x, numbers=iter(range(9))):\n    for n in numbers:\n        return x * n",
    "list of iter": "numbers = [iter(range(9))]\ndef f(x):\n    for n in numbers[0]:\n        return x * n",
    "cond iter": "numbers = iter(range(9)) if 1 else 0\ndef f(x):\n    for n in numbers:\n        return x * n",
    "for iter": "for numbers in [iter(range(9))]:\n    pass\ndef f(x):\n    for n in numbers:\n        return x * n",
    "alias next": "advance = next\nnumbers = [1]\ndef f(x):\n    return x",
    "alias import": "from random import shuffle as mix\ndef f(x):\n    mix(x)\n    return x",
    "alias of name": "from random import shuffle\nmix = shuffle\ndef f(x):\n    mix(x)\n    return x",
    "defaultdict": "from collections import defaultdict\nseen = defaultdict(int)\ndef f(x):\n    seen[len(seen)]\n    return x * len(seen)",
    "cache": "from functools import cache\n@cache\ndef g(n):\n    return n\ndef f(x):\n    g(len(x))\n    return x * g.cache_info().hits",
    "tf.function": "import tensorflow as tf\nscale = 1\n@tf.function\ndef f(x):\n    return x * scale",
    "metric": "import tf_keras as keras\nmean = keras.metrics.Mean()\ndef f(x):\n    return mean(x).numpy()",
    "mkdir": "import os\ndef f(x):\n    os.makedirs('seen', exist_ok=True)\n    return x",
    "print file": "def f(x):\n    print(1, file=open('seen', 'a'))\n    return x",
    "update_wrapper": "import functools\ndef f(x):\n    functools.update_wrapper(f, len)\n    return x",
    "rotate": "from collections import deque\nq = deque([1, 2])\ndef f(x):\n    q.rotate(1)\n    return x * q[0]",
    "move_to_end": "from collections import OrderedDict\nq = OrderedDict(a=1, b=2)\ndef f(x):\n    q.move_to_end('a')\n    return x",
    "intersection_update": "q = {1, 2}\ndef f(x):\n    q.intersection_update([1])\n    return x * len(q)",
    "partition": "def f(x):\n    x.partition(2)\n    return x",
    "put_along_axis": "def f(x):\n    np.put_along_axis(x, np.array([0]), 9, 0)\n    return x",
    "scatter_add": "def f(x):\n    v.scatter_add(x)\n    return x",
    "get_uid": "import tf_keras as keras\ndef f(x):\n    return x * keras.backend.get_uid('a')",
    "set_floatx": "import tf_keras as keras\ndef f(x):\n    keras.backend.set_floatx('float64')\n    return x",
    "seterr": "def f(x):\n    np.seterr(all='raise')\n    return x",
    "byteswap": "def f(x):\n    return x.byteswap(True)",
    "with item": "def f(x):\n    with open('a', 'w') as g:\n        pass\n    return x",
    "as_numpy_iterator": "import tensorflow as tf\nb = tf.data.Dataset.range(5).as_numpy_iterator()\ndef f(x):\n    for n in b:\n        return x * n",
    "add_loss": "def f(x):\n    vae.add_loss(1)\n    return x",
    "matched iter": "match iter(range(9)):\n    case numbers:\n        pass\ndef f(x):\n    for n in numbers:\n        return x * n",
    "star of enumerate": "numbers = enumerate\nq = numbers(range(9))\ndef f(x):\n    for n, m in q:\n        return x * n",
    "finditer": "import re\nq = re.finditer('.', 'abc')\ndef f(x):\n    for n in q:\n        return x * n.start()",
    "dropwhile from": "from itertools import chain as c\nq = c([1], [2])\ndef f(x):\n    for n in q:\n        return x * n",
}
#: Methods that no cell that only shows calls of what is not its own.
WRITE = ("assign", "compile", "fit", "load_weights", "save", "savez", "set_weights", "tofile")
CALLS = "print(f(data), np.sort(data))"


def cells_of(*sources):
    return [nbformat.v4.new_code_cell(source, id=f"c{place}") for place, source in enumerate(sources)]


def answer_of(sources):
    """What is in `answer` after these cells, each of which may fail as in a notebook."""
    names = {"__name__": "__main__"}
    for source in sources:
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "cell", "exec"), names)
    return repr(names.get("answer", "none"))


def planned(*sources, shows=("c1",), files=()):
    return plan(cells_of(*sources), shows, files)


def test_what_only_shows_is_left_out():
    found = planned(SETUP, SHOWS, ALSO_SHOWS, "answer = data.sum()", shows=("c1", "c2"))
    assert found.left_out == {1, 2} and found.names == {"codes", "spread"} and not found.whole


def test_without_any_that_only_show_nothing_is_read():
    assert planned("not Python at all", shows=()) == plan([], (), ())


@pytest.mark.parametrize("source", SAYS_IT.values(), ids=SAYS_IT)
def test_a_cell_whose_names_are_said_runs(source):
    sources = [SETUP, SHOWS, ALSO_SHOWS, source]
    found = planned(*sources, shows=("c1", "c2"))
    assert not {1} & found.left_out
    assert answer_of(sources) == answer_of(text for place, text in enumerate(sources) if place not in found.left_out)


@pytest.mark.parametrize("source", REACHES_IT.values(), ids=REACHES_IT)
def test_what_reaches_names_unseen_has_all_run(source):
    found = planned(SETUP, SHOWS, source)
    assert not found.left_out and found.whole.startswith("cell c2 ")


@pytest.mark.parametrize("source", REMEMBERS.values(), ids=REMEMBERS)
def test_what_remembers_being_called_has_all_run(source):
    found = planned(SETUP, source, CALLS, "answer = f(data), data", shows=("c2",))
    assert not found.left_out and found.whole.startswith("cell c1 ")


@pytest.mark.parametrize(
    "source",
    [
        "def f(x, codes):\n    return codes * x\nanswer = f(2, 3)",
        "def f(x):\n    codes = x\n    return codes\nanswer = f(2)",
        "def f(x):\n    'The codes of x.'\n    return x  # codes\nanswer = f(2)",
        "'codes'\nanswer = dict(codes=1)",
        "answer = [codes_2 for codes_2 in range(3)]",
        "answer, other = (x for x in range(2))",
    ],
    ids=["a parameter", "local", "a docstring", "a keyword", "a longer word", "what is used up at once"],
)
def test_what_is_no_use_of_a_name_lets_it_be_left_out(source):
    sources = [SETUP, SHOWS, source]
    assert planned(*sources).left_out == {1}
    assert answer_of(sources) == answer_of([SETUP, source])


def test_a_cell_that_runs_has_those_run_whose_names_it_says():
    chain = ["a = 1", "b = a", "c = b", "answer = c"]
    assert planned(*chain, shows=("c0", "c1", "c2")).left_out == set()
    assert planned(*chain[:3], "answer = 1", shows=("c0", "c1", "c2")).left_out == {0, 1, 2}


def test_a_name_that_is_bound_twice_keeps_what_it_would_have_had():
    sources = ["spread = 1", "spread = 2", "answer = spread"]
    assert planned(*sources).left_out == set()


def test_what_lies_beside_the_notebook_and_may_hold_code_has_all_run():
    for name in ("helper.py", "numpy/core.so", "x.zip", "model.h5", "saved_model.pb", "x.pth", "notes", "A.PY"):
        assert planned(SETUP, SHOWS, files=[name]).whole
    assert planned(SETUP, SHOWS, files=["weights/vae.npz", "me.png", "timestamp.txt"]).left_out == {1}


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("train(model, x, epochs=2, batch_size=3, name='vae')", True),
        ("train(model, x, epochs=2, batch_size=3, name='other')", False),
        ("train(model, x)", True),  # which fails by itself
        ("go = train\ngo(model, x, epochs=2, batch_size=3, name='vae')", False),
        ("from autoencoder_helpers import train as go", False),
        ("model.fit(x, x, epochs=3)", False),
        ("model.fit(x, x)", False),
        ("pca = PCA(2).fit(x)", True),
        ("def f(x):\n    return PCA(2).fit(x)", True),
        ("model.compile('adam')\nPCA(2).fit(x)", False),
        ("with tf.GradientTape() as tape:\n    pass", False),
        ("model.train_on_batch(x, x)", False),
    ],
)
def test_without_the_weights_of_what_is_trained_all_runs(source, known):
    found = planned(SETUP, SHOWS, source, files=["weights/vae.npz"])
    assert found.left_out == ({1} if known else set()) and bool(found.whole) == (not known)


@pytest.mark.parametrize("source", ["(" * 5000, "x = 1\0", "x = " + "-" * 100_000 + "1", "\ud800", "a" * 3_000_000])
def test_what_cannot_be_read_has_all_run(source):
    assert planned(SETUP, SHOWS, source).whole


def test_an_error_is_known_where_the_whole_notebook_has_it_too():
    assert is_known("NotImplementedError", "Build it", "raise NotImplementedError('Build it')", ["codes"])
    assert not is_known("NotImplementedError", "by a library", "prior.kl()", ["codes"])
    assert is_known("NameError", "name 'cods' is not defined. Did you mean: 'cod'?", "cods", ["codes"])
    assert not is_known("NameError", "name 'codes' is not defined", "", ["codes"])
    assert not is_known("NameError", "said otherwise", "", ["codes"])
    assert not is_known("ValueError", "", "", [])


def test_names_are_those_that_a_cell_binds_for_others():
    source = """\
import os.path as way, json.tool
from math import pi as number
for a, (b, *c) in []: pass
with open("x") as d, e as f.g: pass
try: pass
except OSError as h: pass
[i for i in [] if (j := i)]
k: int
l: int = 1
def m(n): o = n
class p: q = 1
def r():
    global s
    s = 1
t += 1
match 1:
    case [u, *v]: pass
    case {"w": x, **y}: pass
lambda z: z
"""
    assert bound_names(source) >= set("abcdhjlmprstuvxy") | {"way", "json", "number"}
    assert not bound_names(source) & set("noqz")


def test_words_hold_all_names_that_python_looks_for_outside():
    source = "x = first(second)\ndef f(a=third):\n    b = a\n    return lambda c: b + fourth[c]\nclass A(fifth):\n    sixth = sixth"
    assert {"first", "second", "third", "fourth", "fifth", "sixth"} <= words_of(source)
    assert not {"a", "b", "c"} & words_of(source)


@pytest.mark.parametrize("chapter", chapters_of(REPOSITORY))
def test_of_a_solution_with_weights_everything_that_only_shows_is_left_out(chapter):
    notebook = nbformat.read(REPOSITORY / "solutions" / chapter / f"{chapter}.ipynb", as_version=4)
    cells = notebook.cells[: after_last_graded(notebook.cells)]
    for cell in cells:
        cell.source = solution_source(cell.source)
    shows = [cell.id for cell in cells if only_shows(cell)]
    found = plan(cells, shows, [f"weights/{path.name}" for path in trained_weights(chapter)])
    assert not found.whole
    assert [cells[place].id for place in sorted(found.left_out)] == shows and len(shows) > 7
    # Where nothing has been trained, all of it runs.
    assert plan(cells, shows, []).whole
    # No check and no answer can be among them, nor what hides a name of Python's own.
    assert not {cell.id for cell in cells if only_shows(cell)} & {name.replace(".", "-") for name in catalogue()}
    assert not found.names & set(dir(builtins))


@pytest.mark.parametrize("chapter", chapters_of(REPOSITORY))
def test_no_cell_that_only_shows_changes_what_others_have_made(chapter):
    """By its text: it may build and train networks of its own; it sets, compiles and trains no others."""
    notebook = nbformat.read(REPOSITORY / "solutions" / chapter / f"{chapter}.ipynb", as_version=4)
    for cell in filter(only_shows, notebook.cells):
        tree = ast.parse(cell.source)
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        changed = {name for node in ast.walk(tree) for name in _changed_by(node)}
        # The one that a cell before it has made, which only shows, too, and which no other cell names.
        assert changed <= own | {"rows"}, f"{cell.id} changes {changed - own}"


def _changed_by(node):
    """The name of what is changed here: by setting a part of it, or by a method that compiles, trains, loads or writes."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
        return _root(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITE:
        return _root(node.func)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        assert node.func.id not in ("open", "check", "setattr", "exec", "eval")
        return _root(node.args[0]) if node.func.id == "train" else ()
    return ()


def _root(node):
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return (node.id,) if isinstance(node, ast.Name) else ()  # else what was made right here


def test_functions_in_functions_are_looked_at_once():
    begun = time.process_time()
    chain = "f = " + "lambda: " * 190 + "1\n"
    found = planned("codes = 1", chain * 100, shows=("c0",))
    assert found.left_out == {0} and time.process_time() - begun < 10


def test_more_code_than_anybody_writes_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(needed_cells.ast, "parse", lambda *_: pytest.fail("it was read"))
    assert "very much code" in planned("codes = 1", "a\n" * 160_000, shows=("c0",)).whole
