"""PyTorch's optimizers, without the import of its compiler.

PyTorch tells its compiler how to treat some methods of its optimizers. For that, the first call of such a method
imports the compiler, which takes longer than importing the rest of PyTorch. ganlab's updates are not compiled.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class EagerOptimizer(Optimizer):
    """The methods of each optimizer as PyTorch defines them, without what it adds for the compiler. Subclasses name it
    before PyTorch's optimizer."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)


class Adam(EagerOptimizer, torch.optim.Adam):
    """PyTorch's Adam."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class AdamW(EagerOptimizer, torch.optim.AdamW):
    """PyTorch's AdamW."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


class SGD(EagerOptimizer, torch.optim.SGD):
    """PyTorch's SGD."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))
