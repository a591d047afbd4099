#include "drive.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

DriveSettings part_of(DriveSettings settings, std::int32_t n_neurons, std::int32_t first, std::int32_t n) {
    const auto all = static_cast<std::size_t>(n_neurons);
    const std::size_t n_pieces = std::max<std::size_t>(1, settings.times.size());
    const auto part = [&](const std::vector<double>& values) {
        std::vector<double> own;
        for (std::size_t from = 0; from < values.size(); from += all) {
            const auto begin = values.begin() + static_cast<std::ptrdiff_t>(from) + first;
            own.insert(own.end(), begin, begin + n);
        }
        return own;
    };
    // Arrays of another length are left to those who judge them.
    if (settings.weights.size() == all && all > 1) settings.weights = part(settings.weights);
    if (settings.rates.size() == n_pieces * all && all > 1) settings.rates = part(settings.rates);
    return settings;
}

Drive::Drive(DriveSettings settings, std::int32_t n_neurons, std::uint64_t number, std::int32_t first)
    : settings_(std::move(settings)), n_neurons_(n_neurons), first_(first), number_(number) {
    const auto n = static_cast<std::size_t>(n_neurons);
    const std::size_t n_pieces = std::max<std::size_t>(1, settings_.times.size());
    if (settings_.weights.size() != 1 && settings_.weights.size() != n)
        throw ShapeMismatch(
            text("a drive has one weight or one for each of ", n, " neurons, got ", settings_.weights.size()));
    if (settings_.rates.size() != n_pieces && settings_.rates.size() != n_pieces * n)
        throw ShapeMismatch(text("a drive of ", n_pieces, " pieces has a rate for each or, of each, one for each of ",
                                 n, " neurons, got ", settings_.rates.size()));
    by_neuron_ = settings_.rates.size() != n_pieces;
    const auto finite = [](double number_) { return std::isfinite(number_); };
    if (!std::all_of(settings_.weights.begin(), settings_.weights.end(), finite) ||
        !std::all_of(settings_.rates.begin(), settings_.rates.end(), finite) ||
        !std::all_of(settings_.times.begin(), settings_.times.end(), finite))
        throw NonFinite("weights, rates and times of a drive must be finite");
    if (std::any_of(settings_.rates.begin(), settings_.rates.end(), [](double rate) { return rate < 0.0; }))
        throw InvalidArgument("the rates of a drive must not be negative");
    if (std::adjacent_find(settings_.times.begin(), settings_.times.end(), std::greater_equal<>()) !=
        settings_.times.end())
        throw InvalidArgument("the times at which the rates of a drive begin must ascend");
}

double Drive::most(std::int32_t first, std::int32_t last) const {
    double most = 0.0;
    for (std::size_t piece = 0; piece < std::max<std::size_t>(1, settings_.times.size()); ++piece) {
        double all = 0.0;
        for (std::int32_t n = first; n < last; ++n) all += rate(piece, n);
        most = std::max(most, all);
    }
    return most;
}

double Drive::after(double time, double expected, std::int32_t neuron) const {
    const std::vector<double>& times = settings_.times;
    if (times.empty()) {
        const double own = rate(0, neuron);
        return own > 0.0 ? time + expected / own : std::numeric_limits<double>::infinity();
    }
    auto next = static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
    for (; next <= times.size(); ++next) {
        const double own = next == 0 ? 0.0 : rate(next - 1, neuron);
        if (next == times.size()) return own > 0.0 ? time + expected / own : std::numeric_limits<double>::infinity();
        const double here = own * (times[next] - time);
        if (expected < here) return std::min(time + expected / own, times[next]);
        expected -= here;
        time = times[next];
    }
    return std::numeric_limits<double>::infinity();
}

double Drive::Intervals::next() {
    if (!ready_ || drawn_ % words_.size() == 0) {
        words_ = philox({drawn_ / words_.size(), neuron_, sample_, 0}, key_);
        ready_ = true;
    }
    // Evenly among the multiples of 2^-53 in (0, 1], and of them the distance from 0 as an exponential has it.
    const double even = static_cast<double>((words_[drawn_++ % words_.size()] >> 11) + 1) * 0x1p-53;
    return -std::log(even);
}

}  // namespace evsim
