#include "kernel/parameters.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace evsim {

namespace {

void check_parameter(const std::vector<double>& values, const char* name) {
    const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
    if (bad != values.end()) throw NonFinite(text(name, " must be finite, got ", *bad));
}

std::int32_t position(const char* const* names, std::int32_t n, const std::string& name, const char* model,
                      const char* kind) {
    std::string known;
    for (std::int32_t k = 0; k < n; ++k) {
        if (name == names[k]) return k;
        known += (k > 0 ? ", " : "") + std::string(names[k]);
    }
    throw InvalidArgument(
        text("neuron model '", model, "' has no ", kind, " '", name, "'; it has: ", known.empty() ? "none" : known));
}

}  // namespace

void check_shared(const NeuronKernel& kernel, const std::vector<double>& shared) {
    if (shared.size() != static_cast<std::size_t>(kernel.n_shared)) {
        throw ShapeMismatch(
            text("neuron model '", kernel.model, "' has ", kernel.n_shared, " shared parameters, got ", shared.size()));
    }
    check_parameter(shared, "shared parameters");
}

std::vector<double> spread_parameters(const NeuronKernel& kernel, const std::vector<std::vector<double>>& parameters,
                                      std::int32_t n_neurons, std::size_t padded) {
    if (parameters.size() != static_cast<std::size_t>(kernel.n_neuron)) {
        throw ShapeMismatch(text("neuron model '", kernel.model, "' has ", kernel.n_neuron,
                                 " parameters per neuron, got ", parameters.size()));
    }
    std::vector<double> out(parameters.size() * padded);
    for (std::size_t k = 0; k < parameters.size(); ++k) {
        const std::vector<double>& values = parameters[k];
        const char* name = kernel.neuron_names[k];
        check_parameter(values, name);
        if (values.size() != 1 && values.size() != static_cast<std::size_t>(n_neurons)) {
            throw ShapeMismatch(
                text(name, " must be one value or one per neuron (", n_neurons, "), got ", values.size()));
        }
        for (std::size_t n = 0; n < padded; ++n)
            out[n * parameters.size() + k] = values[std::min(n, values.size() - 1)];
    }
    return out;
}

std::int32_t observable_of(const NeuronKernel& kernel, const std::string& name) {
    return position(kernel.observable_names, kernel.n_observables, name, kernel.model, "variable");
}

std::int32_t memory_of(const NeuronKernel& kernel, const std::string& name) {
    return position(kernel.memory_names, kernel.n_memory, name, kernel.model, "memory of");
}

std::vector<double> free_releases(const NeuronKernel& kernel, std::size_t n) {
    std::vector<double> releases(kernel.holds ? 2 * n : 0);
    for (std::size_t k = 0; k < releases.size(); k += 2) releases[k] = -std::numeric_limits<double>::infinity();
    return releases;
}

void check_releases(const NeuronKernel& kernel, const std::vector<double>& releases, std::size_t n_neurons) {
    const std::size_t expected = kernel.holds ? 2 * n_neurons : 0;
    if (releases.size() != expected) {
        throw ShapeMismatch(
            text("a state has ", releases.size(), " numbers for the clocks of its neurons, not ", expected));
    }
    if (std::any_of(releases.begin(), releases.end(), [](double number) { return std::isnan(number); }))
        throw NonFinite("the times of release of a state must not be NaN");
}

}  // namespace evsim
