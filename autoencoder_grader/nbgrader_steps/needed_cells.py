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
import re
import symtable
import unicodedata
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from nbgrader.utils import is_grade


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MOST_TEXT = 2_000_000  # characters of code that are looked at; an honest chapter has 30,000

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
_NUMBERED = re.compile(r"[a-z]\w*_\d+")

#: Ways to train beside the course's `train`.
_TRAINS = _words(
    """
    fit_generator train_on_batch train_step make_train_function GradientTape apply_gradients minimize
    """
)
_FITS_QUICKLY = _words(
    """
    PCA KernelPCA KMeans KNeighborsClassifier NearestNeighbors LinearRegression
    """
)
_FITS_NETWORKS = _words(
    """
    batch_size callbacks compile epochs initial_epoch validation_data validation_split
    """
)

#: Methods that change what they belong to, or what they are given.
_CHANGE = _words(
    """
    add append appendleft assign assign_add assign_sub at clear compile copyto defaultdict discard extend fill
    fill_diagonal fit insert itemset iter load_weights next partial_fit place pop popitem popleft put putmask
    remove resize reverse save save_weights scatter_update seed send set_random_seed set_seed set_weights
    setdefault setflags shuffle sort train update
    """
)
#: What is used up by being read.
_USED_UP = _words(
    """
    enumerate filter iter map open reversed zip
    """
)

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
            read[place] = _Read(cell.source)
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
    return _Read(source).words


def _not_needed(words: dict[int, frozenset[str]], shows: dict[int, frozenset[str]]) -> set[int]:
    """The cells that only show and bind nothing that another cell needs, unless that one is left out, too."""
    left_out = set(shows)
    said = set().union(*(found for place, found in words.items() if place not in left_out))
    while needed := {place for place in left_out if shows[place] & said}:
        left_out -= needed
        said.update(*(words[place] for place in needed))
    return left_out


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
        self._in_functions = [
            node
            for function in self._nodes
            if isinstance(function, _Function)
            for part in (function.body if isinstance(function.body, list) else [function.body])
            for node in ast.walk(part)
        ]
        self.words = frozenset(self._names(source) | self._in_strings() | self._others())
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
        for node in self._nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and _HISTORY.fullmatch(node.id):
                return f"uses {node.id[:40]}"
            # A format's text can ask for attributes and items of what is formatted.
            if isinstance(node, ast.Attribute) and node.attr == "format" and not isinstance(node.value, ast.Constant):
                return "uses format"
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NUMBERED.fullmatch(node.value):
                return f"names {node.value[:40]}"
            if isinstance(node, ast.Delete):
                return "uses del"
            if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)):
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
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
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
                self.words & _FITS_NETWORKS or self._keywords & _FITS_NETWORKS or not self.words & _FITS_QUICKLY
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
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and _is_kept_and_used_up(node):
                return "keeps something that is used up"
        calls = {id(node.func) for node in self._nodes if isinstance(node, ast.Call)}
        for node in self._nodes:
            if isinstance(node, ast.Attribute) and node.attr in _CHANGE and id(node) not in calls:
                return f"hands on {node.attr}"
        for node in self._in_functions:
            if isinstance(node, ast.AugAssign):
                return "changes a value in a function"
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                return "changes a part of something in a function"
            if isinstance(node, ast.Call) and any(keyword.arg == "out" for keyword in node.keywords):
                return "changes a value in a function"
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in _CHANGE and isinstance(node.ctx, ast.Load):
                fits_quickly = name == "fit" and self.words & _FITS_QUICKLY
                if not fits_quickly:
                    return f"uses {name} in a function"
        return ""


def _is_kept_and_used_up(node) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if all(isinstance(target, (ast.Tuple, ast.List)) for target in targets):  # used up at once
        return False
    if isinstance(node.value, ast.GeneratorExp):
        return True
    call = node.value
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _USED_UP


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
