"""How homeostasis shares out the wins of 36 maps on N-MNIST: python bench/homeostasis.py FILE.

FILE is an .npz of many recordings (train_x, train_y, train_p, train_t, train_offsets). The first 20 ms of each make a
sample; the preset "ebssa" trains conv2 for 4 epochs, and one map wins each sample.
"""

import sys
from pathlib import Path

from evsim.cli.recordings import recordings_in
from evsim.spikeseg import SpikeSEG
from evsim.spikeseg.training import Homeostasis, SimplifiedSTDP, STDPTrainer, Stopping


def main() -> None:
    """Print the fewest and most wins of a map for each kind of homeostasis."""
    samples = [
        events.binned(n_bins=10, start=int(events.t[0]), stop=int(events.t[0]) + 20_000, polarity="channels")
        for _, events in recordings_in([Path(sys.argv[1])])
    ]
    for name, homeostasis in (("none", None), ("spikes", Homeostasis(counts="spikes")), ("winners", Homeostasis())):
        trainer = STDPTrainer(
            SpikeSEG.from_paper("ebssa", seed=0),
            rule=SimplifiedSTDP(0.04, 0.03),
            layers=("conv2",),
            homeostasis=homeostasis,
            max_winners=1,
            stopping=Stopping(convergence=None, epochs=4),
        )
        print(f"{name:8} {trainer.fit(samples)['conv2']}")


if __name__ == "__main__":
    main()
