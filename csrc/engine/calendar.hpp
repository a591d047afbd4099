// When neurons that go by clocks of their own are to be looked at again.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace evsim {

/// A ring of slots of equal length, and of every neuron the slot in which it is due. What is due beyond the ring lies
/// in its last slot and is put again when that comes.
class Calendar {
 public:
    Calendar() = default;
    /// `due`: per neuron, kept by the caller, of the neurons from `first` on.
    Calendar(double origin, double slot_length, const double* due, std::int32_t first, std::int32_t n_neurons)
        : origin_(origin),
          slot_length_(slot_length),
          due_(due),
          first_(first),
          slot_of_(static_cast<std::size_t>(n_neurons), nowhere) {}

    void put(std::int32_t neuron) {
        const std::int64_t slot = slot_at(due_[neuron]);
        std::int64_t& own = slot_of_[static_cast<std::size_t>(neuron - first_)];
        if (own == slot) return;
        own = slot;
        slots_[static_cast<std::size_t>(slot % n_slots)].push_back(neuron);
    }

    /// visit(neuron) for all that are due before `until`.
    template <class Visit>
    void take(double until, Visit&& visit) {
        const std::int64_t last = slot_at(until);
        for (;; ++now_) {
            std::vector<std::int32_t>& slot = slots_[static_cast<std::size_t>(now_ % n_slots)];
            open_.clear();
            open_.swap(slot);
            const std::int64_t here = now_;
            for (const std::int32_t neuron : open_) {
                std::int64_t& own = slot_of_[static_cast<std::size_t>(neuron - first_)];
                if (own != here) continue;  // it has been put elsewhere since
                own = nowhere;
                if (due_[neuron] < until)
                    visit(neuron);
                else
                    put(neuron);
            }
            if (now_ >= last) break;
        }
    }

 private:
    static constexpr std::int64_t n_slots = 128, nowhere = -1;

    std::int64_t slot_at(double time) const {
        const double slot = std::floor((time - origin_) / slot_length_);
        const auto end = static_cast<double>(now_ + n_slots - 1);
        return slot < end ? std::max(now_, static_cast<std::int64_t>(slot)) : now_ + n_slots - 1;
    }

    double origin_ = 0.0, slot_length_ = 1.0;
    const double* due_ = nullptr;
    std::int32_t first_ = 0;
    std::int64_t now_ = 0;
    std::vector<std::int64_t> slot_of_;
    std::vector<std::int32_t> slots_[n_slots];
    std::vector<std::int32_t> open_;
};

}  // namespace evsim
