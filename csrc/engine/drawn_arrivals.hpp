// What drives bring to single neurons in a stretch of time.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "drive.hpp"
#include "engine/noise_jumps.hpp"
#include "engine/poisson_rows.hpp"
#include "sample.hpp"

namespace evsim {

/// `S`: the type of states.
template <class S>
class DrawnArrivals {
 public:
    DrawnArrivals(std::span<const std::shared_ptr<const Drive>> drives, std::size_t sample, std::int32_t first,
                  std::int32_t last)
        : first_(first) {
        double rate = 0.0;
        for (const auto& drive : drives) {
            rate += drive->most(first, last);
            Source& source = sources_.emplace_back();
            source.n_neurons = drive->n_neurons();
            merge_ = sizeof(S) == sizeof(float) ? drive->kernel().merge_float : drive->kernel().merge_double;
            if (const auto* poisson = dynamic_cast<const PoissonDrive*>(drive.get()))
                source.rows = std::make_unique<PoissonRows>(*poisson, sample, first, last);
            else
                source.jumps =
                    std::make_unique<NoiseJumps>(dynamic_cast<const NoiseDrive&>(*drive), sample, first, last);
        }
        // Some for each neuron: all of them are looked at every time.
        if (rate > 0.0) duration_ = std::max(at_once, 2.0 * (last - first)) / rate;
    }

    /// Up to where one may draw who stands at `now`, so that there are some arrivals, but not too many.
    double next_stop(double now) const {
        if (duration_ == infinity) return infinity;
        const double stop = now + duration_;
        return stop > now ? stop : std::nextafter(now, infinity);
    }

    /// Draws all up to and including `bound`. expect(neuron, number of arrivals) is called where there are any. Throws
    /// InvalidArgument where there are too many.
    template <class Expect>
    void draw(NodeState& state, double bound, Expect&& expect) {
        pieces_.clear();
        std::size_t place = static_cast<std::size_t>(first_);
        for (Source& source : sources_) {
            double* const times = state.drive_times.data() + place;
            std::int64_t* const counts = state.drive_counts.data() + place;
            if (source.rows)
                source.rows->draw(times, counts, bound, pieces_, expect);
            else
                source.jumps->draw(times, counts, bound, pieces_, expect);
            place += static_cast<std::size_t>(source.n_neurons);
        }
    }

    /// visit(neuron, arrival) for all that has been drawn.
    template <class Visit>
    void for_each(Visit&& visit) const {
        pieces_.template for_each<S>(visit);
    }

    /// Puts them among what else arrives, as DrawnPieces does.
    void merge_into(TimedArrival<S>* all, const std::int64_t* first, std::int64_t* next) {
        if (merge_) pieces_.merge_into(merge_, all, first, next);
    }

 private:
    static constexpr double at_once = 1 << 16, infinity = std::numeric_limits<double>::infinity();

    /// A drive: of one kind or the other.
    struct Source {
        std::int32_t n_neurons = 0;
        std::unique_ptr<PoissonRows> rows;
        std::unique_ptr<NoiseJumps> jumps;
    };

    std::vector<Source> sources_;
    std::int32_t first_;
    double duration_ = infinity;
    DrawnPieces pieces_;
    void (*merge_)(const MergeRun&) = nullptr;
};

}  // namespace evsim
