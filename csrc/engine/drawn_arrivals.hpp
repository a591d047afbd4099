// What drives bring to single neurons in a stretch of time.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "core/errors.hpp"
#include "drive.hpp"
#include "sample.hpp"

namespace evsim {

/// `S`: the type of states.
template <class S>
class DrawnArrivals {
 public:
    DrawnArrivals(std::span<const std::shared_ptr<const Drive>> drives, std::size_t sample, std::int32_t first,
                  std::int32_t last)
        : drives_(drives), sample_(sample), first_(first), last_(last) {
        double rate = 0.0;
        for (const auto& drive : drives_) rate += drive->most(first, last);
        if (rate > 0.0) duration_ = at_once / rate;
    }

    /// Up to where one may draw who stands at `now`, so that there are some arrivals, but not too many.
    double next_stop(double now) const {
        if (duration_ == infinity) return infinity;
        const double stop = now + duration_;
        return stop > now ? stop : std::nextafter(now, infinity);
    }

    /// Draws all up to and including `bound`. expect(neuron, number of arrivals) is called where there are any. Throws
    /// InvalidArgument where there are too many: at times so late that intervals are lost by rounding.
    template <class Expect>
    void draw(NodeState& state, double bound, Expect&& expect) {
        neurons_.clear();
        arrivals_.clear();
        std::size_t place = 0;
        for (const auto& drive : drives_) {
            place += static_cast<std::size_t>(first_);
            for (std::int32_t neuron = first_; neuron < last_; ++neuron, ++place) {
                if (!(state.drive_times[place] <= bound)) continue;
                draw(*drive, neuron, bound, state.drive_times[place], state.drive_counts[place]);
                expect(neuron, static_cast<std::int32_t>(neurons_.back().n));
            }
            place += static_cast<std::size_t>(drive->n_neurons() - last_);
        }
    }

    /// visit(neuron, arrival) for all that has been drawn.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Drawn& drawn : neurons_) {
            for (std::size_t k = 0; k < drawn.n; ++k) visit(drawn.neuron, arrivals_[drawn.first + k]);
        }
    }

    /// Puts them among what else arrives, behind what comes at the same time. Of neuron n that lies in
    /// [first[n], next[n]) of `all`, with room behind it; `next` is moved on.
    void merge_into(TimedArrival<S>* all, const std::int64_t* first, std::int64_t* next) const {
        for (const Drawn& drawn : neurons_) {
            const TimedArrival<S>*const begin = all + first[drawn.neuron], *other = all + next[drawn.neuron];
            const TimedArrival<S>*const from = arrivals_.data() + drawn.first, *own = from + drawn.n;
            next[drawn.neuron] += static_cast<std::int64_t>(drawn.n);
            TimedArrival<S>* place = all + next[drawn.neuron];
            // From behind, and by selection: which of the two is later nobody can guess.
            while (own > from && other > begin) {
                const bool later = other[-1].time > own[-1].time;
                *--place = *((later ? other : own) - 1);
                other -= later;
                own -= !later;
            }
            std::copy(from, own, all + first[drawn.neuron] + (other - begin));
        }
    }

 private:
    static constexpr double at_once = 1 << 15, infinity = std::numeric_limits<double>::infinity();
    static constexpr std::size_t most = std::size_t{1} << 24;

    /// For one neuron.
    struct Drawn {
        std::int32_t neuron;
        std::size_t first, n;  ///< among the arrivals
    };

    void draw(const Drive& drive, std::int32_t neuron, double bound, double& next, std::int64_t& count) {
        const std::size_t first = arrivals_.size();
        const auto weight = static_cast<S>(drive.weight(neuron));
        Drive::Intervals intervals(drive, sample_, neuron, static_cast<std::uint64_t>(count));
        for (; next <= bound; ++count) {
            arrivals_.push_back({next, weight, drive.settings().port});
            next = drive.after(next, intervals.next(), neuron);
            if (arrivals_.size() > most)
                throw InvalidArgument(
                    text("the drive of neuron ", neuron, " has too high a rate for times near ", next));
        }
        neurons_.push_back({neuron, first, arrivals_.size() - first});
    }

    std::span<const std::shared_ptr<const Drive>> drives_;
    std::size_t sample_;
    std::int32_t first_, last_;
    double duration_ = infinity;
    std::vector<Drawn> neurons_;
    std::vector<TimedArrival<S>> arrivals_;
};

}  // namespace evsim
