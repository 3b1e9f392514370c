"""Which cells of a submission need not run: told from their texts alone, before anything of it runs.

The release says which of its own cells only show something (`only_shows.py`). Such a cell is left out where the learner
did not change it and nothing that runs can come to know what it binds:

- no name that it binds is a name, an attribute or a word in a string of a cell that runs. What Python itself keeps local
  to a function is none of these, nor are comments and texts that stand for themselves, as docstrings do;
- nothing that runs can reach names without saying them (`eval`, `globals`, frames, IPython, modules that are not known);
- nothing that a cell calls in passing remembers that it was called: no function of the learner's changes anything.

Where one of the last two is in doubt, or something would be trained, the notebook is run whole. So all of this errs by
running too much: it costs time and no points. What is still overlooked shows as an error while it runs, and then, too, the
notebook is run whole (`execution.py`).
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import symtable
import unicodedata
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from nbgrader.utils import is_grade


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LONGEST_REMEMBERED = 4_000  # characters of a cell: taken apart, a long one needs much memory
_MOST_TEXT = 300_000  # characters of code that are looked at; an honest chapter has 30,000

#: What may lie beside a notebook and cannot be imported or unpickled.
_HARMLESS_FILES = _words(
    """
    .npz .npy .ipynb .txt .md .csv .json .png .jpg .jpeg .gif .svg .pdf .html
    """
)

#: Modules that reach no names of a notebook by themselves. Any other one has it run whole.
_KNOWN_MODULES = _words(
    """
    __future__ autoencoder_helpers collections datetime functools itertools json keras math matplotlib
    mpl_toolkits numpy os pathlib PIL platform random re scipy seaborn shutil sklearn statistics string
    tensorflow tensorflow_probability tf_keras time tqdm typing warnings
    """
)

#: Words with which names can be reached that stand nowhere, or code be run that does.
_REACH_UNSEEN = _words(
    """
    globals locals vars dir eval exec execfile getattr setattr delattr hasattr __import__ importlib
    import_module sys modules builtins inspect currentframe gc get_objects get_referrers weakref ctypes
    py_object f_globals f_locals f_builtins f_back f_code gi_frame gi_code cr_frame cr_code ag_frame ag_code
    tb_frame tb_next settrace setprofile breakpoint pdb runpy codeop InteractiveInterpreter InteractiveConsole
    InteractiveShell IPython get_ipython user_ns user_global_ns run_cell run_line_magic run_cell_magic marshal
    pickle cPickle dill cloudpickle joblib allow_pickle doctest rundocs timeit cProfile attrgetter
    get_type_hints ForwardRef get_annotations singledispatch methodcaller atexit threading multiprocessing
    asyncio concurrent signal write write_text write_bytes format_map Formatter vformat get_field func_load
    deserialize
    """
)
#: The same, where they are no words of a text: modules' own parts, and what runs a text, or what a text or a file names.
_REACH_BY_TEXT = _words(
    """
    bmat runstring measure myeval safe_eval f2py getmembers getmembers_static tf_inspect python src load_model
    model_from_config model_from_json model_from_yaml from_config deserialize_keras_object load_library
    load_op_library popen system subprocess write_file rename renames copyfile copy2 copytree copyfileobj symlink
    symlink_to hardlink_to writelines
    """
)
_HARMLESS_DUNDERS = frozenset({"__future__", "__name__", "__version__"})
#: What IPython keeps of the cells before.
_HISTORY = re.compile(r"_+|_\d+|_i+|_i\d+|_[iod]h|In|Out")

#: Where IPython ends a line and Python does not, so that they may read different things.
_ODD_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
#: What IPython takes for a command of its own where it stands first in a cell of one line.
_COMMANDS = _words(
    """
    alias_magic edit hist history load macro notebook prun recall rep rerun reset reset_selective run save store
    who_ls xdel
    """
)

#: How Keras calls a layer that was given no name: it counts all that were made before.
_NUMBERED = re.compile(r"[A-Za-z0-9]_(\d|%|\{|$)|_\d+")

#: Ways to train beside the course's `train`.
_TRAINS = _words("fit_generator train_on_batch train_step make_train_function GradientTape apply_gradients minimize")
_FITS_QUICKLY = _words("PCA KernelPCA KMeans KNeighborsClassifier NearestNeighbors LinearRegression")
_FITS_NETWORKS = _words("batch_size callbacks compile epochs initial_epoch validation_data validation_split")

#: Methods that change what they belong to, or what they are given.
_CHANGE = _words(
    """
    add add_loss add_metric add_update add_weight append appendleft assign assign_add assign_sub at byteswap chdir
    clear clear_session compile copyto difference_update discard dump enqueue extend extendleft fill fill_diagonal fit
    get_uid imsave insert intersection_update itemset iter load_weights makedirs mkdir move_to_end next partial_fit
    partition place pop popitem popleft put put_along_axis putenv putmask remove reset_state reset_states reset_uids
    resize reverse rmdir rmtree rotate run_functions_eagerly save save_weights savefig savetxt savez
    savez_compressed scatter_add scatter_div scatter_max scatter_min scatter_mul scatter_nd_add scatter_nd_sub
    scatter_nd_update scatter_sub scatter_update seed send set_floatx set_global_policy set_printoptions
    set_random_seed set_seed set_value set_weights setdefault seterr setfield setflags setrecursionlimit setstate
    shuffle sort subtract symmetric_difference_update tofile touch train unlink unsetenv update update_state
    update_wrapper
    """
)
#: Of these, what people call values of their own, too.
_OWN_NAMES = _words("at dump place seed subtract")
#: What keeps what it was first called with, or makes what is asked for.
_KEEPS = _words("cache cached_property defaultdict lru_cache")
#: What is used up by being read.
_USED_UP = _words("enumerate filter iter map open reversed zip")
_USED_UP_METHODS = _words(
    "as_numpy_iterator finditer from_iterable glob iglob iterdir ndenumerate ndindex nditer rglob scandir"
)
#: What uses it up at once.
_USES_UP = _words("all any dict frozenset join list max min set sorted sum tuple")

_Function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Plan:
    """What is not run of a notebook. left_out: places of cells. names: what these would bind. whole: why nothing is left
    out, if that has a reason beside there being nothing.
    """

    left_out: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    whole: str = ""


def plan(cells: Sequence, only_shows: Collection[str], files: Collection[str]) -> Plan:
    """What need not run of some cells, in order.

    cells: those up to the last one that is graded. only_shows: the ids of those that are the release's own and only
    show. files: the names of what lies beside the notebook, as "weights/vae.npz".
    """
    code = {place: cell for place, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()}
    shows = {place: bound_names(cell.source) for place, cell in code.items() if cell.id in only_shows}
    if not shows:
        return Plan()
    if sum(len(cell.source) for cell in code.values()) > _MOST_TEXT:
        return Plan(whole="there is very much code")
    for name in files:
        if PurePath(name).suffix.lower() not in _HARMLESS_FILES:
            return Plan(whole="a file beside the notebook may hold code")
    trained = {PurePath(name).stem for name in files if re.fullmatch(r"weights/[^/]*\.npz", name)}
    read: dict[int, _Read] = {}
    try:
        for place, cell in code.items():
            read[place] = _read(cell.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # With IPython's own commands, or none that Python can read.
        return Plan(whole=f"cell {cell.id} is not plain Python")
    left_out = _not_needed({place: found.words for place, found in read.items()}, shows)
    for place in sorted(code.keys() - shows.keys()):
        doubt = read[place].doubt(trained)
        if doubt:
            return Plan(whole=f"cell {code[place].id} {doubt}")
    return Plan(frozenset(left_out), frozenset().union(*(shows[place] for place in left_out)))


def after_last_graded(cells: Sequence) -> int:
    """The index behind the last code cell that is graded, by a check or by a person; all cells if there is none."""
    graded = (index for index, cell in enumerate(cells) if cell.cell_type == "code" and is_grade(cell))
    return max(graded, default=len(cells) - 1) + 1


def is_known(error: str, said: str, source: str, left_out: Collection[str]) -> bool:
    """Whether a cell would have ended in this error in the whole notebook, too.

    error, said: its class and text. source: the cell's. left_out: the names that were not bound.
    """
    if error == "NotImplementedError":  # a stub that nobody has filled in
        return "raise NotImplementedError" in source
    if error == "NameError":
        name = re.search(r"name '(\w+)' is not defined", said)
        return bool(name) and name[1] not in left_out
    return False


def bound_names(source: str) -> frozenset[str]:
    """The names that a cell binds for those after it."""
    table = _table(source)
    names = {symbol.get_name() for symbol in table.get_symbols() if _is_bound(symbol)}
    for inner in _tables_in(table):
        names |= {
            symbol.get_name() for symbol in inner.get_symbols() if symbol.is_declared_global() and _is_bound(symbol)
        }
    return frozenset(names)


def words_of(source: str) -> frozenset[str]:
    """All that a cell could mean by a name: names but those local to a function, attributes, words in strings."""
    return _read(source).words


def _not_needed(words: dict[int, frozenset[str]], shows: dict[int, frozenset[str]]) -> set[int]:
    """The cells that only show and bind nothing that another cell needs, unless that one is left out, too."""
    left_out = set(shows)
    said = set().union(*(found for place, found in words.items() if place not in left_out))
    while needed := {place for place in left_out if shows[place] & said}:
        left_out -= needed
        said.update(*(words[place] for place in needed))
    return left_out


def _read(source: str) -> _Read:
    """A cell taken apart: most are the course's own, and come with every submission."""
    return _remembered(source) if len(source) <= _LONGEST_REMEMBERED else _Read(source)


@functools.lru_cache(maxsize=300)
def _remembered(source: str) -> _Read:
    return _Read(source)


class _Read:
    """A cell's code, taken apart. Raises SyntaxError, ValueError, RecursionError or MemoryError for what cannot be."""

    def __init__(self, source: str):
        if _ODD_ENDS.search(source):
            raise ValueError("a line ends oddly")
        if "\n" not in source.strip() and source.split(maxsplit=1)[0] in _COMMANDS:
            raise ValueError("a command of IPython's")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a learner's code, and for nobody here
            tree = ast.parse(source)
        self._nodes = list(ast.walk(tree))
        self._parents = {id(inner): node for node in self._nodes for inner in ast.iter_child_nodes(node)}
        inside = _inside_functions(tree)
        self._in_functions = [node for node in self._nodes if id(node) in inside]
        self._said = self._names(source) | self._others()
        self.words = frozenset(self._said | self._in_strings())
        # A keyword names a parameter of what is called: it reaches nothing here, but may ask for what does.
        self._keywords = {
            keyword.arg for node in self._nodes if isinstance(node, ast.Call) for keyword in node.keywords
        }

    def _names(self, source):
        names = set()
        for table in (top := _table(source), *_tables_in(top)):
            for symbol in table.get_symbols():
                # In a class a name may be another one's outside. Only in a function what is bound is its own.
                if table.get_type() != "function" or symbol.is_global():
                    names.add(symbol.get_name())
        return names

    def _in_strings(self):
        alone = {id(node.value) for node in self._nodes if isinstance(node, ast.Expr)}
        texts = (
            node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            for node in self._nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and id(node) not in alone
        )
        return {word for text in texts for word in re.findall(r"\w+", unicodedata.normalize("NFKC", text))}

    def _others(self):
        """Attributes, and what is imported from where."""
        found = set()
        for node in self._nodes:
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.update([*node.name.split("."), node.asname or ""])
            elif isinstance(node, ast.ImportFrom):
                found.update((node.module or "").split("."))
            elif isinstance(node, ast.MatchClass):
                found.update(node.kwd_attrs)
        return found

    def doubt(self, trained: Collection[str]) -> str:
        """Why a notebook with this cell is run whole; "" if it need not be. trained: the trainings with weights."""
        return (
            self._reaches_unseen() or self._imports_unknown() or self._trains(trained) or self._remembers_being_called()
        )

    def _reaches_unseen(self):
        for word in sorted(self.words | {keyword for keyword in self._keywords if keyword}):
            # Half of such a name, too: the rest may be put behind it.
            if word in _REACH_UNSEEN or ("__" in word and word not in _HARMLESS_DUNDERS):
                return f"uses {word[:40]}"
        for word in sorted(self._said & _REACH_BY_TEXT):
            return f"uses {word}"
        calls = {id(node.func): node for node in self._nodes if isinstance(node, ast.Call)}
        for node in self._nodes:
            name, call = _name_of(node), calls.get(id(node))
            if isinstance(node, ast.Name) and name == "compile" and isinstance(node.ctx, ast.Load):
                return "uses compile"  # Python's own: Keras's is an attribute
            # A type of three arguments is a class; one by another name could have three.
            if isinstance(node, ast.Name) and name == "type" and (call is None or not _is_plain(call, 1)):
                return "uses type"
            # A file's arrays may hold code, where a third argument allows it.
            if name == "load" and isinstance(node.ctx, ast.Load) and (call is None or not _is_plain(call, 1)):
                return "uses load"
            if isinstance(node, ast.Attribute) and name.startswith("_"):
                return f"uses {name[:40]}"
            if isinstance(node, ast.alias) and ("." + node.name).count("._") and node.name not in _HARMLESS_DUNDERS:
                return f"uses {node.name[:40]}"
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and _HISTORY.fullmatch(node.id):
                return f"uses {node.id[:40]}"
            # A format's text can ask for attributes and items of what is formatted.
            if isinstance(node, ast.Attribute) and node.attr == "format" and not isinstance(node.value, ast.Constant):
                return "uses format"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NUMBERED.search(node.value):
                return f"names {node.value[:40]}"
            if isinstance(node, ast.Delete):
                return "uses del"
            if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)):
                return "uses async"
            if isinstance(node, ast.comprehension) and node.is_async:
                return "uses async"
        return ""

    def _imports_unknown(self):
        for node in self._nodes:
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""] if not node.level else [""]
                if any(alias.name == "*" for alias in node.names):
                    return "uses import *"
                if any(alias.name == "train" and alias.asname not in (None, "train") for alias in node.names):
                    return "calls train by another name"
            for module in modules:
                if module.partition(".")[0] not in _KNOWN_MODULES:
                    return f"imports {module[:40] or 'from a folder'}"
        return ""

    def _trains(self, trained):
        called = {id(node.func): node for node in self._nodes if isinstance(node, ast.Call)}
        for node in self._nodes:
            name = _name_of(node)
            if name in _TRAINS:
                return f"uses {name}"
            if name == "train":
                call = called.get(id(node))
                word = (
                    next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None) if call else None
                )
                if call is None or (isinstance(word, ast.Constant) and word.value not in trained):
                    return "trains what has no weights"
            if name == "fit" and (
                not _is_plain(called.get(id(node)), 2)
                or self.words & _FITS_NETWORKS
                or self._keywords & _FITS_NETWORKS
                or not self.words & _FITS_QUICKLY
            ):
                return "uses fit"
        return ""

    def _remembers_being_called(self):
        """What would make a call in passing matter later: a function that changes something, or something used up."""
        for node in self._nodes:
            if isinstance(node, ast.ClassDef):
                return "defines a class"
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                return "declares names of outside its functions"
            if isinstance(node, (ast.Yield, ast.YieldFrom)):
                return "defines a generator"
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                return "sets an attribute"
            if self._is_kept_and_used_up(node):
                return "keeps something that is used up"
            name = _name_of(node)
            if name in _KEEPS or (isinstance(node, ast.Attribute) and name == "function"):  # a graph of TensorFlow's
                return f"uses {name}"
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    keeps = alias.name in _KEEPS or (alias.name == "function" and node.module == "tensorflow")
                    renamed = alias.name in _CHANGE and alias.asname not in (None, alias.name)
                    if keeps or renamed or alias.name in _OWN_NAMES or node.module == "itertools":
                        return f"imports {alias.name[:40]}"
        calls = {id(node.func) for node in self._nodes if isinstance(node, ast.Call)}
        for node in self._nodes:
            name = _name_of(node)
            own = isinstance(node, ast.Name) and (name in _OWN_NAMES or not isinstance(node.ctx, ast.Load))
            if name in _CHANGE and id(node) not in calls and not own:
                return f"hands on {name}"
        for node in self._in_functions:
            if isinstance(node, ast.AugAssign):
                return "changes a value in a function"
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                return "changes a part of something in a function"
            if isinstance(node, ast.Call) and _gives_place_for_result(node):
                return "changes a value in a function"
            if isinstance(node, ast.Call) and _name_of(node.func) == "open" and not _is_plain(node, 1):
                return "may write a file in a function"
            name = _name_of(node)
            if name in _CHANGE and isinstance(node.ctx, ast.Load):
                fits_quickly = name == "fit" and self.words & _FITS_QUICKLY
                if not fits_quickly:
                    return f"uses {name} in a function"
        return ""

    def _is_kept_and_used_up(self, node) -> bool:
        """Whether something that is used up by being read is not read at once."""
        parent = self._parents.get(id(node))
        if isinstance(node, ast.GeneratorExp):
            used_up = True
        elif isinstance(node, ast.Call):
            name, by = _name_of(node.func), node.func
            of_itertools = isinstance(by, ast.Attribute) and _name_of(by.value) == "itertools"
            own = isinstance(by, ast.Name) and name in _USED_UP
            used_up = own or (isinstance(by, ast.Attribute) and name in _USED_UP_METHODS) or of_itertools
            kind = name[:1].isupper() and isinstance(by, ast.Attribute) and _name_of(by.value) == "metrics"
            if kind and isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.arguments)):
                return True  # a metric of Keras's goes on from call to call
        else:
            # By another name it could be called unseen.
            named = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _USED_UP
            return named and not (isinstance(parent, ast.Call) and parent.func is node)
        if not used_up:
            return False
        if isinstance(parent, ast.Assign):
            return not all(isinstance(target, (ast.Tuple, ast.List)) for target in parent.targets)
        if isinstance(parent, ast.Call) and parent.func is not node:
            return _name_of(parent.func) not in _USES_UP | _USED_UP
        return not isinstance(parent, (ast.For, ast.comprehension, ast.Starred, ast.withitem, ast.Expr, ast.Attribute))


def _inside_functions(tree) -> set[int]:
    """The ids of the nodes that lie in the body of a function, each looked at once, however deep functions lie in others."""
    found, waiting = set(), [(tree, False)]
    while waiting:
        node, inside = waiting.pop()
        if inside:
            found.add(id(node))
        body = getattr(node, "body", ()) if isinstance(node, _Function) else ()
        own = {id(part) for part in (body if isinstance(body, list) else [body])}
        waiting += [(part, inside or id(part) in own) for part in ast.iter_child_nodes(node)]
    return found


def _name_of(node) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_plain(call, most: int) -> bool:
    """Whether something is called with so many arguments at most, none of them by its name or from a list of them."""
    return call is None or (
        len(call.args) <= most and not call.keywords and not any(isinstance(part, ast.Starred) for part in call.args)
    )


def _gives_place_for_result(call: ast.Call) -> bool:
    """Whether a call of NumPy's may write its result into what it is given."""
    name = _name_of(call.func)
    if any(keyword.arg in ("out", None) for keyword in call.keywords) or (
        name == "nan_to_num" and not _is_plain(call, 1)
    ):
        return True
    place = _place_of_result(name)
    if place is None:
        return False
    if len(call.args) > place or any(isinstance(part, ast.Starred) for part in call.args):
        return True
    # Of an array's own method it is one place earlier.
    method = isinstance(call.func, ast.Attribute) and not isinstance(getattr(np, name), np.ufunc)
    return method and len(call.args) == place and isinstance(call.args[-1], (ast.Name, ast.Attribute, ast.Subscript))


@functools.lru_cache(maxsize=1000)
def _place_of_result(name: str) -> int | None:
    """Which argument of a function of NumPy's is the place for its result; None if none is."""
    function = getattr(np, name, None)
    if isinstance(function, np.ufunc):
        return function.nin
    try:
        return list(inspect.signature(function).parameters).index("out")
    except (TypeError, ValueError):
        return None


def _table(source: str) -> symtable.SymbolTable:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return symtable.symtable(source, "cell", "exec")


def _tables_in(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for inner in table.get_children():
        yield inner
        yield from _tables_in(inner)


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace() or symbol.is_annotated()
