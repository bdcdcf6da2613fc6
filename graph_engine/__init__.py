"""graph_engine: declare a model as a graph, run it forward and backward, and look at every value and gradient."""

import graph_engine.primitives as _vocabulary
from graph_engine import data, errors, nn, optim, training
from graph_engine._version import __version__
from graph_engine.backend import Backend
from graph_engine.checking import GradientReport, check_gradients
from graph_engine.compiled import CompiledStep
from graph_engine.context import scope
from graph_engine.engine import Engine
from graph_engine.errors import *  # noqa: F403
from graph_engine.gradient import grad, hessian, hvp, jacobian, jvp, vjp
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.operands import constant, input, parameter
from graph_engine.plan import Plan
from graph_engine.plugins import BackendInfo, backends, primitives
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives import *  # noqa: F403
from graph_engine.source import SourceLine, composite
from graph_engine.spec import Spec
from graph_engine.trace import Step, Trace
from graph_engine.training import train

__all__ = [
    "Backend", "BackendInfo", "CompiledStep", "Engine", "GradientReport", "Graph", "Operation", "Plan", "Primitive",
    "Sample", "SourceLine", "Spec", "Step", "Trace", "Variable", "__version__", "backends", "check_gradients",
    "composite", "constant", "data", "grad", "hessian", "hvp", "input", "jacobian", "jvp", "nn", "optim",
    "parameter", "primitives", "scope", "train", "training", "vjp",
]  # fmt: skip
__all__ += errors.__all__
__all__ += _vocabulary.__all__
