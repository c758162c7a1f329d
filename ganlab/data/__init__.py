"""Image sources, one a file, and the feed that makes batches of them."""

from ganlab.data.digits import Digits
from ganlab.data.image_folder import ImageFolder
from ganlab.data.source import ImageSet, Source
from ganlab.data.stacked_mnist import StackedMNIST
from ganlab.data.torchvision_sets import CIFAR10, MNIST, STL10, FashionMNIST
from ganlab.data.toys import Grid, Ring, SwissRoll
from ganlab.table import Table

SOURCES = Table[Source](
    "data",
    {
        "digits": Digits,
        "mnist": MNIST,
        "fashion_mnist": FashionMNIST,
        "cifar10": CIFAR10,
        "stl10": STL10,
        "stacked_mnist": StackedMNIST,
        "image_folder": ImageFolder,
        "ring": Ring,
        "grid": Grid,
        "swiss_roll": SwissRoll,
    },
)

__all__ = ["SOURCES", "ImageSet", "Source"]
