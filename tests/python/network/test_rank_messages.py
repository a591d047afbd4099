"""Messages between ranks: of any length, and in how many steps."""

from rank_threads import ThreadComm, on_ranks

import evsim

LENGTHS = [0, 3, 900, 1100, 5000, 5000, 5100, 4000, 100_000, 100_000, 20, 5000, 0, 40_000, 40_000]


class Counting:
    """A communicator that counts what is asked of it."""

    def __init__(self, comm: ThreadComm):
        self.comm, self.steps = comm, []

    def Get_rank(self):  # noqa: N802 (as mpi4py has it)
        return self.comm.Get_rank()

    def Get_size(self):  # noqa: N802
        return self.comm.Get_size()

    def Allgather(self, own, everybody):  # noqa: N802
        self.steps.append(len(own))
        self.comm.Allgather(own, everybody)

    def Allgatherv(self, own, everybody):  # noqa: N802
        self.steps.append("v")
        self.comm.Allgatherv(own, everybody)


def content(rank, k):
    """What a rank says at last: as long as all, or shorter."""
    length = LENGTHS[k] if (rank + k) % 3 else LENGTHS[k] // 2
    return bytes((rank + k + n) % 251 for n in range(length))


def talk(comm):
    counting = Counting(comm)
    ranks = evsim.SpikingNetwork(seed=1).distribute(counting)
    begun = len(counting.steps)
    heard = [ranks.gather(content(ranks.rank, k)) for k in range(len(LENGTHS))]
    return heard, counting.steps[begun:]


def test_messages_of_any_length_arrive():
    for size in (1, 2, 3):
        expected = [[content(rank, k) for rank in range(size)] for k in range(len(LENGTHS))]
        assert all(heard == expected for heard, _ in on_ranks(size, talk))


def test_all_ranks_take_the_same_steps():
    (_, one), (_, other) = on_ranks(2, talk)
    assert one == other


def test_messages_as_long_as_the_last_ones_take_one_step():
    def steps(comm):
        counting = Counting(comm)
        ranks = evsim.SpikingNetwork(seed=1).distribute(counting)
        for _ in range(10):
            ranks.gather(bytes(6000))
        grown = list(counting.steps)
        for _ in range(100):
            ranks.gather(b"")
        return grown, counting.steps

    grown, steps = on_ranks(2, steps)[0]
    assert grown.count("v") <= 2  # the first one, and one in which random generators were compared
    assert grown[-9:] == [grown[-1]] * 9
    assert 6000 < grown[-1] <= 16384
    assert steps[-1] == 1024  # room shrinks where nothing is said


def test_messages_that_no_step_has_room_for_take_two_short_ones():
    def steps(comm):
        counting = Counting(comm)
        ranks = evsim.SpikingNetwork(seed=1).distribute(counting)
        for _ in range(5):
            ranks.gather(bytes(200_000))
        return counting.steps[-4:]

    assert on_ranks(2, steps)[0] == [1024, "v", 1024, "v"]
