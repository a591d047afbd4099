// External drive: arrivals that nobody sends, drawn as they are needed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/philox.hpp"

namespace evsim {

/// A Poisson process for every neuron of a population, of its own rate and weight.
struct DriveSettings {
    std::vector<double> weights;  ///< one for all neurons or one for each
    std::vector<double> times;    ///< ascending: where a rate begins; empty if there is one from the beginning on
    std::vector<double> rates;    ///< [piece], or [piece][neuron]
    std::uint64_t seed = 0;
    std::int32_t port = 0;
};

/// The settings of `n` of n_neurons neurons, from `first` on.
DriveSettings part_of(DriveSettings settings, std::int32_t n_neurons, std::int32_t first, std::int32_t n);

/// Intervals are drawn from counters of (drive, sample, neuron, number of the interval): they do not depend on who asks
/// for them, nor when.
class Drive {
 public:
    /// `number`: of the drive in its network; `first`: of the neurons in their population, where others are elsewhere.
    /// Throws ShapeMismatch, NonFinite or InvalidArgument.
    Drive(DriveSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first = 0);

    const DriveSettings& settings() const { return settings_; }
    std::int32_t n_neurons() const { return n_neurons_; }
    double weight(std::int32_t neuron) const {
        return settings_.weights[settings_.weights.size() == 1 ? 0 : static_cast<std::size_t>(neuron)];
    }
    /// The most arrivals of the neurons [first, last) that are expected in a unit of time.
    double most(std::int32_t first, std::int32_t last) const;
    /// When so many arrivals are expected from `time` on; infinity if they never are.
    double after(double time, double expected, std::int32_t neuron) const;

    /// The intervals of a neuron, in expected arrivals, from number `drawn` on.
    class Intervals {
     public:
        Intervals(const Drive& drive, std::size_t sample, std::int32_t neuron, std::uint64_t drawn)
            : key_{drive.settings_.seed, tag + drive.number_},
              neuron_(static_cast<std::uint64_t>(drive.first_ + neuron)),
              sample_(sample),
              drawn_(drawn) {}
        double next();

     private:
        static constexpr std::uint64_t tag = 0x64726976'65000000;  // "drive", so that no rule of synapses shares a key

        PhiloxKey key_;
        std::uint64_t neuron_, sample_, drawn_;
        PhiloxWords words_{};
        bool ready_ = false;
    };

 private:
    double rate(std::size_t piece, std::int32_t neuron) const {
        return settings_
            .rates[by_neuron_ ? piece * static_cast<std::size_t>(n_neurons_) + static_cast<std::size_t>(neuron)
                              : piece];
    }

    DriveSettings settings_;
    std::int32_t n_neurons_, first_;
    std::uint64_t number_;
    bool by_neuron_ = false;
};

}  // namespace evsim
