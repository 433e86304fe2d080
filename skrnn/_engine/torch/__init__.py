"""Training and prediction with torch, on a GPU. Only these modules import torch, and only if it is to be used."""
