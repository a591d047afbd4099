# What `import evsim` offers; __init__.py reads the names from here.
from . import (
    analysis as analysis,
    datasets as datasets,
    encoders as encoders,
    errors as errors,
    events as events,
    initializers as initializers,
    io as io,
    kernels as kernels,
    learning as learning,
    motion as motion,
    neurons as neurons,
    plot as plot,
    random as random,
    receptive_fields as receptive_fields,
    rules as rules,
    spark as spark,
    spikeseg as spikeseg,
)
from ._core import __version__ as __version__
from .connections import (
    Conv2d as Conv2d,
    ConvTranspose2d as ConvTranspose2d,
    Dense as Dense,
    Pool2d as Pool2d,
    Sparse as Sparse,
    Unpool2d as Unpool2d,
    coordinates_of as coordinates_of,
    index_of as index_of,
)
from .drives import NoiseDrive as NoiseDrive, PoissonDrive as PoissonDrive
from .dry_runs import (
    DryRunReport as DryRunReport,
    RankLoad as RankLoad,
    dry_run as dry_run,
)
from .errors import EvsimError as EvsimError
from .events import (
    EventArray as EventArray,
    filters as filters,
)
from .kernels import Kernel as Kernel
from .layer import Layer as Layer
from .network import SpikingNetwork as SpikingNetwork
from .neurons import (
    ALIF as ALIF,
    COBALIF as COBALIF,
    LI as LI,
    LIF as LIF,
    QIF as QIF,
    AdEx as AdEx,
    AdLIF as AdLIF,
    ExpLIF as ExpLIF,
    IAFDelta as IAFDelta,
    Izhikevich as Izhikevich,
    LIFAlpha as LIFAlpha,
    LIFDelta as LIFDelta,
    LIFDoubleExponential as LIFDoubleExponential,
    LinearLeakIF as LinearLeakIF,
    Loihi as Loihi,
    MultiCompartmentLIF as MultiCompartmentLIF,
    NeuronModel as NeuronModel,
    ResonateAndFire as ResonateAndFire,
    SRMAlpha as SRMAlpha,
    SteppedIF as SteppedIF,
)
from .nodes import (
    Input as Input,
    Population as Population,
)
from .probe import Probe as Probe
from .projection import Projection as Projection
from .ranks import (
    DryRun as DryRun,
    Ranks as Ranks,
)
from .sample_ranks import infer_on_ranks as infer_on_ranks
from .spikes import (
    Spike as Spike,
    SpikeArray as SpikeArray,
)
from .storage import (
    load as load,
    save as save,
)
from .threads import (
    num_threads as num_threads,
    set_num_threads as set_num_threads,
)
