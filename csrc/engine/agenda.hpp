// What comes next, where neurons go from instant to instant: arrivals on their way, and when each neuron is due.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <vector>

#include "engine/travel_ring.hpp"

namespace evsim {

/// As a TravelRing, but it knows the earliest.
template <class S>
class TravelQueue {
 public:
    void begin(double /*longest*/, double /*now*/) {}
    /// What arrives then, to be written before the next is put.
    Travelling<S>& put(double time) {
        if (unused_.empty()) {
            unused_.push_back(arrivals_.size());
            arrivals_.emplace_back();
        }
        const std::size_t place = unused_.back();
        unused_.pop_back();
        queue_.push({time, n_sent_++, place});
        arrivals_[place].time = time;
        return arrivals_[place];
    }
    void take(double time, std::vector<Travelling<S>>& out) {
        for (; !queue_.empty() && queue_.top().time <= time; queue_.pop()) {
            out.push_back(arrivals_[queue_.top().place]);
            unused_.push_back(queue_.top().place);
        }
    }
    double earliest() const { return queue_.empty() ? std::numeric_limits<double>::infinity() : queue_.top().time; }

 private:
    struct Sent {
        double time;
        std::uint64_t number;
        std::size_t place;

        bool operator<(const Sent& other) const {
            return time != other.time ? time > other.time : number > other.number;
        }
    };

    std::priority_queue<Sent> queue_;
    std::vector<Travelling<S>> arrivals_;
    std::vector<std::size_t> unused_;  ///< places of arrivals that have been taken
    std::uint64_t n_sent_ = 0;
};

/// As a Calendar, but it knows the earliest. A tree of minima: what is touched becomes due a little later, which seldom
/// reaches its root.
class Agenda {
 public:
    Agenda() = default;
    /// `due`: per neuron, kept by the caller.
    Agenda(const double* due, std::int32_t n_neurons)
        : due_(due),
          n_leaves_(std::bit_ceil(static_cast<std::size_t>(n_neurons))),
          earliest_(2 * n_leaves_, std::numeric_limits<double>::infinity()) {}

    void put(std::int32_t neuron) { set(static_cast<std::size_t>(neuron), due_[neuron]); }
    /// visit(neuron) for all that are due before `until`, which are then no longer in it.
    template <class Visit>
    void take(double until, Visit&& visit) {
        while (earliest() < until) {
            std::size_t node = 1;
            while (node < n_leaves_) node = 2 * node + (earliest_[2 * node] < until ? 0 : 1);
            set(node - n_leaves_, std::numeric_limits<double>::infinity());
            visit(static_cast<std::int32_t>(node - n_leaves_));
        }
    }
    double earliest() const { return earliest_[1]; }

 private:
    void set(std::size_t neuron, double due) {
        std::size_t node = n_leaves_ + neuron;
        earliest_[node] = due;
        while (node > 1) {
            node /= 2;
            const double both = std::min(earliest_[2 * node], earliest_[2 * node + 1]);
            if (earliest_[node] == both) return;
            earliest_[node] = both;
        }
    }

    const double* due_ = nullptr;
    std::size_t n_leaves_ = 1;
    std::vector<double> earliest_ = std::vector<double>(2, std::numeric_limits<double>::infinity());
};

}  // namespace evsim
