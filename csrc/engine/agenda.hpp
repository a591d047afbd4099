// What comes next, where neurons go from instant to instant: arrivals on their way, and when each neuron is due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <utility>
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

/// As a Calendar, but it knows the earliest. What a neuron was due at before is left in the heap until it comes up.
class Agenda {
 public:
    Agenda() = default;
    /// `due`: per neuron, kept by the caller.
    Agenda(const double* due, std::int32_t n_neurons) : due_(due), most_(16 * static_cast<std::size_t>(n_neurons)) {}

    void put(std::int32_t neuron) {
        if (entries_.size() > most_) drop_stale();
        entries_.emplace(due_[neuron], neuron);
    }
    /// visit(neuron) for all that are due before `until`.
    template <class Visit>
    void take(double until, Visit&& visit) {
        for (; !entries_.empty() && entries_.top().first < until; entries_.pop()) {
            if (is_fresh(entries_.top())) visit(entries_.top().second);
        }
    }
    double earliest() {
        while (!entries_.empty() && !is_fresh(entries_.top())) entries_.pop();
        return entries_.empty() ? std::numeric_limits<double>::infinity() : entries_.top().first;
    }

 private:
    using Entry = std::pair<double, std::int32_t>;

    bool is_fresh(const Entry& entry) const { return due_[entry.second] == entry.first; }
    void drop_stale() {
        std::vector<Entry> fresh;
        std::vector<std::uint8_t> known;
        for (; !entries_.empty(); entries_.pop()) {
            const auto neuron = static_cast<std::size_t>(entries_.top().second);
            if (known.size() <= neuron) known.resize(neuron + 1);
            if (is_fresh(entries_.top()) && !std::exchange(known[neuron], std::uint8_t{1}))
                fresh.push_back(entries_.top());
        }
        entries_ = Entries(std::greater<>(), std::move(fresh));
    }

    using Entries = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

    const double* due_ = nullptr;
    std::size_t most_ = 0;
    Entries entries_;
};

}  // namespace evsim
