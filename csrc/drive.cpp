#include "drive.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cpu.hpp"
#include "core/errors.hpp"

namespace evsim {

#if defined(EVSIM_AVX512)
DrawKernel draw_kernel_avx512();
#endif
#if defined(EVSIM_X86_64)
DrawKernel draw_kernel_avx2();
#endif
DrawKernel draw_kernel_baseline();

namespace {

DrawKernel find_draw_kernel() {
#if defined(EVSIM_AVX512)
    if (active_isa() == "avx512") return draw_kernel_avx512();
#endif
#if defined(EVSIM_X86_64)
    if (active_isa() == "avx2") return draw_kernel_avx2();
#endif
    return draw_kernel_baseline();
}

bool all_finite(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

bool any_negative(const std::vector<double>& values) {
    return std::any_of(values.begin(), values.end(), [](double value) { return value < 0.0; });
}

}  // namespace

DriveSettings part_of(DriveSettings settings, std::int32_t n_neurons, std::int32_t first, std::int32_t n) {
    const auto all = static_cast<std::size_t>(n_neurons);
    const auto cut = [&](std::vector<double>& values, std::size_t n_pieces) {
        if (values.size() != n_pieces * all || all < 2) return;
        std::vector<double> own;
        for (std::size_t piece = 0; piece < n_pieces; ++piece) {
            const auto begin = values.begin() + static_cast<std::ptrdiff_t>(piece * all) + first;
            own.insert(own.end(), begin, begin + n);
        }
        values = std::move(own);
    };
    if (auto* poisson = std::get_if<PoissonSettings>(&settings)) {
        cut(poisson->weights, 1);
        cut(poisson->rates, std::max<std::size_t>(1, poisson->times.size()));
    } else {
        auto& noise = std::get<NoiseSettings>(settings);
        for (auto* values : {&noise.means, &noise.deviations, &noise.first_means, &noise.first_deviations})
            cut(*values, 1);
    }
    return settings;
}

Drive::Drive(std::int32_t n_neurons, std::int32_t first, std::uint64_t number, std::uint64_t seed, std::int32_t port)
    : kernel_(find_draw_kernel()), n_neurons_(n_neurons), first_(first), port_(port), seed_(seed), number_(number) {}

void Drive::draw(void (*loop)(const DrawRun&), std::size_t sample, std::span<const std::uint64_t> numbers,
                 std::span<const std::uint64_t> neurons, double* out) const {
    constexpr std::uint64_t tag = 0x64726976'65000000;  // "drive", so that no rule of synapses shares a key
    loop(
        {seed_, tag + number_, sample, numbers.data(), neurons.data(), static_cast<std::int64_t>(numbers.size()), out});
}

PoissonDrive::PoissonDrive(PoissonSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first)
    : Drive(n_neurons, first, number, settings.seed, settings.port), settings_(std::move(settings)) {
    const auto n = static_cast<std::size_t>(n_neurons);
    const std::size_t n_pieces = std::max<std::size_t>(1, settings_.times.size());
    if (settings_.weights.size() != 1 && settings_.weights.size() != n)
        throw ShapeMismatch(
            text("a drive has one weight or one for each of ", n, " neurons, got ", settings_.weights.size()));
    if (settings_.rates.size() != n_pieces && settings_.rates.size() != n_pieces * n)
        throw ShapeMismatch(text("a drive of ", n_pieces, " pieces has a rate for each or, of each, one for each of ",
                                 n, " neurons, got ", settings_.rates.size()));
    by_neuron_ = settings_.rates.size() != n_pieces;
    if (!all_finite(settings_.weights) || !all_finite(settings_.rates) || !all_finite(settings_.times))
        throw NonFinite("weights, rates and times of a drive must be finite");
    if (any_negative(settings_.rates)) throw InvalidArgument("the rates of a drive must not be negative");
    if (std::adjacent_find(settings_.times.begin(), settings_.times.end(), std::greater_equal<>()) !=
        settings_.times.end())
        throw InvalidArgument("the times at which the rates of a drive begin must ascend");
}

double PoissonDrive::most(std::int32_t first, std::int32_t last) const {
    double most = 0.0;
    for (std::size_t piece = 0; piece < std::max<std::size_t>(1, settings_.times.size()); ++piece) {
        double all = 0.0;
        for (std::int32_t n = first; n < last; ++n) all += rate(piece, n);
        most = std::max(most, all);
    }
    return most;
}

void PoissonDrive::begin(double start, std::size_t sample, std::vector<double>& times,
                         std::vector<std::int64_t>& counts) const {
    const auto n = static_cast<std::size_t>(n_neurons());
    std::vector<std::uint64_t> neurons(n);
    for (std::size_t k = 0; k < n; ++k) neurons[k] = static_cast<std::size_t>(first()) + k;
    std::vector<double> drawn(4 * n);
    intervals(sample, std::vector<std::uint64_t>(n, 0), neurons, drawn.data());
    for (std::size_t k = 0; k < n; ++k) times.push_back(after(start, drawn[k], static_cast<std::int32_t>(k)));
    counts.insert(counts.end(), n, 1);
}

void PoissonDrive::check_state(std::span<const double> times, std::span<const std::int64_t> counts) const {
    if (std::any_of(times.begin(), times.end(), [](double time) { return std::isnan(time); }))
        throw NonFinite("the next arrivals of drives must not be NaN");
    if (std::any_of(counts.begin(), counts.end(), [](std::int64_t k) { return k < 1; }))
        throw InvalidArgument("a drive has drawn at least one interval for each neuron");
}

double PoissonDrive::mean_interval(std::int32_t neuron) const {
    // Not infinite: an interval of 0 times as much is none.
    return std::min(1.0 / rate(0, neuron), std::numeric_limits<double>::max());
}

double PoissonDrive::after(double time, double expected, std::int32_t neuron) const {
    const std::vector<double>& times = settings_.times;
    constexpr double never = std::numeric_limits<double>::infinity();
    if (times.empty()) return rate(0, neuron) > 0.0 ? time + expected * mean_interval(neuron) : never;
    auto next = static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
    for (; next <= times.size(); ++next) {
        const double own = next == 0 ? 0.0 : rate(next - 1, neuron);
        if (next == times.size()) return own > 0.0 ? time + expected / own : never;
        const double here = own * (times[next] - time);
        if (expected < here) return std::min(time + expected / own, times[next]);
        expected -= here;
        time = times[next];
    }
    return never;
}

NoiseDrive::NoiseDrive(NoiseSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first)
    : Drive(n_neurons, first, number, settings.seed, settings.port), settings_(std::move(settings)) {
    for (const auto* values :
         {&settings_.means, &settings_.deviations, &settings_.first_means, &settings_.first_deviations}) {
        if (values->size() != 1 && values->size() != static_cast<std::size_t>(n_neurons))
            throw ShapeMismatch(text("noise has one mean and deviation or one for each of ", n_neurons,
                                     " neurons, got ", values->size()));
        if (!all_finite(*values)) throw NonFinite("means and deviations of noise must be finite");
    }
    if (any_negative(settings_.deviations) || any_negative(settings_.first_deviations))
        throw InvalidArgument("deviations of noise must not be negative");
    if (!std::isfinite(settings_.step) || !(settings_.step > 0.0))
        throw InvalidArgument(text("the step of noise must be positive and finite, got ", settings_.step));
}

double NoiseDrive::most(std::int32_t first, std::int32_t last) const { return (last - first) / settings_.step; }

void NoiseDrive::begin(double start, std::size_t /*sample*/, std::vector<double>& times,
                       std::vector<std::int64_t>& counts) const {
    times.insert(times.end(), static_cast<std::size_t>(n_neurons()), start);
    counts.insert(counts.end(), static_cast<std::size_t>(n_neurons()), 0);
}

void NoiseDrive::check_state(std::span<const double> times, std::span<const std::int64_t> counts) const {
    if (std::any_of(times.begin(), times.end(), [](double time) { return !std::isfinite(time); }))
        throw NonFinite("the beginning of noise must be finite");
    for (std::size_t k = 0; k < times.size(); ++k) {
        if (counts[k] < 0 || counts[k] != counts[0] || times[k] != times[0])
            throw InvalidArgument("noise has drawn as many jumps for each neuron, from one time on");
    }
}

std::unique_ptr<const Drive> make_drive(DriveSettings settings, std::int32_t n_neurons, std::uint64_t number,
                                        std::int32_t first) {
    if (auto* poisson = std::get_if<PoissonSettings>(&settings))
        return std::make_unique<const PoissonDrive>(std::move(*poisson), n_neurons, number, first);
    return std::make_unique<const NoiseDrive>(std::get<NoiseSettings>(std::move(settings)), n_neurons, number, first);
}

std::int32_t port_of(const DriveSettings& settings) {
    return std::visit([](const auto& one) { return one.port; }, settings);
}

}  // namespace evsim
