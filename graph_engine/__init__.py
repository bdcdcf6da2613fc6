"""graph_engine: declare a model as a graph, run it forward and backward, and look at every value and gradient."""

from graph_engine import optim
from graph_engine._version import __version__
from graph_engine.backend import Backend
from graph_engine.engine import CompiledStep, Engine
from graph_engine.errors import *  # noqa: F403
from graph_engine.gradient import grad, hessian, hvp, jacobian, jvp, vjp
from graph_engine.graph import Graph
from graph_engine.node import Operation, Primitive, Sample, Variable, constant, input, parameter, scope
from graph_engine.plan import Plan
from graph_engine.plugins import BackendInfo, backends, primitives
from graph_engine.primitives import *  # noqa: F403
from graph_engine.source import SourceLine, composite
from graph_engine.spec import Spec
from graph_engine.trace import Step, Trace
