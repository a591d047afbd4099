// External drive: arrivals that nobody sends, drawn as they are needed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include <evsim/loops/draw_kernel.h>

namespace evsim {

/// A Poisson process for every neuron of a population, of its own rate and weight.
struct PoissonSettings {
    std::vector<double> weights;  ///< one for all neurons or one for each
    std::vector<double> times;    ///< ascending: where a rate begins; empty if there is one from the beginning on
    std::vector<double> rates;    ///< [piece], or [piece][neuron]
    std::uint64_t seed = 0;
    std::int32_t port = 0;
};

/// Normally distributed jumps at the beginning and at every `step` after it; of each list one for all neurons or one
/// for each.
struct NoiseSettings {
    std::vector<double> means, deviations;
    std::vector<double> first_means, first_deviations;  ///< of the jump at the beginning
    double step = 0.0;
    std::uint64_t seed = 0;
    std::int32_t port = 0;
};

using DriveSettings = std::variant<PoissonSettings, NoiseSettings>;

/// The settings of `n` of n_neurons neurons, from `first` on. Lists of another length are left to those who judge them.
DriveSettings part_of(DriveSettings settings, std::int32_t n_neurons, std::int32_t first, std::int32_t n);

/// What is drawn comes from counters of (drive, sample, neuron, number): it does not depend on who asks for it, nor
/// when. How far it has come is a time and a count for each neuron.
class Drive {
 public:
    virtual ~Drive() = default;
    Drive(const Drive&) = delete;
    Drive& operator=(const Drive&) = delete;

    std::int32_t n_neurons() const { return n_neurons_; }
    /// Of its neurons in their population, where others are elsewhere.
    std::int32_t first() const { return first_; }
    std::int32_t port() const { return port_; }
    const DrawKernel& kernel() const { return kernel_; }
    /// The most arrivals at the neurons [first, last) that are expected in a unit of time.
    virtual double most(std::int32_t first, std::int32_t last) const = 0;
    /// Appends, for each neuron, how far it has come when a sample begins.
    virtual void begin(double start, std::size_t sample, std::vector<double>& times,
                       std::vector<std::int64_t>& counts) const = 0;
    /// Throws NonFinite or InvalidArgument where no drive can stand.
    virtual void check_state(std::span<const double> times, std::span<const std::int64_t> counts) const = 0;

 protected:
    Drive(std::int32_t n_neurons, std::int32_t first, std::uint64_t number, std::uint64_t seed, std::int32_t port);

    /// Blocks of numbers of a sample: `draw` for those of n counters, to out, [word][counter].
    void draw(void (*loop)(const DrawRun&), std::size_t sample, std::span<const std::uint64_t> numbers,
              std::span<const std::uint64_t> neurons, double* out) const;

    const DrawKernel kernel_;

 private:
    std::int32_t n_neurons_, first_, port_;
    std::uint64_t seed_, number_;
};

/// Counts the intervals drawn, of which the last ends at the time: the next arrival.
class PoissonDrive final : public Drive {
 public:
    /// `number`: of the drive in its network. Throws ShapeMismatch, NonFinite or InvalidArgument.
    PoissonDrive(PoissonSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first = 0);

    /// From that of a neuron on, `weight_step` apart.
    const double* weights(std::int32_t neuron) const { return settings_.weights.data() + neuron * weight_step(); }
    std::int32_t weight_step() const { return settings_.weights.size() == 1 ? 0 : 1; }
    double most(std::int32_t first, std::int32_t last) const override;
    void begin(double start, std::size_t sample, std::vector<double>& times,
               std::vector<std::int64_t>& counts) const override;
    void check_state(std::span<const double> times, std::span<const std::int64_t> counts) const override;

    bool steady() const { return settings_.times.empty(); }
    /// Of a steady one: how long an expected arrival takes; infinity, or as good as, if it never comes.
    double mean_interval(std::int32_t neuron) const;
    /// When so many arrivals are expected from `time` on; infinity if they never are.
    double after(double time, double expected, std::int32_t neuron) const;
    /// Intervals 4 b, ..., 4 b + 3, for pairs of b and a neuron of the population, in expected arrivals: to out,
    /// [4][pair].
    void intervals(std::size_t sample, std::span<const std::uint64_t> blocks, std::span<const std::uint64_t> neurons,
                   double* out) const {
        draw(kernel_.exponential, sample, blocks, neurons, out);
    }

 private:
    double rate(std::size_t piece, std::int32_t neuron) const {
        return settings_
            .rates[by_neuron_ ? piece * static_cast<std::size_t>(n_neurons()) + static_cast<std::size_t>(neuron)
                              : piece];
    }

    PoissonSettings settings_;
    bool by_neuron_ = false;
};

/// Counts the jumps; the time is that of the beginning. All neurons have come equally far.
class NoiseDrive final : public Drive {
 public:
    /// As that of PoissonDrive.
    NoiseDrive(NoiseSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first = 0);

    double most(std::int32_t first, std::int32_t last) const override;
    void begin(double start, std::size_t sample, std::vector<double>& times,
               std::vector<std::int64_t>& counts) const override;
    void check_state(std::span<const double> times, std::span<const std::int64_t> counts) const override;

    double time(double start, std::int64_t jump) const { return start + static_cast<double>(jump) * settings_.step; }
    double size(std::int64_t jump, std::int32_t neuron, double normal) const {
        return jump == 0 ? of(settings_.first_means, neuron) + of(settings_.first_deviations, neuron) * normal
                         : of(settings_.means, neuron) + of(settings_.deviations, neuron) * normal;
    }
    /// What jump j draws for neurons 4 g, ..., 4 g + 3 of the population, for pairs of j and g: to out, [4][pair].
    void normals(std::size_t sample, std::span<const std::uint64_t> jumps, std::span<const std::uint64_t> groups,
                 double* out) const {
        draw(kernel_.normal, sample, jumps, groups, out);
    }
    static constexpr std::int32_t group = 4;

 private:
    static double of(const std::vector<double>& values, std::int32_t neuron) {
        return values[values.size() == 1 ? 0 : static_cast<std::size_t>(neuron)];
    }

    NoiseSettings settings_;
};

std::unique_ptr<const Drive> make_drive(DriveSettings settings, std::int32_t n_neurons, std::uint64_t number,
                                        std::int32_t first = 0);
std::int32_t port_of(const DriveSettings& settings);

}  // namespace evsim
