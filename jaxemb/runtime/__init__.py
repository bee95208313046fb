"""Where and how things are computed: devices, checkpoints, running costs."""

from jaxemb.runtime.devices import (
    DATA_AXIS,
    Copies,
    Devices,
    Jit,
    Pmap,
    Runtime,
    fsdp_spec,
    gather,
    local_mesh,
    mean,
    on_every_device,
    own_rows,
    place_copies,
    place_rows,
)
