"""All kernels: importing this module makes them known to `compiling`."""

from skrnn._engine.native import activations as activations
from skrnn._engine.native import losses as losses
from skrnn._engine.native import probability_losses as probability_losses
from skrnn._engine.native import products as products
