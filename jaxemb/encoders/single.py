"""What encoders with one hidden state share."""

from jaxemb.config import UsageError
from jaxemb.encoders.base import Encoder


class SingleStateEncoder(Encoder, kw_only=True):
    """Base of encoders that return one hidden state: there is no depth to cut."""

    @property
    def depth(self) -> int:
        return 1

    def truncated(self, layers: int) -> "SingleStateEncoder":
        """Returns itself.

        Raises:
            UsageError: if `layers` is not 1.
        """
        if layers != 1:
            raise UsageError(f"{type(self).__name__} has 1 layer to keep, not {layers}.")
        return self
