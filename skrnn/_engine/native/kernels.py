"""All kernels: importing this module makes them known to `compiling`."""

from skrnn._engine.native import optimizers as optimizers
from skrnn._engine.native import products as products
