// What drives draw, against arithmetic of more digits and against the same done one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <evsim/core/philox.hpp>
#include <evsim/engine/drawn_arrivals.hpp>

namespace evsim {
namespace {

constexpr std::uint64_t drive_key = 0x64726976'65000000;

struct Counters {
    std::vector<std::uint64_t> numbers, neurons;

    explicit Counters(std::size_t n) {
        for (std::size_t k = 0; k < n; ++k) {
            numbers.push_back(k % 7);
            neurons.push_back(k / 7);
        }
    }
    std::uint64_t word(std::size_t k, std::size_t which) const {
        return philox({numbers[k], neurons[k], 5, 0}, {9, drive_key + 2})[which];
    }
};

long double exponential(std::uint64_t word) { return -std::log(static_cast<long double>((word >> 11) + 1) * 0x1p-53L); }

double ulp(long double exact) {
    const double near = std::fabs(static_cast<double>(exact));
    return std::nextafter(near, INFINITY) - near;
}

TEST(Drives, IntervalsAreGoodToAnUlp) {
    const PoissonDrive drive({{1.0}, {}, {1.0}, 9, 0}, 1, 2);
    for (const std::size_t n : {1u, 3u, 8u, 31u, 32u, 33u, 20000u}) {
        const Counters counters(n);
        std::vector<double> drawn(4 * n);
        drive.intervals(5, counters.numbers, counters.neurons, drawn.data());
        for (std::size_t k = 0; k < n; ++k) {
            for (std::size_t word = 0; word < 4; ++word) {
                const long double exact = exponential(counters.word(k, word));
                ASSERT_LE(std::fabs(static_cast<double>(drawn[word * n + k] - exact)), ulp(exact)) << k << " of " << n;
            }
        }
    }
}

TEST(Drives, NormalsAreGoodToTheirLastPlaces) {
    const NoiseDrive drive({{0.0}, {1.0}, {0.0}, {1.0}, 1.0, 9, 0}, 1, 2);
    for (const std::size_t n : {1u, 31u, 33u, 20000u}) {
        const Counters counters(n);
        std::vector<double> drawn(4 * n);
        drive.normals(5, counters.numbers, counters.neurons, drawn.data());
        for (std::size_t k = 0; k < n; ++k) {
            for (std::size_t word = 0; word < 4; ++word) {
                const long double length = std::sqrt(2.0L * exponential(counters.word(k, word / 2 * 2)));
                const long double turn = static_cast<long double>(counters.word(k, word / 2 * 2 + 1) >> 11) * 0x1p-53L;
                const long double angle = 2.0L * std::acos(-1.0L) * turn;
                const long double exact = length * (word % 2 == 0 ? std::cos(angle) : std::sin(angle));
                // The angle of an eighth of a turn at most is good to 1e-16.
                ASSERT_NEAR(drawn[word * n + k], static_cast<double>(exact),
                            4e-16 * (1.0 + static_cast<double>(length)));
            }
        }
    }
}

template <class S>
struct Placed {
    std::vector<TimedArrival<S>> all;
    std::vector<std::int64_t> first, next;
};

/// Pieces among others that come at few times, so that many come together.
template <class S>
void merge_like_a_stable_sort(void (*merge)(const MergeRun&)) {
    std::mt19937 random(3);
    constexpr std::int32_t n_neurons = 500;
    Placed<S> found;
    std::vector<std::vector<TimedArrival<S>>> expected(n_neurons);
    std::vector<DrawnPiece> pieces;
    std::vector<double> times, weights(8 * n_neurons);
    const auto some_times = [&](std::size_t n) {
        std::vector<double> drawn(n);
        for (double& time : drawn) time = static_cast<double>(random() % 12) / 4.0;
        std::sort(drawn.begin(), drawn.end());
        return drawn;
    };
    for (double& weight : weights) weight = static_cast<double>(random() % 1000);
    for (std::int32_t neuron = 0; neuron < n_neurons; ++neuron) {
        found.first.push_back(static_cast<std::int64_t>(found.all.size()));
        for (const double time : some_times(random() % 3 * (random() % 9)))
            expected[static_cast<std::size_t>(neuron)].push_back({time, static_cast<S>(random() % 1000), 0});
        found.all.insert(found.all.end(), expected[static_cast<std::size_t>(neuron)].begin(),
                         expected[static_cast<std::size_t>(neuron)].end());
        found.next.push_back(static_cast<std::int64_t>(found.all.size()));
        const auto n = static_cast<std::int32_t>(1 + random() % 8), stride = static_cast<std::int32_t>(random() % 2);
        pieces.push_back({weights.data() + 8 * neuron, 8 * neuron, neuron, n, 1, stride});
        const std::vector<double> own = some_times(static_cast<std::size_t>(n));
        times.insert(times.end(), own.begin(), own.end());
        times.resize(8 * static_cast<std::size_t>(neuron + 1), -1e9);  // not meant
        for (std::size_t k = 0; k < own.size(); ++k) {
            const double weight = weights[8 * static_cast<std::size_t>(neuron) + k * static_cast<std::size_t>(stride)];
            expected[static_cast<std::size_t>(neuron)].push_back({own[k], static_cast<S>(weight), 1});
        }
        found.all.resize(found.all.size() + own.size(), {-7.0, S(0), -7});
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    std::vector<std::int32_t> order(pieces.size());
    merge({pieces.data(), n_neurons, times.data(), order.data(), found.all.data(), found.first.data(),
           found.next.data()});
    for (std::size_t neuron = 0; neuron < n_neurons; ++neuron) {
        auto& sorted = expected[neuron];
        std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
        ASSERT_EQ(found.next[neuron] - found.first[neuron], static_cast<std::int64_t>(sorted.size()));
        for (std::size_t k = 0; k < sorted.size(); ++k) {
            const TimedArrival<S>& one = found.all[static_cast<std::size_t>(found.first[neuron]) + k];
            ASSERT_EQ(one.time, sorted[k].time) << neuron;
            ASSERT_EQ(one.weight, sorted[k].weight) << neuron;
            ASSERT_EQ(one.port, sorted[k].port) << neuron;
        }
    }
}

TEST(Drives, PiecesComeAmongOthersAsByAStableSort) {
    const PoissonDrive drive({{1.0}, {}, {1.0}, 9, 0}, 1, 2);
    merge_like_a_stable_sort<float>(drive.kernel().merge_float);
    merge_like_a_stable_sort<double>(drive.kernel().merge_double);
}

/// All arrivals at neurons [from, to) of a drive up to a few times in turn, by neuron.
std::vector<std::vector<TimedArrival<double>>> drawn(const std::shared_ptr<const Drive>& drive, std::int32_t from,
                                                     std::int32_t to) {
    const std::vector<std::shared_ptr<const Drive>> drives{drive};
    DrawnArrivals<double> source(drives, 1, from, to);
    NodeState state;
    drive->begin(-2.0, 1, state.drive_times, state.drive_counts);
    std::vector<std::vector<TimedArrival<double>>> found(static_cast<std::size_t>(to - from));
    for (const double bound : {-2.0, 0.5, 0.6, 40.0, 41.0}) {
        std::vector<std::int64_t> n(static_cast<std::size_t>(drive->n_neurons())), first(n.size());
        source.draw(state, bound,
                    [&](std::int32_t neuron, std::int32_t more) { n[static_cast<std::size_t>(neuron)] += more; });
        std::int64_t total = 0;
        for (std::size_t k = 0; k < n.size(); ++k) {
            first[k] = total;
            total += n[k];
        }
        std::vector<TimedArrival<double>> all(static_cast<std::size_t>(total));
        std::vector<std::int64_t> next = first;
        source.merge_into(all.data(), first.data(), next.data());
        for (std::int32_t neuron = from; neuron < to; ++neuron) {
            const auto own = static_cast<std::size_t>(neuron);
            EXPECT_EQ(next[own], first[own] + n[own]);
            auto& mine = found[static_cast<std::size_t>(neuron - from)];
            mine.insert(mine.end(), all.begin() + first[own], all.begin() + next[own]);
        }
    }
    return found;
}

TEST(Drives, PartsOfAPopulationDrawWhatTheWholeDraws) {
    constexpr std::int32_t n = 61;
    std::vector<double> by_neuron;
    for (std::int32_t k = 0; k < n; ++k) by_neuron.push_back(0.1 * k);
    const std::vector<double> twice = [&] {
        std::vector<double> all = by_neuron;
        all.insert(all.end(), by_neuron.rbegin(), by_neuron.rend());
        return all;
    }();
    for (const DriveSettings& settings :
         {DriveSettings(PoissonSettings{by_neuron, {}, by_neuron, 9, 0}),
          DriveSettings(PoissonSettings{{2.0}, {-1.0, 20.0}, twice, 9, 0}),
          DriveSettings(NoiseSettings{by_neuron, {1.0}, {0.5}, by_neuron, 0.3, 9, 0})}) {
        const auto whole = drawn(make_drive(settings, n, 2), 0, n);
        EXPECT_GT(whole[40].size(), 50u);
        // Once as a part of one drive, once as a drive of some of the neurons.
        const auto part = drawn(make_drive(settings, n, 2), 13, 47),
                   other = drawn(make_drive(part_of(settings, n, 13, 34), 34, 2, 13), 0, 34);
        for (std::size_t k = 0; k < 34; ++k) {
            ASSERT_EQ(part[k].size(), whole[k + 13].size());
            ASSERT_EQ(other[k].size(), whole[k + 13].size());
            for (std::size_t j = 0; j < part[k].size(); ++j) {
                EXPECT_EQ(part[k][j].time, whole[k + 13][j].time);
                EXPECT_EQ(part[k][j].weight, whole[k + 13][j].weight);
                EXPECT_EQ(other[k][j].time, whole[k + 13][j].time);
                EXPECT_EQ(other[k][j].weight, whole[k + 13][j].weight);
            }
        }
    }
}

}  // namespace
}  // namespace evsim
