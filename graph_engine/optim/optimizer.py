"""What all optimisers share: they declare the new value of each parameter from its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypedDict

import numpy as np

from graph_engine.context import Context, building
from graph_engine.declaring import refused
from graph_engine.errors import DeclarationError
from graph_engine.gradient import grad
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.operands import parameter as declare_parameter
from graph_engine.optim.arguments import at_least, check_rate, positive, whole
from graph_engine.optim.gradients import clip_grad_value, clipping_factor, scaled
from graph_engine.optim.target import Round, Target, Updates, is_schedule
from graph_engine.passes.rewrite import Rewrite
from graph_engine.primitives import random, sign
from graph_engine.primitives.structure import convert
from graph_engine.source import capture

LearningRate = float | Variable | Callable[[Variable], Variable]


class Shared(TypedDict, total=False):
    """The keyword arguments that every optimiser takes; `Optimizer` describes them."""

    maximize: bool
    l1: float
    clip_norm: float | None
    clip_value: float | None
    noise: float
    noise_decay: float
    seed: int
    name: str | None


_INSTEAD = {
    "step": "step = engine.compile(inputs, loss, updates=optimizer.minimize(loss)), and each call of it is a step",
    "zero_grad": "gradients are results, not state: nothing has to be cleared",
    "param_groups": "parts of the parameters go to optimisers of their own: a.minimize(loss, p) | b.minimize(loss, q)",
}
"""What people look for on an optimiser who come from elsewhere."""


class Optimizer:
    """A rule for the new value of a parameter, given its gradient. Subclasses say `rule`.

    What an optimiser keeps from update to update are parameters that are not trainable, called after it and what they
    belong to (`adam.fc1.weight.mean`). Their new values stand among the updates, so a compiled step changes them with
    the weights, all at once, and `engine.save` writes them: training that is loaded goes on to the same bits.
    Half precision is updated, and its states kept, in float32.

    Parameters
    ----------
    lr : float, Variable or callable
        The learning rate. A variable (an input or a parameter) can change from step to step; a schedule is a function
        of the number of updates made (a float64 scalar of the graph); see `ge.optim.schedules`.
    weight_decay : float
        This times the parameter is added to its gradient: the gradient of weight_decay / 2 * sum(w ** 2).
    maximize : bool
        Go up the gradient.
    l1 : float
        This times the sign of the parameter is added to its gradient: the gradient of l1 * sum(|w|); 0 at 0.
    clip_norm, clip_value : float, optional
        Clip the gradients before anything else: each number by `clip_grad_value`, then the Euclidean norm of all of
        them together by `clip_grad_norm`.
    noise, noise_decay, seed : float, float, int
        Add normal numbers to the clipped gradients, of deviation noise / (1 + t) ** (noise_decay / 2) after t updates
        (A. Neelakantan et al., "Adding gradient noise improves learning for very deep networks", 2015: 0.55).
    name : str, optional
        What the names of the states begin with; by default the class. Two optimisers of one class that update the
        same parameter need two names.

    Attributes
    ----------
    state : dict of Variable to dict of str to Variable
        What is kept for each parameter, by its short name. `optimizer.state[w]["step"]` counts the updates of `w`,
        and of the parameters that were first given to `minimize` with it.

    Examples
    --------
    An optimiser of one's own says its rule (`Target` is what it sees); the arguments above come with it.

    >>> import graph_engine as ge
    >>> class SignMomentum(ge.optim.Optimizer):
    ...     def rule(self, target):
    ...         velocity = target.keep("velocity", 0.9 * target.state("velocity") + target.gradient)
    ...         return target.value - target.rate * ge.sign(velocity)
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=SignMomentum(0.5).minimize(w * w))()
    >>> float(engine.value(w)), float(engine.value("signmomentum.w.velocity"))
    (2.5, 6.0)
    """

    counts = False

    def __new__(cls, *arguments: Any, **_: Any) -> Self:
        """Answer those who give parameters first, as elsewhere."""
        first = arguments[0] if arguments else None
        if isinstance(first, Iterable) and not isinstance(first, (str, Variable, np.ndarray)):
            what = f"{cls.__name__} is given its learning rate, not parameters"
            raise refused(what, f"{cls.__name__}(0.1).minimize(loss, parameters); without them, all that it depends on")
        return super().__new__(cls)

    def __getattr__(self, name: str) -> Any:
        instead = _INSTEAD.get(name)
        hint = f"; {instead}" if instead else ""
        raise AttributeError(f"{type(self).__name__} has no {name!r}{hint}", name=name, obj=self)

    def __init__(
        self,
        lr: LearningRate,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        l1: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        noise: float = 0.0,
        noise_decay: float = 0.55,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        at_least(0, weight_decay=weight_decay, l1=l1, noise=noise, noise_decay=noise_decay)
        positive(**{k: v for k, v in {"clip_norm": clip_norm, "clip_value": clip_value}.items() if v is not None})
        whole(0, seed=seed)
        self.lr: LearningRate = check_rate(lr)
        self.weight_decay, self.l1, self.maximize = weight_decay, l1, maximize
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.noise, self.noise_decay, self._key = noise, noise_decay, random.key(seed)
        self.name = type(self).__name__.lower() if name is None else name
        self.counts = self.counts or noise > 0 or is_schedule(lr)
        self.state: dict[Variable, dict[str, Variable]] = {}

    def minimize(self, loss: Variable, parameters: Sequence[Variable] | None = None) -> Updates:
        """Declare one step down the gradient of a loss.

        Parameters
        ----------
        loss : Variable
            A scalar.
        parameters : sequence of Variable, optional
            What to update; by default all trainable parameters that the loss depends on.

        Returns
        -------
        dict of Variable to Variable
            The new value of each parameter, and of what the optimiser keeps, for `engine.compile(..., updates=...)`.
            Those of several optimisers, each with parameters of its own, are joined with `|`.

        Examples
        --------
        >>> import graph_engine as ge
        >>> body, head = ge.parameter("body", 1.0), ge.parameter("head", 1.0)
        >>> loss = (body * head - 3.0) ** 2
        >>> slow, fast = ge.optim.SGD(0.01), ge.optim.SGD(0.1)
        >>> updates = slow.minimize(loss, [body]) | fast.minimize(loss, [head])
        >>> engine = ge.Engine("numpy")
        >>> _ = engine.compile([], loss, updates=updates)()
        >>> [round(float(engine.value(p)), 4) for p in (body, head)]
        [1.04, 1.4]
        """
        if not isinstance(loss, Variable):
            raise refused(f"a loss is a variable of the graph, not {loss!r}")
        chosen = [p for p in Graph(loss).parameters if p.trainable] if parameters is None else _parameters(parameters)
        if not chosen:
            raise DeclarationError(
                f"{loss.name!r} depends on no trainable parameter", "declare one with ge.parameter(name, value)"
            ).located("declared at", loss.line)
        points = {p: self.point(p) for p in chosen}
        if any(point is not p for p, point in points.items()):
            loss = _At(points)(Graph(loss)).became[loss]
        return self._declare(chosen, list(points.values()), grad(loss, list(points.values())))

    def apply(self, gradients: Mapping[Variable, Variable]) -> Updates:
        """Declare one step, given the gradients: those of `ge.grad`, or what you made of them.

        Parameters
        ----------
        gradients : mapping of Variable to Variable
            What to follow downwards, for each parameter to update.

        Returns
        -------
        dict of Variable to Variable
            As from `minimize`.

        Examples
        --------
        >>> import graph_engine as ge
        >>> w = ge.parameter("w", [3.0, 4.0])
        >>> loss = ge.sum(w * w) / 2.0
        >>> clipped = ge.optim.clip_grad_norm(ge.grad(loss, [w]), 1.0)
        >>> engine = ge.Engine("numpy")
        >>> _ = engine.compile([], loss, updates=ge.optim.SGD(1.0).apply({w: clipped[0]}))()
        >>> engine.value(w).round(4).tolist()
        [2.4000000953674316, 3.200000047683716]
        """
        chosen = _parameters(gradients)
        given = [gradients[p] for p in chosen]
        for parameter, gradient in zip(chosen, given, strict=True):
            if not isinstance(gradient, Variable) or gradient.shape != parameter.shape or not gradient.spec.is_float:
                got = gradient.spec if isinstance(gradient, Variable) else repr(gradient)
                raise refused(f"the gradient of {parameter.name!r} is {got}, but it is {parameter.spec}")
        if not chosen:
            raise refused("there are no gradients to apply", "optimizer.apply({w: ge.grad(loss, w)})")
        return self._declare(chosen, chosen, given)

    # ---- what a subclass says ----------------------------------------------------------------------------------

    def rule(self, target: Target) -> Variable:
        """Declare the new value of one parameter, in the dtype that the target computes in."""
        raise NotImplementedError

    def point(self, parameter: Variable) -> Variable:
        """Return where the gradient is taken: at the parameter, unless a rule looks ahead."""
        return parameter

    # ---- how it is done ----------------------------------------------------------------------------------------

    def kept(self, parameter: Variable, name: str, initial: np.ndarray[Any, Any]) -> Variable:
        """Return what is kept for a parameter under a name; the first time it is declared."""
        states = self.state.setdefault(parameter, {})
        if name not in states:
            with building(Context()):
                full = f"{self.name}.{parameter.name}.{name}"
                states[name] = declare_parameter(full, initial, trainable=False)
        return states[name]

    def _declare(self, chosen: list[Variable], points: list[Variable], gradients: list[Variable]) -> Updates:
        source, shared = capture(inner=True), Round()
        contexts = [Context(p.scope, "update", p, source) for p in chosen]
        gradients, factor = self._clipped(contexts, gradients)
        for position, parameter in enumerate(chosen):
            with building(contexts[position]):
                gradient = gradients[position] if factor is None else scaled(gradients[position], factor)
                target = Target(self, shared, parameter, gradient)
                target.gradient = self._prepared(target, position, points[position])
                shared.updates[parameter] = convert(self.rule(target), parameter.dtype)
        return shared.updates

    def _clipped(self, contexts: list[Context], gradients: list[Variable]) -> tuple[list[Variable], Variable | None]:
        """Clip each number; return what the norm asks to multiply them by, too."""
        if self.clip_value is not None:
            clipped = []
            for context, gradient in zip(contexts, gradients, strict=True):
                with building(context):
                    clipped += clip_grad_value([gradient], self.clip_value)
            gradients = clipped
        if self.clip_norm is None:
            return gradients, None
        with building(contexts[0]):
            return gradients, clipping_factor(gradients, self.clip_norm)

    def _prepared(self, target: Target, position: int, point: Variable) -> Variable:
        """Return the gradient with noise and penalties, to be followed downwards."""
        gradient = target.gradient
        if self.noise > 0:
            key = random.fold_in(random.fold_in(self._key, position), target.counter)
            (deviation,) = target.shared(self._deviation)
            gradient = gradient + random.normal(key, target.value.shape, target.dtype) * deviation
        if self.maximize:
            gradient = -gradient
        if self.weight_decay:
            gradient = gradient + self.weight_decay * convert(point, target.dtype)
        return gradient + self.l1 * sign(convert(point, target.dtype)) if self.l1 else gradient

    def _deviation(self, target: Target) -> tuple[Variable]:
        return (self.noise / (1.0 + target.done) ** (self.noise_decay / 2),)


class _At(Rewrite):
    """A graph with other variables in the place of its parameters."""

    def __init__(self, points: Mapping[Variable, Variable]) -> None:
        self._points = points

    def leaf(self, variable: Variable) -> Variable:
        return self._points.get(variable, variable)


def _parameters(variables: Any) -> list[Variable]:
    """Return each of some parameters once."""
    chosen = list(dict.fromkeys([variables] if isinstance(variables, Variable) else variables))
    for variable in chosen:
        if not isinstance(variable, Variable) or variable.kind != "parameter":
            shown = variable.name if isinstance(variable, Variable) else variable
            raise refused(f"only parameters can be updated, not {shown!r}", "ge.parameter(name, value) declares one")
    return chosen
