"""Embedding: rows of a table of weights for numbers."""

from __future__ import annotations

from typing import Any

from graph_engine.declaring import located, refused
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.init import Array, Initializer, Seed, normal
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.operands import as_data
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.embedding import Embedding as EmbeddingPrimitive
from graph_engine.source import capture, composite


@composite
@located
def embedding(input: Operand, weight: Operand, padding_idx: int | None = None) -> Variable:
    """Look up rows of a table.

    Parameters
    ----------
    input : Variable or array_like
        Integers from 0, of any shape; whether they are in range is checked.
    weight : Variable or array_like
        Of shape `(num_embeddings, embedding_dim)`.
    padding_idx : int, optional
        A row that gets no gradient; below 0, counted from the end.

    Returns
    -------
    Variable
        Of the shape of `input`, with `embedding_dim` behind. A row that is asked for several times gets the sum of the
        gradients.

    Examples
    --------
    >>> import graph_engine as ge
    >>> rows = ge.nn.embedding([2, 0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    >>> ge.Engine("numpy").run(rows).tolist()
    [[3.0, 3.0], [1.0, 1.0]]
    """
    ids, table = as_variable(input), as_variable(weight)
    size = table.shape[0] if table.ndim else 0
    _check_known(ids, size)
    padding = -1 if padding_idx is None else _row(padding_idx, size)
    result: Variable = EmbeddingPrimitive(padding)(ids, table)
    return result


class Embedding(Module):
    """A table with a row of weights for each number: word, position, user.

    Parameters
    ----------
    num_embeddings : int
        How many rows there are.
    embedding_dim : int
        How long a row is.
    padding_idx : int, optional
        A row that begins with zeros and gets no gradient; below 0, counted from the end.
    name : str, optional
    seed : int, optional
        What the initial values follow from; by default the layer's name.
    dtype : str

    Attributes
    ----------
    weight : Variable
        Of shape `(num_embeddings, embedding_dim)`; begins normal, of mean 0 and variance 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> words = ge.nn.Embedding(1000, 16)
    >>> words(ge.input("ids", ("batch", "n"), "int64")).shape
    ('batch', 'n', 16)
    """

    weight: Variable

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        try:
            self.padding_idx = None if padding_idx is None else _row(padding_idx, num_embeddings)
        except DeclarationError as error:
            raise error.located("declared at", capture().line) from None
        self.add_parameter("weight", normal_rows((num_embeddings, embedding_dim), self.padding_idx, dtype), seed=seed)

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None, *, name: str | None = None
    ) -> Embedding:
        """Make a layer of a table that is there.

        Parameters
        ----------
        embeddings : array_like
            Of shape `(num_embeddings, embedding_dim)`.
        freeze : bool
            Whether it stays as it is in training.
        padding_idx, name
            As for the layer.

        Examples
        --------
        >>> import graph_engine as ge
        >>> words = ge.nn.Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])
        >>> words.weight.trainable
        False
        """
        table = as_data(embeddings)
        if table.ndim != 2:
            raise refused(f"a table has two dimensions, not {table.ndim}", kind=ShapeError)
        layer = cls(table.shape[0], table.shape[1], padding_idx, name=name)
        layer.add_parameter("weight", table, trainable=not freeze)
        return layer

    def forward(self, input: Operand) -> Variable:
        """Declare the rows of these numbers."""
        return embedding(input, self.weight, self.padding_idx)

    def _about(self) -> str:
        return f": {self.num_embeddings} rows of {self.embedding_dim}"


def normal_rows(shape: tuple[int, int], zero_row: int | None = None, dtype: Any = "float32") -> Initializer:
    """Return an initialiser of mean 0 and variance 1, with one row of zeros where one is named."""

    def initial(seed: Seed) -> Array:
        values = normal()(shape, dtype)(seed)
        if zero_row is not None:
            values[zero_row] = 0
        return values

    return initial


def _row(padding_idx: int, size: Any) -> int:
    """Count a row from the front."""
    if isinstance(size, int) and not -size <= padding_idx < size:
        raise DeclarationError(f"padding_idx {padding_idx} is out of range for {size} rows")
    return padding_idx + size if padding_idx < 0 else padding_idx


def _check_known(ids: Variable, size: Any) -> None:
    """Refuse constant numbers that are out of range."""
    if ids.data is None or not isinstance(size, int) or ids.data.dtype.kind not in "iu" or not ids.data.size:
        return
    low, high = int(ids.data.min()), int(ids.data.max())
    if low < 0 or high >= size:
        raise ShapeError(f"number {low if low < 0 else high} is out of range for {size} rows: 0 to {size - 1}")
