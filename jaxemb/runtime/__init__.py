"""Where and how things are computed: devices, checkpoints, running costs."""

from jaxemb.runtime.collectives import gather, mean, own_rows
from jaxemb.runtime.copies import Copies
from jaxemb.runtime.devices import Devices, Jit, Pmap, fsdp_spec
from jaxemb.runtime.meshes import DATA_AXIS, local_mesh, on_every_device, place_copies, place_rows
from jaxemb.runtime.settings import Runtime
