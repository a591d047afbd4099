// What is on its way to single neurons, where every synapse has a delay of its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {

/// An arrival and where; `S` is the type of states.
template <class S>
struct Travelling {
    double time;
    std::int32_t neuron, port;
    union {
        S weight;
        std::uint32_t synapse;  ///< see TimedArrival
    };
};

/// By time of arrival, in slots of a length that the longest delay spans a few times; in each in the order of sending.
template <class S>
class TravelRing {
 public:
    /// Of delays up to `longest`, after `now`.
    void begin(double longest, double now) {
        slot_length_ = longest > 0.0 ? longest / 48.0 : 1.0;
        origin_ = now;
    }

    /// Room for one that arrives at `time`, to be filled in where it lies.
    Travelling<S>& put(double time) {
        ++size_;
        Travelling<S>& one = slots_[static_cast<std::size_t>(slot_at(time) % n_slots)].emplace_back();
        one.time = time;
        return one;
    }

    /// Appends all up to and including `time` to `out`, in the order of sending within a slot. What is put from now on
    /// arrives later, by at most the longest delay.
    void take(double time, std::vector<Travelling<S>>& out) {
        const std::int64_t last = slot_at(time), passed = std::min(last - now_, n_slots);
        for (std::int64_t k = 0; k < passed && size_ > 0; ++k) move_from(now_ + k, time, out);
        now_ = last;
        if (size_ > 0) move_from(now_, time, out);
    }
    bool empty() const { return size_ == 0; }

 private:
    static constexpr std::int64_t n_slots = 64;

    void move_from(std::int64_t number, double time, std::vector<Travelling<S>>& out) {
        std::vector<Travelling<S>>& slot = slots_[static_cast<std::size_t>(number % n_slots)];
        std::size_t left = 0;
        for (const Travelling<S>& arrival : slot) {
            if (arrival.time <= time)
                out.push_back(arrival);
            else
                slot[left++] = arrival;
        }
        size_ -= slot.size() - left;
        slot.resize(left);
    }
    std::int64_t slot_at(double time) const {
        constexpr double largest = 4e18;
        const double slot = std::floor((time - origin_) / slot_length_);
        return slot > 0.0 ? static_cast<std::int64_t>(std::min(slot, largest)) : 0;
    }

    double slot_length_ = 1.0, origin_ = 0.0;
    std::int64_t now_ = 0;
    std::size_t size_ = 0;
    std::vector<Travelling<S>> slots_[n_slots];
};

}  // namespace evsim
